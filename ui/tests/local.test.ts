import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import type { SceneName } from "$lib/backend/scenes";
import { asked, picture, SMALL, windows } from "./window";

const { open } = windows();

async function openLocal(scene: SceneName): Promise<Page> {
  const page = await open(scene);
  await page.getByTestId("settings-open").click();
  await page.getByTestId("to-local").click();
  return page;
}

const words = async (page: Page, id: string) => (await page.getByTestId(id).innerText()).replace(/\s+/g, " ").trim();

describe("where it stands", () => {
  test.each([
    ["localOff", "off", "Not started", "Start Moshi"],
    ["localStarting", "waiting", "Loading the model, 0:2", "Cancel"],
    ["localReady", "well", "Ready, since", "Stop Moshi"],
    ["localRestarting", "waiting", "It ended. Restart 2 of 3 in 0:0", "Cancel"],
    ["localFailed", "wrong", "Does not run", "Start again"],
  ] as const)("is said in the main window, with a shape and the way on: %s", async (scene, shape, said, button) => {
    const page = await open(scene);
    expect(await words(page, "local-brief")).toContain(said);
    expect(await page.getByTestId("local-brief").locator("svg").first().getAttribute("class")).toContain(shape);
    expect(await page.getByTestId("local-brief-start").innerText()).toBe(button);
    await picture(page, `${scene}-light`);
  });

  test("is said only where this computer is the host", async () => {
    const page = await open("hosts");
    expect(await page.getByTestId("local-brief").count()).toBe(0);
  });

  test("in full in the settings, with its warnings and what can be done", async () => {
    const page = await openLocal("localReady");
    expect(await words(page, "local")).toContain("at 127.0.0.1:8998");
    expect(await words(page, "local-warning")).toContain("Warning: NVIDIA's server listens on all networks");
    await page.evaluate(() => script.show("localFailed"));
    await expect.poll(() => words(page, "local")).toContain("Close what else uses the card");
    await page.getByTestId("local").getByRole("button", { name: "What runs here" }).click();
    await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe("settings-doctor");
  });
});

test("it is started, watched until it is ready, and stopped", async () => {
  const page = await openLocal("localOff");
  await page.getByTestId("local-start").click();
  await page.getByText("Launching").first().waitFor();
  await page.locator("[data-testid=local][data-phase=ready]").waitFor();
  await expect.poll(() => page.getByTestId("announcer").innerText()).toContain("Moshi on this computer is ready.");
  await page.getByTestId("local-start").click();
  await page.locator("[data-testid=local][data-phase=off]").waitFor();
  expect(await asked(page, "startLocal")).toHaveLength(1);
  expect(await asked(page, "stopLocal")).toHaveLength(1);
});

describe("the setup", () => {
  test("has an honest sentence for each program, and only the fields that it needs", async () => {
    const page = await openLocal("localOff");
    const runtime = page.getByTestId("local-runtime");
    expect(await runtime.locator("option").allInnerTexts()).toHaveLength(5);
    const sentences = new Set<string>();
    for (const [value, field] of [
      ["pythonMoshi", "local-python"],
      ["personaPlex", "local-python"],
      ["moshiBackend", "local-backend"],
      ["docker", "local-image"],
      ["mycaHost", null],
    ] as const) {
      await runtime.selectOption(value);
      for (const id of ["local-python", "local-backend", "local-image"]) {
        await expect.poll(() => page.getByTestId(id).count(), { message: `${value}: ${id}` }).toBe(id === field ? 1 : 0);
      }
      sentences.add(await page.locator("#local-runtime-hint").innerText());
    }
    expect(sentences.size).toBe(5);
  });

  test("offers the models that are here and fit, and takes back one that another program cannot run", async () => {
    const page = await openLocal("localOff");
    const model = page.getByTestId("local-model");
    expect(await model.locator("option").allInnerTexts()).toEqual([
      "The best of those that are here", "Moshika, 8 bits", "Moshika, full size (Rust)",
    ]);
    await model.selectOption("moshika-candle-q8");
    await page.getByTestId("local-runtime").selectOption("personaPlex");
    await expect.poll(() => model.locator("option").allInnerTexts()).toEqual(["The best of those that are here"]);
    await page.getByText("None of the models that this program runs is here.").waitFor();
    const changes = await asked(page, "changeSettings");
    expect(changes).toMatchObject([{ local: { model: "moshika-candle-q8" } }, { local: { runtime: "personaPlex", model: "" } }]);
  });

  test("keeps a path when it is left, and whether it starts with the app", async () => {
    const page = await openLocal("localOff");
    await page.getByTestId("local-runtime").selectOption("pythonMoshi");
    await page.getByTestId("local-python").fill(" /home/ada/moshi ");
    await page.keyboard.press("Tab");
    await page.getByTestId("local-with-app").check();
    // Each change names what it is about and nothing else, so that none undoes another.
    await expect.poll(() => asked(page, "changeSettings")).toEqual([
      { local: { runtime: "pythonMoshi", model: "" } }, { local: { python: "/home/ada/moshi" } }, { local: { withApp: true } },
    ]);
    expect(await page.getByTestId("local-python").inputValue()).toBe("/home/ada/moshi");
  });
});

describe("the log", () => {
  test("is asked for only while it is looked at, and followed to its end", async () => {
    const page = await openLocal("localReady");
    await page.waitForTimeout(300);
    expect(await asked(page, "localLog")).toEqual([]);
    await page.evaluate(() => (script.machine.log = Array.from({ length: 500 }, (_, index) => `line ${index}`)));
    await page.getByTestId("local-log-open").click();
    const log = page.getByTestId("local-log");
    await log.getByText("line 499", { exact: true }).waitFor();
    const fromEnd = () => log.evaluate((box) => Math.round(box.scrollHeight - box.scrollTop - box.clientHeight));
    await expect.poll(fromEnd).toBeLessThanOrEqual(1);
    await page.evaluate(() => (script.machine.log = [...script.machine.log.slice(1), "the last <b>line</b>\u202e"]));
    await log.getByText("the last <b>line</b>").waitFor();
    await expect.poll(fromEnd).toBeLessThanOrEqual(1);
    expect(await log.innerText()).toContain("U+202E");
    await page.getByTestId("local-log-open").click();
    const before = (await asked(page, "localLog")).length;
    await page.waitForTimeout(1300);
    expect(await asked(page, "localLog")).toHaveLength(before);
    await page.getByTestId("local-log-open").click();
    await log.getByText("the last <b>line</b>").waitFor();
    await expect.poll(fromEnd, { message: "opened again it begins at its end" }).toBeLessThanOrEqual(1);
  });

  test("is left where it is read when one has scrolled back", async () => {
    const page = await openLocal("localReady");
    await page.evaluate(() => (script.machine.log = Array.from({ length: 200 }, (_, index) => `line ${index}`)));
    await page.getByTestId("local-log-open").click();
    const log = page.getByTestId("local-log");
    await log.getByText("line 199", { exact: true }).waitFor();
    await page.waitForTimeout(50);
    await log.evaluate((box) => box.scrollTo({ top: 0 }));
    await page.evaluate(() => script.machine.log.push("one more"));
    await log.getByText("one more").waitFor();
    expect(await log.evaluate((box) => box.scrollTop)).toBe(0);
  });

  test("is one click away in the main window, and can be copied", async () => {
    const page = await open("localFailed", { size: SMALL });
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.getByTestId("local-brief-log").click();
    await page.getByTestId("local-log").waitFor();
    await page.getByTestId("local-log-copy").click();
    await page.getByText("Copied.").waitFor();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toMatch(/^12:04:31 loading[\s\S]*listening on 127\.0\.0\.1:8998$/);
    expect(await page.getByTestId("settings").innerText()).toContain("/logs/moshi.log");
  });

  test("that cannot be read says why", async () => {
    const page = await openLocal("localReady");
    await page.evaluate(() => script.refusals.set("localLog", script.scenes.problem("history.disk_full")));
    await page.getByTestId("local-log-open").click();
    await page.locator("#local-log-problem").waitFor();
  });
});
