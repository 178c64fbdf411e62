import type { Problem } from "$lib/backend";

const NOTHING = Symbol("nothing");

/** A setting while it is being edited: what is in the field, and why it was not taken. */
export class Draft<T> {
  problem: Problem | null = $state.raw(null);
  #edited: T | typeof NOTHING = $state.raw(NOTHING);
  /** The saved value that an accepted edit replaces: until the settings come back changed, the edit stays in sight. */
  #replaces: T | typeof NOTHING = $state.raw(NOTHING);
  /** Whether they came back: from then on what is saved counts, also where it becomes again what it was. */
  #settled = false;

  constructor(
    private readonly saved: () => T,
    private readonly save: (value: T) => Promise<Problem | null>,
  ) {}

  get value(): T {
    const saved = this.saved();
    if (this.#edited === NOTHING || this.#settled) return saved;
    if (this.#replaces === NOTHING || this.#replaces === saved) return this.#edited;
    this.#settled = true;
    return saved;
  }

  set value(value: T) {
    this.#edited = value;
    this.#replaces = NOTHING;
    this.#settled = false;
  }

  /** Saves what was edited. Called when the field is left or an option chosen. */
  async commit(): Promise<void> {
    const edited = this.value;
    const saved = this.saved();
    if (edited === saved) {
      this.#edited = NOTHING;
      this.problem = null;
      return;
    }
    const problem = await this.save(edited);
    // Edited again meanwhile: the answer is about a value that is gone.
    if (this.#edited !== edited) return;
    this.problem = problem;
    if (!problem) this.#replaces = saved;
  }
}
