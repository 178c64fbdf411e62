import { describe, expect, test } from "vitest";
import type { Latency, Phase } from "$lib/backend";
import { LATENCY, SCENES } from "$lib/backend/scenes";
import { canStop } from "$lib/state/phase";
import { brainFigures, brainSince, injectionProgress, injectionSum, moshiSpeaks } from "./brain";
import { actionWord, PHASE_WORDS, phaseSentence } from "./call";
import { selfCounts } from "./consciousness";
import { latencyFigures, unmeasured } from "./latency";
import { logLine } from "./log";
import { amount, counted, decibels, levelWord, meterShare, milliseconds } from "./measure";
import { useWords } from "./memory";
import { clockTime, countdown, minutes } from "./time";
import { tookWords } from "./tools";

const PHASES = Object.keys(PHASE_WORDS) as Phase[];

describe("time", () => {
  test.each([
    [0, "0:00"],
    [12_999, "0:12"],
    [271_000, "4:31"],
    [3_871_000, "1:04:31"],
    [-5, "0:00"],
  ])("%i ms run as %s", (ms, words) => {
    expect(minutes(ms)).toBe(words);
  });

  test("a countdown shows 0:01 until it is over", () => {
    expect(countdown(10_000, 9_001)).toBe("0:01");
    expect(countdown(10_000, 10_000)).toBe("0:00");
    expect(countdown(10_000, 12_000)).toBe("0:00");
  });

  test("the day is told only when it is not today", () => {
    const noon = new Date(2026, 10, 23, 14, 2).getTime();
    expect(clockTime(noon, noon + 3_600_000)).toBe("14:02");
    expect(clockTime(noon, noon + 86_400_000)).toBe("23 Nov, 14:02");
  });
});

describe("figures", () => {
  test("have their unit and no more digits than were measured", () => {
    expect(milliseconds(11.6)).toBe("12 ms");
    expect(milliseconds(0)).toBe("0 ms");
    expect(milliseconds(null)).toBe("—");
    expect(decibels(-18.4)).toBe("−18 dB");
    expect(decibels(0)).toBe("0 dB");
    expect(decibels(-0.3)).toBe("0 dB");
    expect(decibels(-90)).toBe("silent");
  });

  test("what is counted has its word, for one and for many", () => {
    expect([0, 1, 10_000].map((count) => amount(count, "turn"))).toEqual(["0 turns", "1 turn", "10,000 turns"]);
    expect([1, 2].map((count) => amount(count, "memory", "memories"))).toEqual(["1 memory", "2 memories"]);
  });

  test("a level has a word and a share of the bar", () => {
    const word = (peakDb: number) => levelWord({ peakDb, rmsDb: peakDb });
    expect([-90, -50, -18, -1].map(word)).toEqual(["silent", "quiet", "good", "too loud"]);
    expect([-90, -60, -30, 0, 3].map(meterShare)).toEqual([0, 0, 0.5, 1, 1]);
  });

  test("an underrun is counted, one of them too", () => {
    const value = (underruns: number) => latencyFigures({ ...LATENCY, underruns })[2]?.value;
    expect([value(0), value(1), value(2)]).toEqual(["0 times", "1 time", "2 times"]);
  });

  test("a host that tells its frame times is shown with them, and one that is too slow is called so", () => {
    const frames = { p50Ms: 41, p99Ms: 63, backlog: 2, droppedMs: 160 };
    const figures = (hostFrames: Latency["hostFrames"]) => latencyFigures({ ...LATENCY, hostFrames }).slice(5);
    expect(figures(null)).toEqual([]);
    expect(figures(frames).map(({ value }) => value)).toEqual(["41 ms", "63 ms", "2 frames", "160 ms"]);
    expect(figures(frames)[0]?.why).not.toContain("too slow");
    expect(figures({ ...frames, p50Ms: 116 })[0]?.why).toContain("too slow");
  });

  test("a dash says why", () => {
    expect(unmeasured(SCENES.live().call)).toBe("Not measured yet.");
    expect(unmeasured(SCENES.idle().call)).toBe("Measured while you talk.");
  });
});

describe("the call", () => {
  test.each(PHASES)("%s has a sentence, with and without a host", (phase) => {
    const { call } = SCENES.idle();
    for (const host of ["", "gpu-box.local:8998"]) {
      const sentence = phaseSentence({ ...call, phase, host });
      if (phase === "live" && host === "") continue;
      expect(sentence).toMatch(/^\S.*\S$/);
      expect(sentence).not.toMatch(/undefined|!|\s\s/);
    }
  });

  test("it speaks of this computer as one does", () => {
    const call = { ...SCENES.idle().call, host: "This computer" };
    expect(phaseSentence(call, true)).toBe("Talk connects to this computer.");
    expect(phaseSentence({ ...call, phase: "failed" }, true)).toBe("This computer could not be reached.");
  });

  test("Stop ends whatever waits or talks, and nothing else", () => {
    expect(PHASES.filter(canStop)).toEqual(["connecting", "warmingUp", "busy", "live", "reconnecting"]);
  });

  test("the same wish is worded for where one stands", () => {
    expect(actionWord("talk", "failed")).toBe("Try again");
    expect(actionWord("talk", "idle")).toBe("Talk");
    expect(actionWord("stop", "busy")).toBe("Cancel");
    expect(actionWord("stop", "live")).toBe("Stop");
  });
});

describe("the brain", () => {
  const { brain, injections } = SCENES.mas().panels;
  const spoken = SCENES.liveSpeaking().panels.injections;

  test("what was not measured has no figure", () => {
    const names = (change: Partial<typeof brain>) => brainFigures({ ...brain, ...change }).map(({ name }) => name);
    expect(names({})).toEqual(["First word", "Whole reply", "Memories"]);
    expect(names({ firstTokenMs: null, latencyMs: null, memories: 0, waiting: 2 })).toEqual(["In line"]);
  });

  test("who waits is told how long already, otherwise since when", () => {
    expect(brainSince({ ...brain, state: "thinking", sinceMs: 1000 }, 13_500)).toBe("0:12");
    expect(brainSince({ ...brain, state: "ready" }, Date.now())).toMatch(/^since /);
  });

  test("what becomes of replies is summed up, and nothing is said of none", () => {
    expect(injectionSum(injections)).toBe("1 queued, 1 shown only");
    expect(injectionSum([])).toBe("");
    expect(injectionSum(spoken)).toBe("1 queued, 1 speaking, 1 spoken, 1 cut short");
  });

  test("how far a reply was said is told where that is not to its end", () => {
    expect(spoken.map(injectionProgress)).toEqual([null, "3 of 8 words said", expect.stringMatching(/^5 of \d+ words said$/), null]);
    const [, , speaking] = spoken;
    expect(speaking && injectionProgress({ ...speaking, said: null })).toMatch(/^0 of/);
    expect(injections.map(injectionProgress)).toEqual([null, null]);
  });

  test("Moshi can be stopped while it speaks a reply or is to", () => {
    expect(moshiSpeaks(spoken)).toBe(true);
    expect(moshiSpeaks(spoken.slice(0, 2))).toBe(false);
    expect(moshiSpeaks(injections)).toBe(false);
  });
});

describe("a call of a tool", () => {
  const [call] = SCENES.mas().panels.tools;
  if (!call) throw new Error("the scene has no call");
  const took = (measuredMs: number | null, reportedMs: number | null, state: typeof call.state = "success") =>
    tookWords({ ...call, measuredMs, reportedMs, state, atMs: 0 }, 4000);

  test("took what was measured; what is said stands beside it only where it differs", () => {
    expect(took(41.2, null)).toBe("41 ms");
    expect(took(41.2, 41.4)).toBe("41 ms");
    expect(took(41.2, 0)).toBe("41 ms, says 0 ms");
    expect(took(null, 300)).toBe("says 300 ms");
    expect(took(null, null, "pending")).toBe("");
  });

  test("that runs is counted", () => expect(took(null, null, "running")).toBe("0:04"));
});

test("a use of memory says what and how much", () => {
  const use = { id: "", write: false, kind: "memories", count: 3, atMs: 0, said: null };
  expect(useWords(use)).toBe("Read 3 memories");
  expect(useWords({ ...use, write: true, kind: "profile", count: 1 })).toBe("Wrote profile");
});

test("of itself the agent system counts only what it says", () => {
  const self = SCENES.mas().panels.consciousness;
  if (!self) throw new Error("the scene has none");
  expect(selfCounts({ ...self, thoughts: 1, memories: 1200, agents: null, worldUpdates: 0 })).toEqual([
    "1 thought",
    "1,200 memories",
    "0 world updates",
  ]);
  expect(counted(10_000)).toBe("10,000");
});

test("a copied event is one line in which nothing is hidden", () => {
  const line = logLine({ number: 1, atMs: 0, source: "tool", level: "error", what: "Failed", said: "a\n  b\u202e" });
  expect(line).toBe("1970-01-01T00:00:00.000Z Problem Tool Failed: a bU+202E");
});
