import { expect, test } from "vitest";
import { problem, type SceneName } from "$lib/backend/scenes";
import { ScriptedBackend } from "$lib/backend/scripted";
import { App } from "./app.svelte";
import { Store } from "./store.svelte";

async function opened(scene: SceneName): Promise<{ app: App; backend: ScriptedBackend }> {
  const backend = new ScriptedBackend(scene);
  const store = new Store(() => Promise.resolve(backend));
  const app = new App(store);
  expect(app.firstScreen, "not before it is known who is here").toBe(false);
  await store.open();
  return { app, backend };
}

test("the first screen comes to whoever is new here, until it is left", async () => {
  const { app, backend } = await opened("firstTooSlow");
  expect(app.firstScreen).toBe(true);
  app.leaveFirstScreen();
  expect(backend.asked.at(-1)).toEqual({ command: "changeSettings", argument: { welcomed: true } });
  await new Promise((resolve) => setTimeout(resolve));
  expect(app.firstScreen).toBe(false);
});

test("that it cannot be left is told", async () => {
  const { app, backend } = await opened("firstTooSlow");
  backend.refusals.set("changeSettings", problem("history.disk_full"));
  app.leaveFirstScreen();
  await new Promise((resolve) => setTimeout(resolve));
  expect(app.store.view.refusals.map((refusal) => refusal.problem.code)).toEqual(["history.disk_full"]);
});

test("a host that one of its ways adds does not end it half way; one from elsewhere does", async () => {
  const { app, backend } = await opened("firstTooSlow");
  app.firstTaken = true;
  await backend.addHost({ name: "", place: { kind: "thisComputer" }, plain: false });
  expect(app.firstScreen).toBe(true);
  app.firstTaken = false;
  expect(app.firstScreen).toBe(false);
});

test("it is shown on demand over any conversation, and covers no other one", async () => {
  const { app, backend } = await opened("idle");
  expect(app.firstScreen).toBe(false);
  app.showFirstScreen();
  expect(app.firstScreen).toBe(true);
  await backend.newConversation();
  expect(app.firstScreen).toBe(false);
});

test("each action of a problem leads somewhere", async () => {
  const { app, backend } = await opened("idle");
  for (const [action, section] of [
    ["openHostSettings", "host"],
    ["openDoctor", "doctor"],
    ["openModels", "models"],
    ["openLocalLog", "localLog"],
  ] as const) {
    app.perform(action);
    expect(app.pane).toEqual({ name: "settings", section });
  }
  expect(app.log).toBe(true);
  app.perform("startLocal");
  expect(backend.asked.at(-1)?.command).toBe("startLocal");
  backend.stopLocal();
});
