/** How well a word of the search fits a word of the title: its beginning, a part of it, its letters in order, not. */
function fit(sought: string, word: string): number {
  if (word.startsWith(sought)) return 3;
  if (word.includes(sought)) return 2;
  let from = 0;
  for (const letter of sought) {
    const found = word.indexOf(letter, from);
    if (found < 0) return 0;
    from = found + 1;
  }
  return 1;
}

const wordsOf = (text: string) => text.toLowerCase().split(/[^\p{L}\p{N}]+/u).filter(Boolean);

/** Those whose title has every word of the search in it, the best first; all of them for no search. */
export function matching<T extends { title: string }>(items: readonly T[], search: string): T[] {
  const sought = wordsOf(search);
  const scored = items.map((item) => {
    const words = wordsOf(item.title);
    const fits = sought.map((part) => Math.max(0, ...words.map((word) => fit(part, word))));
    return { item, score: fits.includes(0) ? -1 : fits.reduce((sum, one) => sum + one, 0) };
  });
  return scored
    .filter(({ score }) => score >= 0)
    .sort((a, b) => b.score - a.score)
    .map(({ item }) => item);
}
