import { createSubscriber } from "svelte/reactivity";

/** A clock that moves once a second, and only while something on the screen reads it. */
class Clock {
  #read = createSubscriber((moved) => {
    let timer: ReturnType<typeof setTimeout>;
    const next = () => {
      // Aligned to the second, so that counters started together change together.
      timer = setTimeout(() => {
        moved();
        next();
      }, 1000 - (Date.now() % 1000));
    };
    next();
    return () => clearTimeout(timer);
  });

  get nowMs(): number {
    this.#read();
    return Date.now();
  }
}

export const clock = new Clock();
