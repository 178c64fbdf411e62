import type { Place } from "$lib/state/app.svelte";

export type SectionName = Exclude<Place, "localLog" | "hostAdd">;

/** The sections of the settings in their order, with their names where there is little room. */
export const PLACES: readonly (readonly [SectionName, string])[] = [
  ["host", "Hosts"],
  ["local", "This computer"],
  ["doctor", "Doctor"],
  ["models", "Models"],
  ["audio", "Audio"],
  ["hearing", "Hearing"],
  ["persona", "Voice and persona"],
  ["brain", "Brain"],
  ["appearance", "Appearance"],
  ["about", "About"],
];
