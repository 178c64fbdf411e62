/** The most entries of a list that the window keeps. What is cut is counted. */
export const MOST = 10_000;

export type Merged<T> = { list: T[]; cut: number };

/**
 * A list with what is new or changed in it, in one pass however much that is: what is known stays in its place, what
 * is not goes to the end, and the beginning is cut where the list becomes too long.
 */
export function merged<T extends { id: string }>(known: readonly T[], news: readonly T[], most = MOST): Merged<T> {
  const fresh = new Map(news.map((item) => [item.id, item]));
  const list = known.map((item) => {
    const change = fresh.get(item.id);
    if (!change) return item;
    fresh.delete(item.id);
    return change;
  });
  for (const item of fresh.values()) list.push(item);
  return cutTo(list, most);
}

/** A list of numbered entries with later ones behind it. Those that it has already are not taken twice. */
export function continued<T extends { number: number }>(known: readonly T[], news: readonly T[], most = MOST): Merged<T> {
  const last = known.at(-1)?.number ?? -1;
  return cutTo([...known, ...news.filter(({ number }) => number > last)], most);
}

export function cutTo<T>(list: T[], most = MOST): Merged<T> {
  const cut = Math.max(0, list.length - most);
  return { list: cut > 0 ? list.slice(cut) : list, cut };
}
