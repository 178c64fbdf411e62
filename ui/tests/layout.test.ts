import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import type { SceneName } from "$lib/backend/scenes";
import { SMALL, WIDE, windows } from "./window";

const { open } = windows();

const SIZES = [
  ["1280x800", WIDE],
  ["900x600", SMALL],
  ["1280x800 at 200 %", { width: 640, height: 400 }],
  ["900x600 at 200 %", { width: 450, height: 300 }],
  ["a tall narrow window", { width: 450, height: 800 }],
  ["2560x1440", { width: 2560, height: 1440 }],
] as const;

const inside = (page: Page, id: string) =>
  page.getByTestId(id).evaluate((element) => {
    const { top, bottom, left, right } = element.getBoundingClientRect();
    return top >= 0 && left >= 0 && bottom <= innerHeight && right <= innerWidth;
  });

/** Elements whose text is cut off although nothing lets one scroll to it. */
const cutOff = (page: Page) =>
  page.evaluate(() =>
    [...document.querySelectorAll("button, p, label, .figure, strong")]
      .filter((element) => {
        const style = getComputedStyle(element);
        // Words for ears only are cut off on purpose.
        return style.clipPath === "none" && element.clientWidth > 1 && element.scrollWidth > element.clientWidth + 1;
      })
      .map((element) => `${element.className}: ${element.textContent?.trim()}`),
  );

describe.each(SIZES)("%s", (_, size) => {
  test("nothing is pushed out sideways, and talking and typing are in sight, in every phase", async () => {
    const page = await open("idle", { size });
    const scenes: SceneName[] = ["idle", "connecting", "busy", "live", "reconnecting", "failed", "long", "hostile", "mas", "question", "brainFailed", "hosts", "localFailed", "localReady", "modelsDownloading", "firstFits", "firstTooSlow"];
    for (const scene of scenes) {
      await page.evaluate((name) => script.show(name), scene);
      await page.waitForTimeout(50);
      const sideways = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(sideways, scene).toBeLessThanOrEqual(0);
      for (const id of ["talk", "mute", "text-box", "send"]) expect(await inside(page, id), `${scene}: ${id}`).toBe(true);
      expect(await cutOff(page), scene).toEqual([]);
      const turns = await page.getByTestId(scene.startsWith("first") ? "first-screen" : "turns").boundingBox();
      expect(turns?.height, scene).toBeGreaterThanOrEqual(80);
    }
  });

  test("panels, history and events have room, and nothing in them is cut off", async () => {
    const page = await open("mas", { size });
    for (const door of ["panels", "history", "events"] as const) {
      const button = page.getByTestId(`${door}-open`);
      // In a wide window the panels have their column.
      if (!(await button.isVisible())) continue;
      await button.click();
      await page.getByTestId(door).waitFor();
      await page.waitForTimeout(50);
      expect((await page.getByTestId(door).boundingBox())?.height, door).toBeGreaterThanOrEqual(80);
      expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), door).toBeLessThanOrEqual(0);
      for (const id of ["talk", "text-box"]) expect(await inside(page, id), `${door}: ${id}`).toBe(true);
      expect(await cutOff(page), door).toEqual([]);
      await page.getByTestId(`${door}-close`).click();
    }
  });

  test("hosts, doctor, models and the local Moshi have room in the settings", async () => {
    const page = await open("hostUnknown", { size });
    await page.getByTestId("settings-open").click();
    await page.getByTestId("host-more").first().click();
    await page.getByTestId("local-log-open").click();
    await page.getByTestId("local-log").waitFor();
    const inner = page.locator("[data-testid=settings] .sections");
    const scenes: SceneName[] = ["hostUnknown", "hostChanged", "hostTooSlow", "hostWorks", "localFailed", "doctor5090", "doctorNoGpu", "modelsDownloading", "modelsGated", "modelsHere"];
    for (const scene of scenes) {
      await page.evaluate((name) => script.show(name), scene);
      await page.waitForTimeout(50);
      expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), scene).toBeLessThanOrEqual(0);
      expect(await inner.evaluate((sections) => sections.scrollWidth - sections.clientWidth), scene).toBe(0);
      expect(await cutOff(page), scene).toEqual([]);
    }
  });

  test("the settings can be used to their end", async () => {
    const page = await open("busy", { size });
    await page.getByTestId("settings-open").click();
    const last = page.getByTestId("first-screen-show");
    await last.scrollIntoViewIfNeeded();
    expect(await last.isVisible()).toBe(true);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
    const inner = page.locator("[data-testid=settings] .sections");
    expect(await inner.evaluate((sections) => sections.scrollWidth - sections.clientWidth)).toBe(0);
    await page.getByTestId("host-add").click();
    await page.getByTestId("host-address").scrollIntoViewIfNeeded();
    const field = await page.getByTestId("host-address").boundingBox();
    expect(field?.width).toBeGreaterThan(200);
    expect(await cutOff(page)).toEqual([]);
  });
});

test.each(SIZES.slice(0, 3))("%s shows everything without scrolling the page", async (_, size) => {
  const page = await open("busy", { size });
  expect(await page.evaluate(() => document.documentElement.scrollHeight - innerHeight)).toBe(0);
});

test("the third column stands beside the conversation, and a pane takes its place", async () => {
  const page = await open("live");
  const panels = await page.getByTestId("panels").boundingBox();
  const before = (await page.getByTestId("turns").boundingBox())?.width ?? 0;
  await page.getByTestId("settings-open").click();
  const pane = await page.getByTestId("settings").boundingBox();
  const turns = await page.getByTestId("turns").boundingBox();
  expect(pane?.height).toBe(800);
  expect(pane).toEqual(panels);
  expect(turns?.width).toBe(before);
  expect((turns?.x ?? 0) + (turns?.width ?? 0)).toBe(pane?.x);
});

test("every control is large enough to hit", async () => {
  const page = await open("notices");
  await page.evaluate(() => script.send({ type: "hosts", hosts: script.scenes.hosts() }));
  await page.getByTestId("settings-open").click();
  await page.getByTestId("host-more").first().click();
  await page.getByTestId("host-add").click();
  const small = await page.evaluate(() =>
    [...document.querySelectorAll("button, select, input:not([type=radio], [type=checkbox]), textarea, label:has(input)")]
      .filter((element) => element.checkVisibility())
      .map((element) => ({ box: element.getBoundingClientRect(), name: element.getAttribute("data-testid") ?? element.textContent }))
      .filter(({ box }) => box.width < 24 || box.height < 24)
      .map(({ name }) => name),
  );
  expect(small).toEqual([]);
});
