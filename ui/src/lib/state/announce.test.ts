import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Turn } from "$lib/backend";
import { CHECKS, DOCTORS, hosts, LOCALS, MODELS } from "$lib/backend/hostScenes";
import { notice, problem, SCENES } from "$lib/backend/scenes";
import { announcement } from "./announce";
import { Announcer } from "./announcer.svelte";
import { emptyLocal, emptyView, type View } from "./view";

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

  test("an ear that fails, once, and not a host that has none", () => {
    const { ear } = SCENES.earFailed();
    expect(announcement(view, { type: "ear", ear })).toContain("wants a key");
    expect(announcement({ ...view, ear }, { type: "ear", ear }), "told already").toBeNull();
    expect(announcement(view, { type: "ear", ear: SCENES.earOff().ear })).toBeNull();
    expect(announcement(view, { type: "ear", ear: SCENES.hearing().ear }), "all is well").toBeNull();
  });

  test("that dictation begins and ends, and none of its words", () => {
    const { dictation } = SCENES.dictation();
    expect(announcement(view, { type: "dictation", dictation })).toBe("Dictation has begun.");
    const on = { ...view, dictation };
    expect(announcement(on, { type: "dictation", dictation: { ...dictation, text: "swordfish" } })).toBeNull();
    expect(announcement(on, { type: "dictation", dictation: { ...dictation, on: false } })).toBe("Dictation has ended.");
    const lost = { on: false, text: "", problem: problem("ear.key") };
    expect(announcement(on, { type: "dictation", dictation: lost }), "an alert beside the box says it").toBeNull();
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

  test("what a test of a host came to, once", () => {
    const testing = { ...view, hosts: hosts({ check: CHECKS.running() }) };
    const done = { type: "hosts", hosts: hosts({ check: CHECKS.works() }) } as const;
    expect(announcement(testing, done)).toBe("GPU box: Works. Round trip 23 ms, handshake 212 ms, frame 31 ms of 80.");
    expect(announcement({ ...view, hosts: done.hosts }, done)).toBeNull();
    const refused = { type: "hosts", hosts: hosts({ check: CHECKS.refused() }) } as const;
    expect(announcement(testing, refused)).toBe("GPU box: Refused. The host does not accept the token. Write the current one below.");
    const cancelled = { type: "hosts", hosts: hosts({ check: { ...CHECKS.running(), running: false } }) } as const;
    expect(announcement(testing, cancelled), "the person cancelled it").toBeNull();
  });

  test("what the doctor came to, but not each thing that it looks at", () => {
    const looking = { ...view, doctor: DOCTORS.reading() };
    expect(announcement(looking, { type: "doctor", doctor: DOCTORS.measuring() })).toBeNull();
    expect(announcement(looking, { type: "doctor", doctor: DOCTORS.noGpu() })).toMatch(/^This computer has no graphics card/);
    expect(announcement(looking, { type: "doctor", doctor: DOCTORS.failed() })).toContain("did not answer within 20 seconds");
    expect(announcement(view, { type: "doctor", doctor: DOCTORS.noGpu() }), "it was known before").toBeNull();
  });

  test("a finished download and a broken one, but not how far it is", () => {
    const loading = { ...view, models: MODELS.downloading() };
    expect(announcement(loading, { type: "models", models: MODELS.downloading() })).toBeNull();
    expect(announcement(loading, { type: "models", models: MODELS.paused() })).toBeNull();
    expect(announcement(loading, { type: "models", models: MODELS.here() })).toBe("Moshika, 8 bits is here.");
    expect(announcement(loading, { type: "models", models: MODELS.diskFull() })).toContain("3.2 GB are free");
    expect(announcement(view, { type: "models", models: MODELS.here() }), "it was found on the disk").toBeNull();
  });

  test("that Moshi on this computer is ready, ended or does not run", () => {
    const starting = { ...view, local: LOCALS.loading() };
    expect(announcement(starting, { type: "local", local: LOCALS.warmingUp() })).toBeNull();
    expect(announcement(starting, { type: "local", local: LOCALS.ready() })).toContain("is ready");
    expect(announcement(starting, { type: "local", local: LOCALS.waiting() })).toContain("started again");
    expect(announcement(starting, { type: "local", local: LOCALS.failed() })).toContain("CUDA out of memory");
    expect(announcement(starting, { type: "local", local: emptyLocal(0) }), "the person stopped it").toBeNull();
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
