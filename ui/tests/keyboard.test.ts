import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { asked, picture, windows } from "./window";

const { open } = windows();

const focused = (page: Page) => page.evaluate(() => document.activeElement?.getAttribute("data-testid") ?? null);

describe("shortcuts", () => {
  test("M mutes, Ctrl+, opens and closes the settings, ? lists the shortcuts", async () => {
    const page = await open("live");
    await page.keyboard.press("m");
    await expect.poll(() => asked(page, "setMuted")).toEqual([true]);
    await page.keyboard.press("Control+,");
    await page.getByTestId("settings").waitFor();
    await page.keyboard.press("Control+,");
    await expect.poll(() => page.getByTestId("settings").count()).toBe(0);
    await page.keyboard.press("?");
    const help = page.getByTestId("help");
    await help.waitFor();
    await picture(page, "help-light");
    expect(await help.locator("dd").count()).toBe(11);
    await page.keyboard.press("m");
    await page.keyboard.press("Escape");
    await expect.poll(() => help.isVisible()).toBe(false);
    expect(await asked(page, "setMuted"), "not behind the open list").toEqual([true]);
    expect(await asked(page, "stop"), "Esc closed the list and nothing else").toEqual([]);
  });

  test("Esc leaves the field, then closes the settings, then stops", async () => {
    const page = await open("live");
    await page.keyboard.press("Control+,");
    await page.getByTestId("handshake-limit").focus();
    await page.keyboard.press("Escape");
    expect(await focused(page)).toBeNull();
    expect(await page.getByTestId("settings").count()).toBe(1);
    await page.keyboard.press("Escape");
    await expect.poll(() => page.getByTestId("settings").count()).toBe(0);
    expect(await asked(page, "stop")).toEqual([]);
    await page.keyboard.press("Escape");
    await expect.poll(() => asked(page, "stop")).toHaveLength(1);
    await page.keyboard.press("Escape");
    expect(await asked(page, "stop"), "nothing left to stop").toHaveLength(1);
  });

  test("none but Esc means anything while typing", async () => {
    const page = await open("live");
    await page.getByTestId("text-box").focus();
    await page.keyboard.type("m? Mmm");
    await page.keyboard.press("Control+,");
    expect(await page.getByTestId("text-box").inputValue()).toBe("m? Mmm");
    expect(await asked(page, "setMuted")).toEqual([]);
    expect(await page.getByTestId("settings").count()).toBe(0);
    expect(await page.getByTestId("help").isVisible()).toBe(false);
    await page.keyboard.press("Escape");
    expect(await focused(page)).not.toBe("text-box");
    expect(await page.getByTestId("text-box").inputValue(), "what was written stays").toBe("m? Mmm");
    expect(await asked(page, "stop")).toEqual([]);
  });

  test("M in a device list chooses by letter and does not mute", async () => {
    const page = await open("idle");
    await page.keyboard.press("Control+,");
    await page.getByTestId("input-device").focus();
    await page.keyboard.press("m");
    expect(await asked(page, "setMuted")).toEqual([]);
  });

  test("Space presses the focused button and nothing else", async () => {
    const page = await open("idle");
    await page.keyboard.press("Space");
    expect(await page.evaluate(() => script.asked.map(({ command }) => command))).toEqual(["snapshot"]);
    await page.getByTestId("talk").focus();
    await page.keyboard.press("Space");
    await expect.poll(() => asked(page, "talk")).toHaveLength(1);
  });
});

describe("by Tab alone", () => {
  /** Walks until the focus comes round, and notes for each stop what it is and whether the focus can be seen. */
  async function walk(page: Page): Promise<{ name: string; visible: boolean; inside: boolean }[]> {
    const stops: { name: string; visible: boolean; inside: boolean }[] = [];
    for (let step = 0; step < 80; step += 1) {
      await page.keyboard.press("Tab");
      const stop = await page.evaluate(() => {
        const element = document.activeElement;
        if (!element || element === document.body) return null;
        const style = getComputedStyle(element);
        const box = element.getBoundingClientRect();
        return {
          name: element.getAttribute("data-testid") ?? element.getAttribute("aria-label") ?? element.textContent?.trim() ?? "",
          visible: style.outlineStyle === "solid" && parseFloat(style.outlineWidth) >= 2,
          inside: box.width > 0 && box.top < innerHeight && box.bottom > 0 && box.left >= 0 && box.right <= innerWidth,
        };
      });
      if (!stop || stop.name === stops[0]?.name) break;
      stops.push(stop);
    }
    return stops;
  }

  test("everything is reached in the order it is read, and the focus is always seen", async () => {
    const page = await open("busy");
    const stops = await walk(page);
    expect(stops.map(({ name }) => name)).toEqual([
      "light-microphone",
      "light-speaker",
      "light-moshi",
      "light-ear",
      "light-bridge",
      "light-mas",
      "light-brain",
      "light-memory",
      "host-picker",
      "new-conversation",
      "history-open",
      "events-open",
      "settings-open",
      "palette-open",
      "help-open",
      "turns",
      "who-answers",
      "Cancel",
      "Use another host",
      "latency-more",
      "talk",
      "mute",
      "text-box",
      "fold-brain",
      "fold-tools",
      "fold-agents",
      "fold-memory",
      "memories-open",
    ]);
    expect(stops.filter(({ visible }) => !visible)).toEqual([]);
    expect(stops.filter(({ inside }) => !inside)).toEqual([]);
  });

  test("the settings too, without a trap", async () => {
    const page = await open("idle");
    await page.keyboard.press("Control+,");
    await page.getByTestId("settings").waitFor();
    await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe("settings-title");
    const stops = await walk(page);
    const names = stops.map(({ name }) => name);
    for (const name of [
      "settings-close",
      "to-host",
      "host-choose",
      "host-more",
      "host-add",
      "use-next-host",
      "handshake-limit",
      "local-start",
      "local-runtime",
      "local-log-open",
      "doctor-run",
      "model-download",
      "model-folder",
      "hub-token",
      "model-endpoint",
      "input-device",
      "output-device",
      "echo-test",
      "ear-host",
      "answerer-brainThroughMoshi",
      "says-atPause",
      "voice",
      "persona",
      "theme-system",
      "first-screen-show",
    ]) {
      expect(names).toContain(name);
    }
    expect(stops.filter(({ visible }) => !visible)).toEqual([]);
    expect(stops.filter(({ inside }) => !inside), "scrolled into sight").toEqual([]);
  });
});
