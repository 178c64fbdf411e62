import { describe, expect, test } from "vitest";
import type { Problem, Signal, Turn, TurnTimes } from "$lib/backend";
import { heardTimes } from "$lib/backend/hearingScenes";
import { SCENES } from "$lib/backend/scenes";
import { apply } from "./apply";
import { emptyView, flowing, KEPT_PEAKS, type View } from "./view";

const NOW = 1_800_000_000_000;
const PROBLEM: Problem = { code: "link.refused", what: "No.", next: "Try again.", actions: [] };

function turn(id: string, change: Partial<Turn> = {}): Turn {
  return { id, speaker: "moshi", source: "spoken", text: id, atMs: NOW, open: false, saved: true, delivery: null, note: null, ...change };
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

describe("panels", () => {
  const target = SCENES.mas();

  test("are replaced as a whole, and another conversation leaves them alone", () => {
    const view = apply(emptyView(NOW), { type: "panels", panels: target.panels }, NOW);
    expect(view.panels).toEqual(target.panels);
    const after = apply(view, { type: "conversation", id: "c2", turns: [] }, NOW);
    expect(after.panels).toBe(view.panels);
  });

  test("each list takes what is new or changed of it, and the figures that come with it", () => {
    let view = emptyView(NOW);
    const { tools, agents, memory, memoryCounts, injections, brain, consciousness } = target.panels;
    view = apply(view, { type: "tools", calls: tools, total: 40 }, NOW);
    view = apply(view, { type: "tools", calls: tools.slice(1, 2).map((call) => ({ ...call, result: "changed" })), total: 41 }, NOW);
    view = apply(view, { type: "agents", agents }, NOW);
    view = apply(view, { type: "memory", uses: memory, counts: memoryCounts }, NOW);
    view = apply(view, { type: "injections", injections }, NOW);
    view = apply(view, { type: "brain", brain }, NOW);
    view = apply(view, { type: "consciousness", consciousness }, NOW);
    expect(view.panels.tools.map(({ id }) => id)).toEqual(tools.map(({ id }) => id));
    expect(view.panels.tools[1]?.result).toBe("changed");
    expect(view.panels.toolTotal).toBe(41);
    expect(view.panels).toMatchObject({ agents, memory, memoryCounts, injections, brain, consciousness });
  });

  test("lists do not grow without end, and what is cut is counted", () => {
    let view = emptyView(NOW);
    const uses = (from: number) =>
      Array.from({ length: 4000 }, (_, index) => ({ id: `${from + index}`, write: false, kind: "turn", count: 1, atMs: NOW, said: null }));
    const { memoryCounts: counts } = view.panels;
    for (let from = 0; from < 12_000; from += 4000) view = apply(view, { type: "memory", uses: uses(from), counts }, NOW);
    expect(view.panels.memory).toHaveLength(10_000);
    expect(view.panels.memory[0]?.id).toBe("2000");
    expect(view.cut.memory).toBe(2000);
    view = apply(view, { type: "panels", panels: target.panels }, NOW);
    expect(view.cut.memory, "another brain's list is a new one").toBe(0);
  });
});

test("what has happened goes on, without end and without the same twice", () => {
  const entries = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, index) => ({ number: from + index, atMs: NOW, source: "app", level: "info", what: "", said: null }) as const);
  let view = apply(emptyView(NOW), { type: "log", entries: entries(0, 6000), leftOut: 0 }, NOW);
  view = apply(view, { type: "log", entries: entries(5990, 12_000), leftOut: 3 }, NOW);
  expect(view.log.entries).toHaveLength(10_000);
  expect(view.log.entries[0]?.number).toBe(2000);
  expect(view.log.entries.at(-1)?.number).toBe(11_999);
  expect(view.log.leftOut).toBe(3);
  expect(view.cut.log).toBe(2000);
});

test("every report of Rust lands in its own part and leaves the view before it as it was", () => {
  const target = { ...SCENES.busy(), hosts: SCENES.hosts().hosts, doctor: SCENES.doctor5090().doctor };
  const before = Object.freeze(emptyView(NOW));
  const { call, lights, devices, settings, hosts, local, doctor, models, latency, notices, echoTest } = target;
  expect(apply(before, { type: "call", call }, NOW).call).toBe(call);
  expect(apply(before, { type: "lights", lights }, NOW).lights).toBe(lights);
  expect(apply(before, { type: "devices", devices }, NOW).devices).toBe(devices);
  expect(apply(before, { type: "settings", settings }, NOW).settings).toBe(settings);
  expect(apply(before, { type: "hosts", hosts }, NOW).hosts).toBe(hosts);
  expect(apply(before, { type: "local", local }, NOW).local).toBe(local);
  expect(apply(before, { type: "doctor", doctor }, NOW).doctor).toBe(doctor);
  expect(apply(before, { type: "models", models }, NOW).models).toBe(models);
  expect(apply(before, { type: "latency", latency }, NOW).latency).toBe(latency);
  expect(apply(before, { type: "notices", notices }, NOW).notices).toBe(notices);
  expect(apply(before, { type: "echoTest", echoTest }, NOW).echoTest).toBe(echoTest);
  expect(before).toEqual(emptyView(NOW));
});

describe("the times of turns", () => {
  const times = (turn: string, saidMs: number) => ({ ...heardTimes()[0], turn, saidMs }) as TurnTimes;
  const follow = (events: TurnTimes[], from = emptyView(0)) =>
    events.reduce((view, times) => apply(view, { type: "times", times }, NOW), from);

  test("are one for each turn, the last that is known", () => {
    const view = follow([times("1", 1), times("2", 2), times("1", 3)]);
    expect(view.times.map(({ turn, saidMs }) => [turn, saidMs])).toEqual([["1", 3], ["2", 2]]);
  });

  test("are kept for the last thousand", () => {
    const view = follow(Array.from({ length: 1003 }, (_, turn) => times(String(turn), 0)));
    expect([view.times.length, view.times[0]?.turn, view.times.at(-1)?.turn]).toEqual([1000, "3", "1002"]);
  });

  test("go with their conversation", () => {
    const view = apply(follow([times("1", 1)]), { type: "conversation", id: "next", turns: [] }, NOW);
    expect(view.times).toEqual([]);
  });
});
