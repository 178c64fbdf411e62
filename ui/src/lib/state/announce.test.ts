import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Turn } from "$lib/backend";
import { notice, problem, SCENES } from "$lib/backend/scenes";
import { announcement } from "./announce";
import { Announcer } from "./announcer.svelte";
import { emptyView, type View } from "./view";

const view: View = { ...emptyView(0), ...SCENES.idle() };
const turn: Turn = { id: "x", speaker: "moshi", source: "spoken", text: "Hello.", atMs: 0, open: false, saved: true, delivery: null, note: null };

describe("what is said", () => {
  test("a change of phase, with its reason", () => {
    const call = { ...view.call, phase: "busy", problem: problem("link.busy") } as const;
    expect(announcement(view, { type: "call", call })).toMatch(/^Busy\. Someone else holds this host/);
  });

  test("not the same phase again", () => {
    expect(announcement(view, { type: "call", call: { ...view.call, muted: true } })).toBeNull();
  });

  test("a finished turn of another, once", () => {
    expect(announcement(view, { type: "turn", turn })).toBe("Moshi: Hello.");
    const open = { ...view, turns: [{ ...turn, open: true }] };
    expect(announcement(open, { type: "turn", turn })).toBe("Moshi: Hello.");
    const done = { ...view, turns: [{ ...turn, saved: false }] };
    expect(announcement(done, { type: "turn", turn }), "saved afterwards").toBeNull();
  });

  test("neither a growing turn nor the person's own", () => {
    expect(announcement(view, { type: "turn", turn: { ...turn, open: true } })).toBeNull();
    expect(announcement(view, { type: "turn", turn: { ...turn, speaker: "person" } })).toBeNull();
  });

  test("a long turn is cut and says so", () => {
    const said = announcement(view, { type: "turn", turn: { ...turn, text: "word ".repeat(500) } }) ?? "";
    expect(said.length).toBeLessThan(400);
    expect(said).toContain("The rest is in the conversation.");
  });

  test("a question of a tool, once", () => {
    const call = { id: "q", name: "remember", arguments: null, state: "pending", question: "Remember it?", atMs: 0, measuredMs: null, reportedMs: null, result: null } as const;
    const event = { type: "tools", calls: [call], total: 1 } as const;
    expect(announcement(view, { ...event, calls: [call] })).toBe("Remember it? Allow or do not allow it in the conversation.");
    const known = { ...view, panels: { ...view.panels, tools: [call] } };
    expect(announcement(known, { ...event, calls: [call] })).toBeNull();
    expect(announcement(view, { ...event, calls: [{ ...call, question: null, state: "success" }] }), "no question").toBeNull();
  });

  test("a brain that fails or has to wait, once", () => {
    const { brain } = view.panels;
    const failed = { ...brain, state: "failed", problem: problem("mas.unreachable") } as const;
    expect(announcement(view, { type: "brain", brain: failed })).toContain("does not answer");
    expect(announcement({ ...view, panels: { ...view.panels, brain: failed } }, { type: "brain", brain: failed })).toBeNull();
    expect(announcement(view, { type: "brain", brain: { ...brain, state: "waiting", waitsUntilMs: 5 } })).toContain("waits");
    expect(announcement(view, { type: "brain", brain: { ...brain, state: "streaming", reply: "Half" } })).toBeNull();
  });

  test("only notices that are new", () => {
    const one = notice("one", "info", "settings.set_aside");
    const two = notice("two", "warning", "history.set_aside");
    const said = announcement({ ...view, notices: [one] }, { type: "notices", notices: [one, two] });
    expect(said).toContain("The history could not be read");
    expect(said).not.toContain("The settings");
    expect(announcement({ ...view, notices: [one, two] }, { type: "notices", notices: [one] })).toBeNull();
  });
});

describe("how fast", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test("at once, then together after each pause", () => {
    const announcer = new Announcer();
    announcer.say("one");
    announcer.say("two");
    announcer.say("three");
    expect(announcer.text).toBe("one");
    vi.advanceTimersByTime(2000);
    expect(announcer.text).toBe("two three");
    vi.advanceTimersByTime(10_000);
    announcer.say("four");
    expect(announcer.text).toBe("four");
  });
});
