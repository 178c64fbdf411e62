import type { AgentState, BrainKind, BrainPanel, BrainState, Canned, Injection, InjectionState, InjectionVoice } from "$lib/backend";
import type { Shown } from "$lib/ui/shapes";
import { counted, milliseconds } from "./measure";
import type { Figure } from "./latency";
import { sinceWords } from "./time";

export const BRAIN_STATES: Record<BrainState, Shown> = {
  ready: { shape: "off", word: "Ready" },
  thinking: { shape: "running", word: "Thinking" },
  waiting: { shape: "waiting", word: "Waiting" },
  streaming: { shape: "running", word: "Answering" },
  failed: { shape: "wrong", word: "No answer" },
};

export const BRAIN_KINDS: Record<BrainKind, string> = {
  builtIn: "Built-in brain",
  mas: "Agent system",
  bridge: "PersonaPlex Bridge",
};

/** Whether a turn is under way that can be cancelled. */
export function answers(state: BrainState): boolean {
  return state === "thinking" || state === "waiting" || state === "streaming";
}

export function brainSince({ state, sinceMs }: BrainPanel, nowMs: number): string {
  return sinceWords(sinceMs, nowMs, answers(state));
}

/** What is known of the last turn. What was not measured has no figure. */
export function brainFigures({ firstTokenMs, latencyMs, memories, waiting }: BrainPanel): Figure[] {
  const figures: (Figure | null)[] = [
    firstTokenMs === null
      ? null
      : { name: "First word", value: milliseconds(firstTokenMs), why: "From the request to the first piece of the reply, measured here." },
    latencyMs === null
      ? null
      : { name: "Whole reply", value: milliseconds(latencyMs), why: "From the request to the end of the reply, measured here." },
    memories === 0 ? null : { name: "Memories", value: counted(memories), why: "What was read from memory for the last turn." },
    waiting === 0 ? null : { name: "In line", value: counted(waiting), why: "Turns that wait until this one is answered." },
  ];
  return figures.filter((figure) => figure !== null);
}

export const CANNED_WORDS: Record<Canned, string | null> = {
  no: null,
  perhaps: "This may be a prepared sentence.",
  yes: "This is a prepared sentence.",
};

export const AGENT_STATES: Record<AgentState, Shown> = {
  matched: { shape: "off", word: "Matched" },
  invoked: { shape: "waiting", word: "Called" },
  processing: { shape: "running", word: "Working" },
  completed: { shape: "well", word: "Done" },
  failed: { shape: "wrong", word: "Failed" },
  unknown: { shape: "off", word: "State not said" },
};

export const INJECTION_STATES: Record<InjectionState, Shown> = {
  queued: { shape: "waiting", word: "Queued" },
  speaking: { shape: "running", word: "Speaking" },
  spoken: { shape: "well", word: "Spoken" },
  cut: { shape: "off", word: "Cut short" },
  shownOnly: { shape: "off", word: "Shown only" },
};

export const INJECTION_VOICES: Record<InjectionVoice, string> = {
  moshi: "Moshi's voice",
  bridge: "bridge's voice",
};

/** Whether Moshi says a reply, or is to say one, so that it can be stopped. */
export function moshiSpeaks(injections: readonly Injection[]): boolean {
  return injections.some(({ voice, state }) => voice === "moshi" && (state === "queued" || state === "speaking"));
}

/** "3 of 12 words said", where a reply is not said to its end. */
export function injectionProgress({ state, voice, text, said }: Injection): string | null {
  if (voice !== "moshi" || (state !== "speaking" && state !== "cut")) return null;
  const words = (of: string) => of.split(/\s+/u).filter((word) => word !== "").length;
  return `${counted(words(said ?? ""))} of ${counted(words(text))} words said`;
}

/** "1 queued, 2 spoken, 3 shown only"; what there is none of is not told. */
export function injectionSum(injections: readonly Injection[]): string {
  return Object.entries(INJECTION_STATES)
    .map(([state, { word }]) => ({ count: injections.filter((injection) => injection.state === state).length, word }))
    .filter(({ count }) => count > 0)
    .map(({ count, word }) => `${count} ${word.toLowerCase()}`)
    .join(", ");
}
