import type { LogEntry, LogLevel, LogSource } from "$lib/backend";

/** Which entries are shown. `level`: these and graver ones. */
export type Filter = { source: LogSource | null; level: LogLevel; text: string };

export const EVERYTHING: Filter = { source: null, level: "info", text: "" };

const GRAVITY: Record<LogLevel, number> = { info: 0, warning: 1, error: 2 };

/** The entries that a filter lets through, and where it has looked, so that a longer list is not looked through again. */
export type Filtered = { filter: Filter; shown: readonly LogEntry[]; last: number };

/** What the filter lets through now. `before` may be of any list and filter: what of it still holds is taken over. */
export function filtered(before: Filtered | null, entries: readonly LogEntry[], filter: Filter): Filtered {
  const first = entries[0]?.number ?? Infinity;
  const last = entries.at(-1)?.number ?? -1;
  const goesOn = before !== null && same(before.filter, filter) && before.last <= last;
  const kept = goesOn ? before.shown.slice(firstAt(before.shown, first)) : [];
  const fresh = goesOn ? entries.slice(firstAt(entries, before.last + 1)) : entries;
  return { filter, shown: [...kept, ...fresh.filter((entry) => fits(entry, filter))], last };
}

function same(a: Filter, b: Filter): boolean {
  return a.source === b.source && a.level === b.level && a.text === b.text;
}

function fits({ source, level, what, said }: LogEntry, filter: Filter): boolean {
  if (filter.source !== null && source !== filter.source) return false;
  if (GRAVITY[level] < GRAVITY[filter.level]) return false;
  const text = filter.text.trim().toLowerCase();
  return text === "" || what.toLowerCase().includes(text) || (said?.toLowerCase().includes(text) ?? false);
}

/** Where the entries with this number or a later one begin. */
export function firstAt(entries: readonly LogEntry[], number: number): number {
  let [low, high] = [0, entries.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((entries[middle]?.number ?? Infinity) < number) low = middle + 1;
    else high = middle;
  }
  return low;
}
