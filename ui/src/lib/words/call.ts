import type { Action, Call, Phase } from "$lib/backend";
import { canStop } from "$lib/state/phase";

export const PHASE_WORDS: Record<Phase, string> = {
  idle: "Ready",
  connecting: "Connecting",
  warmingUp: "Warming up",
  busy: "Busy",
  live: "Live",
  reconnecting: "Reconnecting",
  typingOnly: "Typing only",
  failed: "Not connected",
};

/** What is, and what comes next, when Rust has no problem to report. `here`: the host is this computer. */
export function phaseSentence(call: Call, here = false): string {
  const host = here ? "this computer" : call.host || "the host";
  switch (call.phase) {
    case "idle":
      return here || call.host ? `Talk connects to ${host}.` : "No host is set. Talk needs one; typing does not.";
    case "connecting":
      return `Asking ${host} for a conversation.`;
    case "warmingUp":
      return `${sentenceStart(host)} has answered and is getting Moshi ready.`;
    case "busy":
      return `Someone else holds ${host}. It answers one caller at a time.`;
    case "live":
      return [call.host, call.model].filter(Boolean).join(" · ");
    case "reconnecting":
      return `The line to ${host} broke. What you say now is not heard.`;
    case "typingOnly":
      return "Moshi is not there. The conversation goes on in text.";
    case "failed":
      return `${sentenceStart(host)} could not be reached.`;
  }
}

function sentenceStart(host: string): string {
  return host === "the host" ? "The host" : host === "this computer" ? "This computer" : host;
}

export function actionWord(action: Action, phase: Phase): string {
  switch (action) {
    case "talk":
      return phase === "failed" ? "Try again" : "Talk";
    case "stop":
      return canStop(phase) && phase !== "live" ? "Cancel" : "Stop";
    case "openHostSettings":
      return "Use another host";
    case "openAudioSettings":
      return "Audio settings";
    case "openHearingSettings":
      return "Hearing settings";
    case "openPersonaSettings":
      return "Voice and persona";
    case "openBrainSettings":
      return "Brain settings";
    case "openDoctor":
      return "What runs here";
    case "openModels":
      return "Models";
    case "startLocal":
      return "Start Moshi here";
    case "openLocalLog":
      return "Show the log";
    case "newConversation":
      return "New conversation";
  }
}
