import type { Answerer, Ear, EarChoice, ModelRow, Says } from "$lib/backend";
import { isHere } from "./local";
import { milliseconds } from "./measure";

/** Who answers what the person says, as it is chosen. */
export const ANSWERERS: Record<Answerer, string> = {
  moshi: "Moshi alone",
  brainThroughMoshi: "Brain through Moshi",
  brainInText: "Brain in text",
};

export const EARS: Record<EarChoice, string> = {
  off: "Nobody",
  host: "The host",
  thisComputer: "This computer",
  server: "Another recogniser",
};

export const SAYS: Record<Says, string> = { atPause: "At the next pause", atOnce: "At once" };

/** The recognisers that are on this computer. */
export function recognisers(rows: readonly ModelRow[]): ModelRow[] {
  return rows.filter(({ recognises, state }) => recognises && isHere(state));
}

/** Sound in a frame of a recogniser, in milliseconds. It keeps up when it needs less. */
const FRAME_MS = 80;

/** "500 ms behind · 12 of 80 ms": how late words come by design, and what they cost. Empty where neither is known. */
export function earFigures({ delayMs, frames, lostMs }: Ear): string {
  const figures = [
    delayMs === null ? "" : `${milliseconds(delayMs)} behind`,
    frames ? `${Math.round(frames.p50Ms)} of ${FRAME_MS} ms` : "",
    lostMs > 0 ? `${milliseconds(lostMs)} lost` : "",
  ];
  return figures.filter(Boolean).join(" · ");
}

/** The same in sentences. */
export function earSentences({ delayMs, frames, lostMs, ofHost }: Ear): string[] {
  return [
    delayMs === null ? "" : `Words come ${milliseconds(delayMs)} after they were said, as its model is made.`,
    frames ? `Hearing takes ${Math.round(frames.p50Ms)} ms for each ${FRAME_MS} ms of sound${ofHost ? ", on the host" : ""}.` : "",
    lostMs > 0 ? `${milliseconds(lostMs)} of what you said could not be sent to it.` : "",
  ].filter(Boolean);
}

/** What dictation does, in a few words. */
export function dictationWords(ear: Ear): string {
  if (ear.phase === "listening") return "Dictating. What you say is written here.";
  return ear.problem ? `${ear.problem.what} ${ear.problem.next}` : "The recogniser is being reached.";
}
