import type { Call, HostFrames, Latency, Stage } from "$lib/backend";
import { amount, milliseconds } from "./measure";

export const STAGE_WORDS: Record<Stage, string> = {
  microphone: "mic",
  network: "network",
  host: "host",
  buffer: "buffer",
  speaker: "speaker",
};

/** What a frame of the model lasts. */
const FRAME_MS = 80;

/** Why a stage shows a dash. */
export function unmeasured(call: Call): string {
  if (call.phase !== "live") return "Measured while you talk.";
  return "Not measured yet.";
}

export type Figure = { name: string; value: string; why: string };

/** The figures behind the strip. */
export function latencyFigures(latency: Latency): Figure[] {
  return [...ownFigures(latency), ...hostFigures(latency.hostFrames)];
}

/** What a host says of itself; one that says nothing has no figures. */
function hostFigures(frames: HostFrames | null): Figure[] {
  if (frames === null) return [];
  return [
    {
      name: "Host, a frame",
      value: milliseconds(frames.p50Ms),
      why: frames.p50Ms > FRAME_MS ? "Longer than the 80 ms that it lasts: the host is too slow." : "Half of them took no longer. It lasts 80 ms.",
    },
    { name: "Host, slow frames", value: milliseconds(frames.p99Ms), why: "99 of 100 took no longer." },
    { name: "Host, waiting", value: amount(frames.backlog, "frame"), why: "Sound that the host has not come to." },
    { name: "Host, skipped", value: milliseconds(frames.droppedMs), why: "What you said while the host was behind." },
  ];
}

function ownFigures(latency: Latency): Figure[] {
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
