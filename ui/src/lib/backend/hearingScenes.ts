import type { Dictation, Ear, Turn, TurnTimes } from ".";
import { NO_EAR } from "$lib/state/view";
import { ago, problem, turn } from "./scenes";

const FRAMES = { p50Ms: 12.3, p99Ms: 21.8, backlog: 0, droppedMs: 0 };

export const EARS = {
  host: (): Ear => ({ ...NO_EAR, phase: "listening", place: "gpu-box.local:8998", model: "stt-1b-en_fr", delayMs: 500, frames: FRAMES }),
  server: (): Ear => ({ ...NO_EAR, phase: "listening", place: "ears.local:8080", ofHost: false, lostMs: 40 }),
  failed: (): Ear => ({ ...NO_EAR, phase: "failed", place: "ears.example", ofHost: false, problem: problem("ear.key", ["openHearingSettings"]) }),
  none: (): Ear => ({ ...NO_EAR, phase: "failed", place: "gpu-box.local:8998", problem: problem("ear.host_does_not_hear", ["openHearingSettings"]) }),
} as const;

export const DICTATING = (): Dictation => ({ on: true, text: "Tell them that we come at noon and", problem: null });

/** A talk by voice, up to a sentence that forms, an answer that was said, or one that could not be heard to its end. */
export function heardTurns(last: "forming" | "answered" | "failed"): Turn[] {
  const turns: Turn[] = [
    { ...turn(1, "person", "heard", "Good morning. Is there a hut on the way around the lake?"), delivery: "delivered" },
    { ...turn(2, "moshi", "spoken", "Mhm, let me see."), atMs: ago(279) },
    turn(3, "brain", "written", "There is one half way, but it is closed in November. The inn at the north shore is open until six."),
    { ...turn(4, "person", "typed", "How far is the inn from the car park?"), delivery: "delivered" },
    turn(5, "brain", "written", "Seven kilometres along the east shore, nine along the west."),
    { ...turn(6, "person", "heard", "And can we be there by noon if we start at nine?"), delivery: "delivered" },
    { ...turn(7, "moshi", "spoken", "Hm, good question."), atMs: ago(179) },
    turn(8, "brain", "written", "Yes. On the east shore you need about two hours, so there is time for a rest."),
  ];
  if (last === "forming") turns.push({ ...turn(9, "person", "heard", "Then book a table for three at"), open: true, saved: false });
  if (last === "failed")
    turns.push({ ...turn(9, "person", "heard", "Then book a table for"), delivery: "failed", note: "The ear was lost before this was heard to its end." });
  return turns;
}

/** When its turns went from hand to hand. */
export function heardTimes(): TurnTimes[] {
  const at = (turn: string, saidMs: number, over: Partial<TurnTimes>): TurnTimes => ({
    turn,
    saidMs,
    knownMs: saidMs,
    wordsLateMs: null,
    askedMs: saidMs,
    firstTokenMs: null,
    sayableMs: null,
    givenMs: null,
    soundsMs: null,
    repliedMs: null,
    ...over,
  });
  const [one, two, three] = [ago(276), ago(220), ago(176)];
  const spoken = (from: number, known: number, first: number, sounds: number): Partial<TurnTimes> => ({
    knownMs: from + known,
    wordsLateMs: 34,
    askedMs: from + known + 2,
    firstTokenMs: from + first,
    sayableMs: from + first + 180,
    givenMs: from + first + 300,
    soundsMs: from + sounds,
    repliedMs: from + sounds + 400,
  });
  return [
    at("turn-1", one, spoken(one, 590, 1_480, 2_310)),
    at("turn-4", two, { firstTokenMs: two + 410, repliedMs: two + 1_900 }),
    at("turn-6", three, spoken(three, 620, 1_240, 1_870)),
  ];
}
