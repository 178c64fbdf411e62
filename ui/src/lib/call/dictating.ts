import type { Dictation } from "$lib/backend";
import { caretAfter, dictatedAt, type Dictated, filled } from "./dictated";

/** A box that is written into, as far as it is known here. */
export type Box = { text: string; caret: number };

/** Writes what is heard into a box beside what the person types into it. */
export class Dictating {
  #place: Dictated | null = null;
  #heard = "";
  #on = false;

  /** What the box is to hold after more was heard, or null where that changes nothing. */
  heard({ on, text }: Dictation, box: Box): Box | null {
    if (on && !this.#on) {
      // What was heard before the box was there to take it comes all at once.
      this.#place = dictatedAt(box.text, box.caret);
      this.#heard = "";
    }
    this.#on = on;
    if (!this.#place || text === this.#heard) return null;
    const [was, now] = [filled(this.#place, this.#heard), filled(this.#place, text)];
    this.#heard = text;
    return now.text === box.text ? null : { text: now.text, caret: caretAfter(box.caret, was, now) };
  }

  /** The person wrote, or sent what is there: that is theirs from now on. What is heard goes on at the caret. */
  wrote(box: Box): void {
    if (!this.#place) return;
    this.#place = this.#on ? dictatedAt(box.text, box.caret, this.#heard.length) : null;
  }
}
