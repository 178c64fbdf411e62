/** How many turns come and go together. */
export const CHUNK = 32;

/** What a turn that was never on the screen is taken to be tall; corrected when it is. */
const TURN_HEIGHT = 40;

export type Chunk<T> = { first: number; items: T[] };

export function chunked<T>(items: readonly T[]): Chunk<T>[] {
  const chunks: Chunk<T>[] = [];
  for (let first = 0; first < items.length; first += CHUNK) {
    chunks.push({ first, items: items.slice(first, first + CHUNK) });
  }
  return chunks;
}

export function guessedHeight(count: number): number {
  return count * TURN_HEIGHT;
}
