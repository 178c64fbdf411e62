import { type AxeResults, source as axeSource } from "axe-core";
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import type { SceneName } from "$lib/backend/scenes";
import { SMALL, windows } from "./window";

const { open } = windows();

declare global {
  /** What the evaluated source leaves in the page. */
  var axe: { run: (options: { runOnly: string[] }) => Promise<AxeResults> };
}

const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

async function findings(page: Page): Promise<string[]> {
  // Evaluated, not added as a script: the content policy stays as it is.
  await page.evaluate(axeSource);
  return page.evaluate(async (tags) => {
    const { violations } = await axe.run({ runOnly: tags });
    return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target.join(" ")} ${node.failureSummary ?? ""}`));
  }, TAGS);
}

const SCENES: SceneName[] = [
  "idle", "firstStart", "connecting", "warmingUp", "busy", "live", "liveMuted", "liveSpeaking", "reconnecting", "typingOnly", "failed",
  "notices", "hostile", "long", "noDevices", "deviceMissing", "echoStarting", "echoRunning", "echoFailed", "tenThousand",
  "brainThinking", "brainStreaming", "brainWaiting", "brainFailed", "brainCanned", "question", "mas", "tenThousandCalls",
  "firstStart", "firstTooSlow", "firstFits", "firstFailed", "hosts", "hostsNone",
  "hearing", "heardAnswered", "earFailed", "earOff", "earHere", "dictation",
  "localOff", "localStarting", "localReady", "localRestarting", "localFailed", "modelsDownloading",
];

/** What the settings can show of hosts, the doctor, models and the local Moshi. */
const MACHINES: SceneName[] = [
  "hearingSettings", "earFailed", "earOff", "earHere",
  "hosts", "hostTesting", "hostWorks", "hostTooSlow", "hostUnknown", "hostChanged", "hostRefused",
  "localReady", "localFailed", "doctorReading", "doctorMeasuring", "doctorNoGpu", "doctor5090", "doctorFailed",
  "modelsDownloading", "modelsPaused", "modelsGated", "modelsDiskFull", "modelsHere",
];

test.each(["light", "dark"] as const)("no scene has a finding, %s", async (theme) => {
  const page = await open("idle", { theme });
  for (const scene of SCENES) {
    await page.evaluate((name) => script.show(name), scene);
    await page.waitForTimeout(50);
    expect(await findings(page), scene).toEqual([]);
  }
}, 120_000);

test.each(["light", "dark"] as const)("nor has anything that opens, %s", async (theme) => {
  const page = await open("busy", { theme });
  await page.getByTestId("light-moshi").click();
  await page.getByTestId("latency-more").click();
  await page.getByTestId("settings-open").click();
  await page.getByTestId("settings").waitFor();
  expect(await findings(page)).toEqual([]);
  for (const scene of ["deviceMissing", "noDevices", "echoRunning", "echoFailed"] as const) {
    await page.evaluate((name) => script.show(name), scene);
    expect(await findings(page), scene).toEqual([]);
  }
  await page.evaluate(() => script.refusals.set("changeSettings", script.scenes.problem("host.bad_address")));
  await page.getByTestId("mas-address").fill("not an address");
  await page.keyboard.press("Tab");
  await page.locator("[data-code='host.bad_address']").waitFor();
  expect(await findings(page), "a refused field").toEqual([]);
  await page.getByTestId("help-open").click();
  expect(await findings(page), "the shortcuts").toEqual([]);
}, 60_000);

test.each(["light", "dark"] as const)("nor have hosts, doctor, models and the local Moshi, %s", async (theme) => {
  const page = await open("hosts", { theme });
  await page.getByTestId("host-picker").click();
  expect(await findings(page), "the picker").toEqual([]);
  await page.keyboard.press("Escape");
  await page.getByTestId("settings-open").click();
  await page.getByTestId("host-more").first().click();
  await page.getByTestId("local-log-open").click();
  await page.getByTestId("local-log").waitFor();
  for (const scene of MACHINES) {
    await page.evaluate((name) => script.show(name), scene);
    await page.waitForTimeout(50);
    expect(await findings(page), scene).toEqual([]);
  }
  await page.evaluate(() => script.show("hosts"));
  await page.getByTestId("host-delete").click();
  expect(await findings(page), "a second word asked for").toEqual([]);
  await page.getByTestId("confirm-no").click();
  await page.getByTestId("host-edit").click();
  expect(await findings(page), "a host being changed").toEqual([]);
  await page.getByTestId("host-leave").click();
  await page.getByTestId("host-add").click();
  for (const kind of ["ssh", "bridge", "moshi"]) {
    await page.getByTestId(`host-kind-${kind}`).check();
    expect(await findings(page), kind).toEqual([]);
  }
  await page.getByTestId("host-address").fill("gpu-box.local:8998");
  await page.keyboard.press("Enter");
  await page.locator("[data-code='host.plain']").waitFor();
  expect(await findings(page), "an unencrypted address").toEqual([]);
}, 180_000);

test.each(["light", "dark"] as const)("nor have the panes, the events and the commands, %s", async (theme) => {
  const page = await open("question", { theme });
  await page.evaluate(() => script.send({ type: "log", entries: script.scenes.manyLog(1, 200), leftOut: 3 }));
  await page.getByTestId("events-open").click();
  await page.getByTestId("event").first().click();
  expect(await findings(page), "the events").toEqual([]);
  await page.getByTestId("history-open").click();
  await page.getByTestId("history-more").nth(1).click();
  expect(await findings(page), "the history").toEqual([]);
  await page.getByTestId("rename").click();
  expect(await findings(page), "a title being written").toEqual([]);
  await page.keyboard.press("Escape");
  await page.getByTestId("delete").click();
  expect(await findings(page), "a second word asked for").toEqual([]);
  await page.getByTestId("history-close").click();
  await page.getByTestId("tool").first().getByRole("button").first().click();
  expect(await findings(page), "an opened call").toEqual([]);
  await page.getByTestId("memories-open").click();
  await page.getByTestId("memory-edit").first().click();
  expect(await findings(page), "the memories").toEqual([]);
  await page.getByTestId("palette-open").click();
  expect(await findings(page), "the commands").toEqual([]);
}, 60_000);

test.each([SMALL, { width: 640, height: 400 }, { width: 450, height: 300 }])("nor a window of %o", async (size) => {
  const page = await open("notices", { size });
  await page.getByTestId("light-moshi").click();
  expect(await findings(page)).toEqual([]);
  await page.getByTestId("light-moshi").click();
  for (const door of ["panels", "history", "events"] as const) {
    await page.getByTestId(`${door}-open`).click();
    await page.getByTestId(door).waitFor();
    expect(await findings(page), door).toEqual([]);
    await page.getByTestId(`${door}-close`).click();
  }
});

test("with reduced motion the meters have names", async () => {
  const page = await open("live", { still: true });
  await page.evaluate(() => script.playSound());
  await page.getByRole("meter", { name: "You, level" }).waitFor();
  await page.getByRole("meter", { name: "Moshi, level" }).waitFor();
  expect(await findings(page)).toEqual([]);
});

test("the check sees what is wrong", async () => {
  const page = await open("idle");
  await page.evaluate(() => document.querySelector("[data-testid=text-box]")?.removeAttribute("aria-label"));
  await page.evaluate(() => document.querySelector("[data-testid=text-box]")?.removeAttribute("placeholder"));
  await page.evaluate(() => document.documentElement.style.setProperty("--soft", "oklch(0.8 0 0)"));
  const found = (await findings(page)).join("\n");
  expect(found).toContain("label:");
  expect(found).toContain("color-contrast:");
});

describe("a screen reader hears", () => {
  const heard = (page: Page) => page.getByTestId("announcer").innerText();

  test("what the call does, and finished turns, but not every word", async () => {
    const page = await open("idle");
    expect(await page.getByTestId("announcer").getAttribute("aria-live")).toBe("polite");
    await page.evaluate(() => script.show("busy"));
    await expect.poll(() => heard(page)).toMatch(/^Busy\. Someone else holds this host/);
    await page.evaluate(() => {
      const turn = { id: "t", speaker: "moshi", source: "spoken", text: "Half a", atMs: Date.now(), saved: false, delivery: null, note: null } as const;
      script.send({ type: "turn", turn: { ...turn, open: true } });
      script.send({ type: "turn", turn: { ...turn, text: "Half a sentence made whole.", open: false } });
    });
    await expect.poll(() => heard(page), { timeout: 4000 }).toBe("Moshi: Half a sentence made whole.");
  });
});
