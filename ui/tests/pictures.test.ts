import { test } from "vitest";
import type { SceneName } from "$lib/backend/scenes";
import { picture, SMALL, WIDE, windows } from "./window";

// Pictures for human eyes; what must hold is asserted elsewhere.
const { open } = windows();

const SCENES: SceneName[] = [
  "idle", "firstStart", "connecting", "warmingUp", "busy", "live", "liveMuted", "liveSpeaking", "reconnecting", "typingOnly", "failed",
  "notices", "hostile", "long", "noDevices",
  "hearing", "heardAnswered", "earFailed", "earOff", "dictation",
  "brainThinking", "brainStreaming", "brainWaiting", "brainFailed", "brainCanned", "question", "mas", "tenThousandCalls",
];

const SIZES = { wide: WIDE, small: SMALL, "wide-200": { width: 640, height: 400 }, "small-200": { width: 450, height: 300 } };

test.each(["light", "dark"] as const)("every scene, %s", async (theme) => {
  const page = await open("idle", { theme, atNoon: true });
  for (const scene of SCENES) {
    await page.evaluate((name) => script.show(name), scene);
    if (scene.startsWith("live")) await page.evaluate(() => script.playSound());
    else await page.evaluate(() => script.stopSound());
    await page.waitForTimeout(scene.startsWith("live") ? 3000 : 1100);
    await picture(page, `${scene}-${theme}`);
  }
}, 120_000);

test.each(["light", "dark"] as const)("what opens: events, history, memories, commands, %s", async (theme) => {
  const page = await open("question", { theme, atNoon: true });
  await page.evaluate(() => script.send({ type: "log", entries: script.scenes.manyLog(1, 400), leftOut: 0 }));
  for (const [name, size] of [["wide", WIDE], ["small", SMALL]] as const) {
    await page.setViewportSize(size);
    await page.waitForTimeout(200);
    await picture(page, `question-${name}-${theme}`);
    if (name === "small") {
      await page.getByTestId("panels-open").click();
      await page.waitForTimeout(100);
      await picture(page, `panels-${name}-${theme}`);
    }
    await page.getByTestId("events-open").click();
    await page.waitForTimeout(100);
    await page.getByTestId("event").last().click();
    await picture(page, `events-${name}-${theme}`);
    await page.getByTestId("events-close").click();
    await page.getByTestId("history-open").click();
    await page.getByTestId("history-more").nth(1).click();
    await picture(page, `history-${name}-${theme}`);
    await page.getByTestId("history-close").click();
    await page.keyboard.press("Control+k");
    await page.waitForTimeout(100);
    await picture(page, `commands-${name}-${theme}`);
    await page.keyboard.press("Escape");
  }
}, 60_000);

/** What the settings show of hosts, the doctor, models and the local Moshi: the scene, the section, what is opened. */
const MACHINES: [SceneName, string, string[]][] = [
  ["hosts", "host", []],
  ["hostTesting", "host", ["host-more"]],
  ["hostWorks", "host", ["host-more"]],
  ["hostTooSlow", "host", ["host-more"]],
  ["hostUnknown", "host", ["host-more"]],
  ["hostChanged", "host", ["host-more"]],
  ["hostRefused", "host", ["host-more"]],
  ["hostsNone", "host", ["host-add"]],
  ["localStarting", "local", []],
  ["localReady", "local", ["local-log-open"]],
  ["localRestarting", "local", []],
  ["localFailed", "local", []],
  ["doctorReading", "doctor", []],
  ["doctorMeasuring", "doctor", []],
  ["doctorNoGpu", "doctor", []],
  ["doctor5090", "doctor", []],
  ["modelsDownloading", "models", []],
  ["modelsPaused", "models", []],
  ["modelsGated", "models", []],
  ["modelsDiskFull", "models", []],
  ["modelsHere", "models", []],
];

test.each(["light", "dark"] as const)("hosts, doctor, models and the local Moshi, %s", async (theme) => {
  const page = await open("idle", { theme, atNoon: true });
  for (const [name, size] of [["wide", WIDE], ["small", SMALL]] as const) {
    await page.setViewportSize(size);
    for (const [scene, section, opened] of MACHINES) {
      await page.evaluate((scene) => script.show(scene), scene);
      await page.getByTestId("settings-open").click();
      await page.getByTestId(`to-${section}`).click();
      for (const id of opened) await page.getByTestId(id).first().click();
      await page.waitForTimeout(100);
      await picture(page, `${scene}-${name}-${theme}`);
      await page.getByTestId("settings-close").click();
    }
  }
}, 180_000);

test.each(["light", "dark"] as const)("the first screen in every size, %s", async (theme) => {
  const page = await open("idle", { theme, atNoon: true });
  for (const [name, size] of Object.entries(SIZES)) {
    await page.setViewportSize(size);
    for (const scene of ["firstLooking", "firstTooSlow", "firstFits", "firstFailed"] as const) {
      await page.evaluate((scene) => script.show(scene), scene);
      await page.waitForTimeout(100);
      await picture(page, `${scene}-${name}-${theme}`);
    }
  }
}, 60_000);

test.each(["light", "dark"] as const)("a busy host, its reason and the settings in every size, %s", async (theme) => {
  const page = await open("busy", { theme, atNoon: true });
  for (const [name, size] of Object.entries(SIZES)) {
    await page.setViewportSize(size);
    await page.waitForTimeout(200);
    await picture(page, `busy-${name}-${theme}`);
    await page.getByTestId("light-moshi").click();
    await picture(page, `reason-${name}-${theme}`);
    await page.getByTestId("light-moshi").click();
    await page.getByTestId("settings-open").click();
    await page.getByTestId("settings").waitFor();
    await page.waitForTimeout(100);
    await picture(page, `settings-${name}-${theme}`);
    await page.getByTestId("settings-close").click();
  }
}, 60_000);

test.each(["light", "dark"] as const)("who hears, who answers, and dictation in every size, %s", async (theme) => {
  const page = await open("idle", { theme, atNoon: true });
  for (const [name, size] of Object.entries(SIZES)) {
    await page.setViewportSize(size);
    for (const scene of ["hearing", "heardAnswered", "earFailed", "earOff", "dictation"] as const) {
      await page.evaluate((name) => script.show(name), scene);
      if (scene === "heardAnswered") await page.getByTestId("times-show").last().click();
      await page.waitForTimeout(300);
      await picture(page, `${scene}-${name}-${theme}`);
    }
    await page.evaluate(() => script.show("hearing"));
    await page.getByTestId("light-ear").click({ force: true, timeout: 2000 }).catch(() => {});
    await picture(page, `ear-reason-${name}-${theme}`);
    await page.getByTestId("light-ear").click({ force: true, timeout: 2000 }).catch(() => {});
    await page.evaluate(() => script.show("hearingSettings"));
    await page.getByTestId("settings-open").click();
    await page.getByTestId("to-hearing").click({ timeout: 2000 }).catch(() => {});
    await page.waitForTimeout(100);
    await picture(page, `hearing-settings-${name}-${theme}`);
    await page.getByTestId("settings-close").click();
  }
}, 120_000);
