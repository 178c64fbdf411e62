import type { LightState } from "$lib/backend";

/** Every state that has a shape: those of a light, and of what works on something. */
export type ShapeName = LightState | "running";

/** How a state is shown: a shape, and the word that says the same. */
export type Shown = { shape: ShapeName; word: string };
