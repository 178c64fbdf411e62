import { describe, expect, test } from "vitest";
import type { Problem, Signal, Turn } from "$lib/backend";
import { SCENES } from "$lib/backend/scenes";
import { apply } from "./apply";
import { emptyView, flowing, KEPT_PEAKS, type View } from "./view";

const NOW = 1_800_000_000_000;
const PROBLEM: Problem = { code: "link.refused", what: "No.", next: "Try again.", actions: [] };

function turn(id: string, change: Partial<Turn> = {}): Turn {
  return { id, speaker: "moshi", source: "spoken", text: id, atMs: NOW, open: false, saved: true, ...change };
}

function signal(micPeaks: number[], moshiPeaks: number[] = micPeaks): Signal {
  return { micPeaks, moshiPeaks, mic: { peakDb: -10, rmsDb: -20 }, moshi: { peakDb: -30, rmsDb: -40 } };
}

function withTurns(...turns: Turn[]): View {
  return { ...emptyView(NOW), turns };
}

describe("turns", () => {
  test("a known turn is replaced in its place", () => {
    const before = withTurns(turn("a"), turn("b", { open: true }), turn("c"));
    const after = apply(before, { type: "turn", turn: turn("b", { text: "longer" }) }, NOW);
    expect(after.turns.map(({ text }) => text)).toEqual(["a", "longer", "c"]);
  });

  test("a new turn stands at its time, also when it comes late", () => {
    const before = withTurns(turn("a", { atMs: 1000 }), turn("c", { atMs: 3000 }));
    const after = apply(before, { type: "turn", turn: turn("b", { atMs: 2000 }) }, NOW);
    expect(after.turns.map(({ id }) => id)).toEqual(["a", "b", "c"]);
  });

  test("of two turns at the same time the later one to come stands last", () => {
    const after = apply(withTurns(turn("a"), turn("b")), { type: "turn", turn: turn("c") }, NOW);
    expect(after.turns.map(({ id }) => id)).toEqual(["a", "b", "c"]);
  });

  test("another conversation replaces all turns", () => {
    const after = apply(withTurns(turn("a")), { type: "conversation", id: "c2", turns: [turn("z")] }, NOW);
    expect(after.conversationId).toBe("c2");
    expect(after.turns.map(({ id }) => id)).toEqual(["z"]);
  });
});

describe("sound", () => {
  test("peaks are kept in order and no more than are drawn", () => {
    let view = emptyView(NOW);
    for (let event = 0; event < 200; event += 1) {
      view = apply(view, { type: "signal", signal: signal([event, event, event, event]) }, NOW + event * 66);
    }
    const { peaks, fresh } = view.sound.mic;
    expect(peaks).toHaveLength(KEPT_PEAKS);
    expect(peaks.at(-1)).toBe(199);
    expect(peaks[0]).toBe(200 - KEPT_PEAKS / 4);
    expect(fresh).toBe(4);
  });

  test("both directions are kept apart", () => {
    const view = apply(emptyView(NOW), { type: "signal", signal: signal([0.1], [0.9, 0.8]) }, NOW);
    expect(view.sound.mic).toEqual({ peaks: [0.1], fresh: 1, level: { peakDb: -10, rmsDb: -20 } });
    expect(view.sound.moshi).toEqual({ peaks: [0.9, 0.8], fresh: 2, level: { peakDb: -30, rmsDb: -40 } });
  });

  test("after a pause the picture starts anew", () => {
    let view = apply(emptyView(NOW), { type: "signal", signal: signal([0.1, 0.2]) }, NOW);
    view = apply(view, { type: "signal", signal: signal([0.3]) }, NOW + 5000);
    expect(view.sound.mic.peaks).toEqual([0.3]);
  });

  test("sound that has stopped does not pass for flowing", () => {
    const { sound } = apply(emptyView(NOW), { type: "signal", signal: signal([0.1]) }, NOW);
    expect(flowing(emptyView(NOW).sound, NOW)).toBe(false);
    expect(flowing(sound, NOW + 900)).toBe(true);
    expect(flowing(sound, NOW + 1100)).toBe(false);
  });
});

describe("opening", () => {
  test("the snapshot replaces everything that was a placeholder", () => {
    const snapshot = SCENES.live();
    const view = apply(emptyView(NOW), { type: "opened", snapshot }, NOW);
    expect(view).toMatchObject({ ...snapshot, opening: { state: "ready" } });
  });

  test("a failure is kept, and trying again starts the clock again", () => {
    const failed = apply(emptyView(NOW), { type: "openingFailed", problem: PROBLEM }, NOW);
    expect(failed.opening).toEqual({ state: "failed", problem: PROBLEM });
    const again = apply(failed, { type: "opening" }, NOW + 9000);
    expect(again.opening).toEqual({ state: "loading" });
    expect(again.openingSinceMs).toBe(NOW + 9000);
  });
});

describe("refusals", () => {
  test("the same refusal again is one sentence, not two", () => {
    let view = apply(emptyView(NOW), { type: "refused", problem: PROBLEM }, NOW);
    view = apply(view, { type: "refused", problem: { ...PROBLEM, code: "other" } }, NOW);
    view = apply(view, { type: "refused", problem: { ...PROBLEM, what: "Still no." } }, NOW + 1);
    expect(view.refusals.map(({ problem }) => problem.what)).toEqual(["No.", "Still no."]);
    expect(view.refusals.map(({ problem }) => problem.code)).toEqual(["other", "link.refused"]);
  });

  test("a dismissed refusal is gone, the others stay", () => {
    let view = apply(emptyView(NOW), { type: "refused", problem: PROBLEM }, NOW);
    view = apply(view, { type: "refused", problem: { ...PROBLEM, code: "other" } }, NOW);
    view = apply(view, { type: "refusalDismissed", id: view.refusals[0]?.id ?? "" }, NOW);
    expect(view.refusals.map(({ problem }) => problem.code)).toEqual(["other"]);
  });
});

test("every report of Rust lands in its own part and leaves the view before it as it was", () => {
  const target = SCENES.busy();
  const before = Object.freeze(emptyView(NOW));
  const { call, lights, devices, settings, latency, notices, echoTest } = target;
  expect(apply(before, { type: "call", call }, NOW).call).toBe(call);
  expect(apply(before, { type: "lights", lights }, NOW).lights).toBe(lights);
  expect(apply(before, { type: "devices", devices }, NOW).devices).toBe(devices);
  expect(apply(before, { type: "settings", settings }, NOW).settings).toBe(settings);
  expect(apply(before, { type: "latency", latency }, NOW).latency).toBe(latency);
  expect(apply(before, { type: "notices", notices }, NOW).notices).toBe(notices);
  expect(apply(before, { type: "echoTest", echoTest }, NOW).echoTest).toBe(echoTest);
  expect(before).toEqual(emptyView(NOW));
});
