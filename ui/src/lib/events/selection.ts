/** A stretch of entries by their numbers: where it began, and where it was led to. */
export type Selection = { anchor: number; active: number };

/** By how many rows a key leads the selection on, in a list that shows `page` rows at once; null for other keys. */
export function stepOf(key: string, page: number): number | null {
  switch (key) {
    case "ArrowUp":
      return -1;
    case "ArrowDown":
      return 1;
    case "PageUp":
      return -page;
    case "PageDown":
      return page;
    case "Home":
      return -Infinity;
    case "End":
      return Infinity;
    default:
      return null;
  }
}

export function holds({ anchor, active }: Selection, number: number): boolean {
  return number >= Math.min(anchor, active) && number <= Math.max(anchor, active);
}
