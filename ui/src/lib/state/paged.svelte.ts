import type { Problem } from "$lib/backend";
import { merged } from "./merge";
import type { Answer } from "./store.svelte";

/** Between two letters of a search nobody wants an answer. */
const PAUSE_MS = 200;

export type Page<T> = { items: T[]; total: number };

/** A list that is searched and comes in pages. Answers to a search that has changed meanwhile are not listened to. */
export class Paged<T extends { id: string }> {
  items: readonly T[] = $state.raw([]);
  total = $state(0);
  loading = $state(false);
  problem: Problem | null = $state.raw(null);
  #query = $state("");
  #wish = 0;
  #pause: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly load: (query: string, offset: number) => Promise<Answer<Page<T>>>,
    private readonly pauseMs = PAUSE_MS,
  ) {}

  get query(): string {
    return this.#query;
  }

  set query(query: string) {
    this.#query = query;
    clearTimeout(this.#pause);
    this.#pause = setTimeout(() => void this.reload(), this.pauseMs);
  }

  /** From the first page on. */
  reload(): Promise<void> {
    clearTimeout(this.#pause);
    return this.#ask(0);
  }

  /** The next page. */
  more(): Promise<void> {
    return this.loading ? Promise.resolve() : this.#ask(this.items.length);
  }

  /** What became of an item without asking for the page again. */
  replace(item: T): void {
    this.items = this.items.map((known) => (known.id === item.id ? item : known));
  }

  remove(id: string): void {
    const left = this.items.filter((item) => item.id !== id);
    this.total = Math.max(0, this.total - (this.items.length - left.length));
    this.items = left;
  }

  async #ask(offset: number): Promise<void> {
    const wish = (this.#wish += 1);
    this.loading = true;
    const answer = await this.load(this.#query, offset);
    if (wish !== this.#wish) return;
    this.loading = false;
    this.problem = answer.problem;
    if (answer.problem) return;
    const { items, total } = answer.value;
    // A list that grew meanwhile gives some of the last page again.
    this.items = offset === 0 ? items : merged(this.items, items, Infinity).list;
    this.total = total;
  }
}
