import type { Light, LightId, LightState, NoticeLevel } from "$lib/backend";
import { sinceWords } from "./time";

export const LIGHT_NAMES: Record<LightId, string> = {
  microphone: "Microphone",
  speaker: "Speaker",
  moshi: "Moshi",
  ear: "Hearing",
  bridge: "Bridge",
  mas: "Agent system",
  brain: "Brain",
  memory: "Memory",
};

export const STATE_WORDS: Record<LightState, string> = {
  well: "Working",
  waiting: "Waiting",
  wrong: "Problem",
  off: "Off",
};

export const NOTICE_WORDS: Record<NoticeLevel, string> = { info: "Note", warning: "Warning", error: "Problem" };

export function lightSince({ state, sinceMs }: Light, nowMs: number): string {
  return sinceWords(sinceMs, nowMs, state === "waiting");
}
