import { describe, expect, test } from "vitest";
import type { Phase } from "$lib/backend";
import { LATENCY, SCENES } from "$lib/backend/scenes";
import { canStop } from "$lib/state/phase";
import { actionWord, PHASE_WORDS, phaseSentence } from "./call";
import { latencyFigures, unmeasured } from "./latency";
import { decibels, levelWord, meterShare, milliseconds } from "./measure";
import { clockTime, countdown, minutes } from "./time";

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

  test("a level has a word and a share of the bar", () => {
    const word = (peakDb: number) => levelWord({ peakDb, rmsDb: peakDb });
    expect([-90, -50, -18, -1].map(word)).toEqual(["silent", "quiet", "good", "too loud"]);
    expect([-90, -60, -30, 0, 3].map(meterShare)).toEqual([0, 0, 0.5, 1, 1]);
  });

  test("an underrun is counted, one of them too", () => {
    const value = (underruns: number) => latencyFigures({ ...LATENCY, underruns })[2]?.value;
    expect([value(0), value(1), value(2)]).toEqual(["0 times", "1 time", "2 times"]);
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
