import type { Call, Latency, Stage } from "$lib/backend";
import { amount, milliseconds } from "./measure";

export const STAGE_WORDS: Record<Stage, string> = {
  microphone: "mic",
  network: "network",
  host: "host",
  buffer: "buffer",
  speaker: "speaker",
};

/** Why a stage shows a dash. */
export function unmeasured(call: Call): string {
  if (call.phase !== "live") return "Measured while you talk.";
  return "Not measured yet.";
}

export type Figure = { name: string; value: string; why: string };

/** The figures behind the strip. */
export function latencyFigures(latency: Latency): Figure[] {
  return [
    {
      name: "Buffer target",
      value: milliseconds(latency.targetBufferMs),
      why: "Sound held back so that an uneven network is not heard.",
    },
    { name: "Jitter", value: milliseconds(latency.jitterMs), why: "How unevenly sound arrives." },
    {
      name: "Underruns",
      value: amount(latency.underruns, "time"),
      why: "How often the buffer ran empty.",
    },
    { name: "Concealed", value: milliseconds(latency.concealedMs), why: "Sound made up where some was missing." },
    { name: "Dropped", value: milliseconds(latency.droppedMs), why: "Sound thrown away to catch up." },
  ];
}
