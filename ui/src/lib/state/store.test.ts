import { expect, test } from "vitest";
import type { Backend, Snapshot, UiEvent } from "$lib/backend";
import { problem, SCENES } from "$lib/backend/scenes";
import { ScriptedBackend } from "$lib/backend/scripted";
import { Store } from "./store.svelte";

function open(backend: Backend): Store {
  const store = new Store(() => Promise.resolve(backend));
  void store.open();
  return store;
}

async function settled(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0));
}

test("the window has a view before the snapshot is there", async () => {
  const backend = new ScriptedBackend("live");
  backend.held = new Promise(() => {});
  const store = open(backend);
  await settled();
  expect(store.view.opening).toEqual({ state: "loading" });
  expect(store.view.call.phase).toBe("idle");
});

test("an event between subscription and snapshot is not lost", async () => {
  const backend = new ScriptedBackend("idle");
  const stale = SCENES.idle();
  let release = () => {};
  backend.snapshot = () => new Promise((resolve) => (release = () => resolve(stale)));
  const store = open(backend);
  await settled();
  backend.changeCall({ phase: "live" });
  release();
  await settled();
  expect(store.view.opening).toEqual({ state: "ready" });
  expect(store.view.call.phase).toBe("live");
});

test("a failed snapshot is kept as a problem; opening again works and listens once", async () => {
  const backend = new ScriptedBackend("live");
  backend.refusals.set("snapshot", problem("history.disk_full"));
  const store = open(backend);
  await settled();
  expect(store.view.opening).toMatchObject({ state: "failed", problem: { code: "history.disk_full" } });
  backend.refusals.clear();
  await store.open();
  expect(store.view.opening).toEqual({ state: "ready" });
  backend.changeCall({ muted: true });
  expect(store.view.call.muted).toBe(true);
});

test("opening again ends the subscription before", async () => {
  const listening = new Set<(events: UiEvent[]) => void>();
  const backend = new ScriptedBackend("idle");
  backend.subscribe = async (onEvents) => {
    listening.add(onEvents);
    return () => void listening.delete(onEvents);
  };
  const store = open(backend);
  await settled();
  await store.open();
  expect(listening.size).toBe(1);
});

test("where events were missed everything is fetched anew", async () => {
  const over: (() => void)[] = [];
  const scripted = new ScriptedBackend("idle");
  const backend: Backend = Object.assign(scripted, {
    subscribe: async (_: (events: UiEvent[]) => void, onOver: () => void) => {
      over.push(onOver);
      return () => {};
    },
  });
  const store = open(backend);
  await settled();
  backend.snapshot = async () => SCENES.live();
  over[0]?.();
  await settled();
  expect(store.view.call.phase).toBe("live");
  expect(over).toHaveLength(2);
});

test("an opening that was overtaken changes nothing", async () => {
  const over: (() => void)[] = [];
  const ended: number[] = [];
  const fetched: { answer: (snapshot: Snapshot) => void; fail: (reason: unknown) => void }[] = [];
  const backend: Backend = Object.assign(new ScriptedBackend("idle"), {
    subscribe: async (_: (events: UiEvent[]) => void, onOver: () => void) => {
      const number = over.push(onOver);
      return () => void ended.push(number);
    },
    snapshot: () => new Promise<Snapshot>((answer, fail) => fetched.push({ answer, fail })),
  });
  const store = open(backend);
  await settled();
  over[0]?.();
  await settled();
  over[1]?.();
  await settled();
  fetched[2]?.answer(SCENES.live());
  await settled();
  fetched[0]?.answer(SCENES.idle());
  fetched[1]?.fail(problem("history.disk_full"));
  await settled();
  expect(store.view.opening).toEqual({ state: "ready" });
  expect(store.view.call.phase).toBe("live");
  expect(ended, "the last subscription goes on").not.toContain(3);
});

test("a refused command becomes a sentence to read and to dismiss", async () => {
  const backend = new ScriptedBackend("idle");
  const store = open(backend);
  await settled();
  backend.refusals.set("talk", problem("link.refused"));
  await store.talk();
  expect(store.view.refusals.map((refusal) => refusal.problem.code)).toEqual(["link.refused"]);
  store.dismiss(store.view.refusals[0]?.id ?? "");
  expect(store.view.refusals).toEqual([]);
  expect(backend.asked.map(({ command }) => command)).not.toContain("dismissNotice");
});

test("a rejection that is no problem still becomes a sentence", async () => {
  const backend = new ScriptedBackend("idle");
  backend.stop = () => Promise.reject("command stop not found");
  const store = open(backend);
  await settled();
  await store.stop();
  expect(store.view.refusals[0]?.problem).toMatchObject({ code: "window.no_answer", actions: [] });
});

test("text is handed back with the reason when it is refused, and no notice is made of it", async () => {
  const backend = new ScriptedBackend("idle");
  backend.refusals.set("sendText", problem("conversation.text_too_long"));
  const store = open(backend);
  await settled();
  expect(await store.sendText("much")).toMatchObject({ code: "conversation.text_too_long" });
  expect(store.view.refusals).toEqual([]);
});

test("text written before the app answers is refused, not lost in silence", async () => {
  const store = new Store(() => new Promise(() => {}));
  void store.open();
  expect(await store.sendText("early")).toMatchObject({ code: "window.not_open" });
});
