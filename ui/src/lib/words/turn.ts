import type { Speaker, TurnSource } from "$lib/backend";

export const SPEAKER_NAMES: Record<Speaker, string> = { person: "You", moshi: "Moshi", brain: "Brain" };

export const SOURCE_WORDS: Record<TurnSource, string> = { typed: "typed", heard: "heard", spoken: "spoken" };

/** The word for a turn that still grows. */
export const OPEN_WORDS: Record<TurnSource, string> = {
  typed: "still writing",
  heard: "still talking",
  spoken: "still talking",
};
