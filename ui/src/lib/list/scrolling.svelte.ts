/* eslint-disable svelte/prefer-svelte-reactivity -- the maps are bookkeeping that nothing on the screen reads */
import { tick } from "svelte";
import type { Attachment } from "svelte/attachments";
import { SvelteSet } from "svelte/reactivity";

/** Closer to the end than a turn is tall counts as being there: who scrolls to the end need not hit it exactly. */
const END_PX = 40;

/**
 * Keeps a scrolling list where its reader wants it: at the end while at the end, and otherwise on the same words,
 * although what stands above them comes and goes. Knows which chunks are near enough to be drawn.
 */
export class Scrolling {
  atEnd = $state(true);
  #near = new SvelteSet<number>();
  #scroller: HTMLElement | null = null;
  #heights = new Map<number, number>();
  #chunks = new Map<Element, number>();
  /** The same function for a chunk each time, so that a list that changes does not take its rows up anew. */
  #watches = new Map<number, Attachment<HTMLElement>>();
  #sizes: ResizeObserver | null = null;
  #sight: IntersectionObserver | null = null;

  isNear(chunk: number): boolean {
    return this.#near.has(chunk);
  }

  /** The last known height of a chunk that is not drawn. */
  heightOf(chunk: number): number | undefined {
    return this.#heights.get(chunk);
  }

  attach = (scroller: HTMLElement) => {
    this.#scroller = scroller;
    this.#sizes = new ResizeObserver((entries) => this.#resized(entries));
    this.#sight = new IntersectionObserver((entries) => this.#seen(entries), {
      root: scroller,
      // A screen ahead in both directions, so that scrolling finds the turns already there.
      rootMargin: "100% 0px",
    });
    this.#sizes.observe(scroller);
    for (const chunk of this.#chunks.keys()) this.#observe(chunk);
    let topBefore = scroller.scrollTop;
    const scrolled = () => {
      const { scrollTop, scrollHeight, clientHeight } = scroller;
      if (scrollHeight - scrollTop - clientHeight < END_PX) this.atEnd = true;
      // Only going up leaves the end. Being far from it may just mean that the window changed a moment ago.
      else if (scrollTop < topBefore) this.atEnd = false;
      topBefore = scrollTop;
    };
    scroller.addEventListener("scroll", scrolled, { passive: true });
    return () => {
      scroller.removeEventListener("scroll", scrolled);
      this.#sizes?.disconnect();
      this.#sight?.disconnect();
      this.#scroller = null;
    };
  };

  watch(chunk: number): Attachment<HTMLElement> {
    const known = this.#watches.get(chunk);
    if (known) return known;
    const watch = (element: HTMLElement) => {
      this.#chunks.set(element, chunk);
      this.#observe(element);
      return () => {
        this.#watches.delete(chunk);
        this.#chunks.delete(element);
        this.#heights.delete(chunk);
        this.#near.delete(chunk);
        this.#sizes?.unobserve(element);
        this.#sight?.unobserve(element);
      };
    };
    this.#watches.set(chunk, watch);
    return watch;
  }

  toEnd(): void {
    this.atEnd = true;
    this.#scroller?.scrollTo({ top: this.#scroller.scrollHeight });
  }

  toStart(): void {
    this.#scroller?.scrollTo({ top: 0 });
  }

  /** Chunks are about to go from the beginning: whoever reads further down stays on the same words. */
  lose(chunks: readonly number[]): void {
    if (this.atEnd) return;
    const height = chunks.reduce((sum, chunk) => sum + (this.#heights.get(chunk) ?? 0), 0);
    void tick().then(() => {
      if (this.#scroller) this.#scroller.scrollTop -= height;
    });
  }

  #observe(element: Element): void {
    this.#sizes?.observe(element);
    this.#sight?.observe(element);
  }

  #seen(entries: IntersectionObserverEntry[]): void {
    for (const { target, isIntersecting } of entries) {
      const chunk = this.#chunks.get(target);
      if (chunk === undefined) continue;
      if (isIntersecting) this.#near.add(chunk);
      else this.#near.delete(chunk);
    }
  }

  /** Runs after layout and before painting, so a correction is never seen as a jump. */
  #resized(entries: ResizeObserverEntry[]): void {
    const scroller = this.#scroller;
    if (!scroller) return;
    let grownAbove = 0;
    for (const { target } of entries) {
      const chunk = this.#chunks.get(target);
      if (chunk === undefined || !(target instanceof HTMLElement)) continue;
      const before = this.#heights.get(chunk);
      const height = target.offsetHeight;
      this.#heights.set(chunk, height);
      if (before !== undefined && target.offsetTop + before <= scroller.scrollTop) grownAbove += height - before;
    }
    if (this.atEnd) this.toEnd();
    else if (grownAbove !== 0) scroller.scrollTop += grownAbove;
  }
}
