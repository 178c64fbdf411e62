/** Between two announcements: a screen reader is interrupted by each, and turns can end faster than it reads. */
const PAUSE_MS = 2000;

/** The text of the window's one live region. What comes during the pause is said together after it. */
export class Announcer {
  text = $state("");
  #waiting: string[] = [];
  #pause: ReturnType<typeof setTimeout> | undefined;

  say(text: string): void {
    this.#waiting.push(text);
    if (this.#pause === undefined) this.#speak();
  }

  #speak(): void {
    this.text = this.#waiting.join(" ");
    this.#waiting = [];
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      if (this.#waiting.length > 0) this.#speak();
    }, PAUSE_MS);
  }
}
