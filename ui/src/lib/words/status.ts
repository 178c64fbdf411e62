import type { Light, LightId, LightState, NoticeLevel } from "$lib/backend";
import { clockTime, minutes } from "./time";

export const LIGHT_NAMES: Record<LightId, string> = {
  microphone: "Microphone",
  speaker: "Speaker",
  moshi: "Moshi",
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

/** Whoever waits wants to know how long already; otherwise the time of day says more. */
export function sinceWords(light: Light, nowMs: number): string {
  return light.state === "waiting" ? minutes(nowMs - light.sinceMs) : `since ${clockTime(light.sinceMs, nowMs)}`;
}
