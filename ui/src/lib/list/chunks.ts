/** How many rows come and go together. */
export const CHUNK = 32;

/** Rows that come and go together. Its number stays with its rows, also when the list is cut at its beginning. */
export type Chunk<T> = { number: number; first: number; items: T[] };

/** `cut`: how many rows were cut from the beginning of the list so far. */
export function chunked<T>(items: readonly T[], cut = 0): Chunk<T>[] {
  const chunks: Chunk<T>[] = [];
  let first = 0;
  while (first < items.length) {
    const end = first + CHUNK - ((cut + first) % CHUNK);
    chunks.push({ number: Math.floor((cut + first) / CHUNK), first, items: items.slice(first, end) });
    first = end;
  }
  return chunks;
}
