import type { Delivery, Speaker, TurnSource } from "$lib/backend";

export const SPEAKER_NAMES: Record<Speaker, string> = { person: "You", moshi: "Moshi", brain: "Brain" };

export const SOURCE_WORDS: Record<TurnSource, string> = {
  typed: "typed",
  heard: "heard",
  spoken: "spoken",
  written: "written",
};

/** The word for a turn that still grows. */
export const OPEN_WORDS: Record<TurnSource, string> = {
  typed: "still writing",
  heard: "being heard",
  spoken: "still talking",
  written: "answering",
};

/** How a turn came. What Moshi says where the brain is to answer is its own, and not the brain's. */
export function sourceWords(source: TurnSource, brainAnswers: boolean): string {
  return source === "spoken" && brainAnswers ? "own words" : SOURCE_WORDS[source];
}

/** Where a turn is on its way to the brain. That it arrived is told by the answer, that it did not by the reason. */
export const DELIVERY_WORDS: Record<Exclude<Delivery, "delivered" | "failed">, string> = {
  waiting: "waits to be sent",
  sent: "sent",
};
