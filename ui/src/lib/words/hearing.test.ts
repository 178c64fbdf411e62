import { expect, test } from "vitest";
import type { Ear } from "$lib/backend";
import { dictationWords, earFigures, earSentences } from "./hearing";

const EAR: Ear = { phase: "listening", place: "gpu:8998", ofHost: true, model: "stt-1b", delayMs: 500, frames: null, lostMs: 0, problem: null };
const FRAMES = { p50Ms: 12.4, p99Ms: 20, backlog: 0, droppedMs: 0 };

test("an ear tells how late it is and what it costs, as far as that is known", () => {
  expect(earFigures({ ...EAR, frames: FRAMES })).toBe("500 ms behind · 12 of 80 ms");
  expect(earFigures({ ...EAR, delayMs: null, frames: FRAMES })).toBe("12 of 80 ms");
  expect(earFigures({ ...EAR, lostMs: 100 })).toBe("500 ms behind · 100 ms lost");
  expect(earFigures({ ...EAR, delayMs: null })).toBe("");
  expect(earSentences({ ...EAR, frames: FRAMES })).toEqual([
    "Words come 500 ms after they were said, as its model is made.",
    "Hearing takes 12 ms for each 80 ms of sound, on the host.",
  ]);
});

test("dictation says whether it hears, and why not", () => {
  expect(dictationWords(EAR)).toMatch(/^Dictating\./);
  expect(dictationWords({ ...EAR, phase: "waiting" })).toBe("The recogniser is being reached.");
  const problem = { code: "ear.lost", what: "It was lost.", next: "It is tried again.", actions: [] };
  expect(dictationWords({ ...EAR, phase: "waiting", problem })).toBe("It was lost. It is tried again.");
});
