import type { LightState } from "$lib/backend";

/** Every state that has a shape: those of a light, and of what works on something. */
export type ShapeName = LightState | "running";
