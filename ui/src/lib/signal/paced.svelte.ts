/**
 * A value that follows another at most once per `pauseMs`. Figures that change 15 times a second cannot be read.
 * The last value of a pause may be skipped: whoever stops sending says so elsewhere.
 */
export function paced<T>(source: () => T, pauseMs: () => number): { readonly value: T } {
  let shown = $state.raw(source());
  let shownAt = -Infinity;
  $effect(() => {
    const next = source();
    const now = performance.now();
    if (now - shownAt < pauseMs()) return;
    shownAt = now;
    shown = next;
  });
  return {
    get value() {
      return shown;
    },
  };
}
