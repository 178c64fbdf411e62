import type { Speaker, Turn, TurnTimes } from "$lib/backend";
import { NONE } from "./measure";

/** A step of a turn's way: whose it was, what happened, and how long after the person's last word. */
export type Step = {
  id: "heard" | "asked" | "first" | "said" | "answered";
  voice: Speaker;
  word: string;
  /** Null: it has not happened. */
  ms: number | null;
  /** What the figure counts, or why there is none. */
  why: string;
};

/** A part of the bar: whose time it was, and how much of it. */
export type Part = { voice: Speaker; ms: number };

/** "640 ms", "1.3 s": as much as a person can tell apart. */
export function lapse(ms: number | null): string {
  if (ms === null) return NONE;
  return Math.abs(ms) < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** What is known of a turn's way, in its order. Nothing is shown of hands that it does not go through. */
export function steps(turn: Turn, times: TurnTimes): Step[] {
  const from = times.saidMs ?? times.knownMs;
  if (from === null) return [];
  // Two clocks may differ by a little: nothing comes before it was said.
  const after = (at: number | null) => (at === null ? null : Math.max(0, at - from));
  const heard = turn.source === "heard";
  const since = heard ? "your last word" : "you sent it";
  const missing = turn.delivery === "failed" ? "It did not come to this." : turn.delivery === "delivered" ? "This was not measured." : "Not yet.";
  const step = (id: Step["id"], voice: Speaker, word: string, at: number | null, what: string): Step => {
    const ms = after(at);
    return { id, voice, word, ms, why: ms === null ? missing : `${what}, counted from when ${heard ? "your last word ended" : since}.` };
  };
  const all: Step[] = [];
  if (heard) all.push(step("heard", "person", "heard", times.knownMs, lateWords(times)));
  if (times.askedMs === null) return all;
  all.push(step("asked", "person", "asked", times.askedMs, "When the brain was asked"));
  all.push(step("first", "brain", "first word", times.firstTokenMs, "When the brain's first word came"));
  if (times.soundsMs !== null || (times.givenMs ?? times.sayableMs) !== null)
    all.push(step("said", "moshi", "said", times.soundsMs, "When Moshi began to say it"));
  else if (times.repliedMs !== null) all.push(step("answered", "brain", "answered", times.repliedMs, "When the answer was whole"));
  return all;
}

function lateWords({ wordsLateMs }: TurnTimes): string {
  const late = wordsLateMs === null ? "" : `; its words came ${lapse(wordsLateMs)} later than the recogniser's model has to tell them`;
  return `When all of it was known${late}`;
}

/** The figure of a step as it stands in the line: "heard +120 ms", "asked", "first word 640 ms", "said —". */
export function stepWords({ id, word, ms }: Step): string {
  if (id === "asked") return word;
  return id === "heard" && ms !== null ? `${word} +${lapse(ms)}` : `${word} ${lapse(ms)}`;
}

/** The bar: between two steps, the time is that of whoever takes the next one. */
export function parts(steps: Step[]): Part[] {
  let before = 0;
  return steps.flatMap(({ voice, ms }) => {
    if (ms === null) return [];
    const part = { voice, ms: Math.max(0, ms - before) };
    before = Math.max(before, ms);
    return part.ms > 0 ? [part] : [];
  });
}

/** For a screen reader: one sentence. */
export function timelineSentence(steps: Step[]): string {
  const said = steps.map(({ id, word, ms }) => {
    if (id === "asked") return "the brain was asked";
    return ms === null ? `${word}: nothing yet` : `${word} after ${spokenLapse(ms)}`;
  });
  return `Times of this turn: ${said.join(", ")}.`;
}

function spokenLapse(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} milliseconds` : `${(ms / 1000).toFixed(1)} seconds`;
}

/** The whole way as one figure, for the button that shows the rest. */
export function wholeWay(steps: Step[]): string {
  return lapse(steps.findLast(({ ms }) => ms !== null)?.ms ?? null);
}
