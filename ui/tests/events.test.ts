import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import type { SceneName } from "$lib/backend/scenes";
import { type Look, picture, SMALL, windows } from "./window";

const { open } = windows();

async function openEvents(scene: SceneName, look: Look = {}): Promise<Page> {
  const page = await open(scene, look);
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.getByTestId("events-open").click();
  await page.getByTestId("events").waitFor();
  return page;
}

const copied = (page: Page) => page.evaluate(() => navigator.clipboard.readText());
const numbers = (page: Page) =>
  page.getByTestId("event").evaluateAll((rows) => rows.map((row) => Number(row.getAttribute("data-number"))));

describe("the drawer", () => {
  test("opens by button and by key, closes by Esc, and gives the focus back", async () => {
    const page = await openEvents("events");
    await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe("events-title");
    await page.keyboard.press("Escape");
    await expect.poll(() => page.getByTestId("events").count()).toBe(0);
    expect(await page.evaluate(() => document.activeElement?.getAttribute("data-testid"))).toBe("events-open");
    await page.keyboard.press("e");
    await page.getByTestId("events").waitFor();
    await page.keyboard.press("e");
    await expect.poll(() => page.getByTestId("events").count()).toBe(0);
  });

  test("leaves conversation and controls in sight, or in a low window the controls", async () => {
    const wide = await openEvents("events");
    expect(await wide.getByTestId("turns").isVisible()).toBe(true);
    expect(await wide.getByTestId("text-box").isVisible()).toBe(true);
    const small = await openEvents("events", { size: SMALL });
    expect(await small.getByTestId("turns").isVisible()).toBe(false);
    expect(await small.getByTestId("text-box").isVisible()).toBe(true);
    expect(await small.getByTestId("event").count()).toBe(9);
    await picture(small, "events-small-light");
  });

  test("says where each entry comes from, how grave it is and when it was", async () => {
    const page = await openEvents("events");
    const row = page.getByTestId("event").filter({ hasText: "weather-agent failed" });
    expect((await row.innerText()).replace(/\s+/g, " ")).toMatch(/^\d\d:\d\d:\d\d\.\d{3} Problem Agent weather-agent failed: No forecast/);
    expect(await page.getByTestId("events-count").innerText()).toBe("9 of 9; 1,312 were left out, as too many came at once");
  });

  test("with nothing in it says so", async () => {
    const page = await openEvents("idle");
    expect(await page.getByTestId("events").innerText()).toContain("Nothing has happened yet.");
  });
});

describe("filters", () => {
  test("by source, level and words", async () => {
    const page = await openEvents("events");
    await page.getByTestId("events-source").selectOption("brain");
    await expect.poll(() => numbers(page)).toEqual([4, 7, 9]);
    await page.getByTestId("events-level").selectOption("error");
    await expect.poll(() => numbers(page)).toEqual([9]);
    await page.getByTestId("events-source").selectOption("");
    await page.getByTestId("events-level").selectOption("info");
    await page.getByTestId("events-text").fill("FORECAST");
    await expect.poll(() => numbers(page)).toEqual([8]);
    expect(await page.getByTestId("events-count").innerText()).toContain("1 of 9");
    await page.getByTestId("events-text").fill("nowhere");
    await page.getByText("No event fits this filter.").waitFor();
  });
});

describe("copying", () => {
  test("takes all that the filter lets through, or what is chosen", async () => {
    const page = await openEvents("events");
    await page.getByTestId("events-source").selectOption("brain");
    await page.getByRole("button", { name: "Copy all" }).click();
    await page.getByText("3 events copied.").waitFor();
    const lines = (await copied(page)).split("\n");
    expect(lines).toHaveLength(3);
    expect(lines[2]).toMatch(/Problem Brain Answered with an error \(500\): Traceback .* KeyError: 'session'$/);
    await page.getByTestId("event").first().click();
    await page.keyboard.press("Shift+ArrowDown");
    await page.keyboard.press("Control+c");
    await page.getByText("2 events copied.").waitFor();
    expect((await copied(page)).split("\n")).toHaveLength(2);
  });

  test("gives the whole of a chosen entry to read", async () => {
    const page = await openEvents("events");
    await page.getByTestId("event-list").focus();
    await page.keyboard.press("End");
    expect(await page.getByTestId("event-detail").innerText()).toContain('File "brain.py", line 118');
  });

  test("a report asks the app for it", async () => {
    const page = await openEvents("events");
    await page.getByTestId("events-report").click();
    await page.getByText("Report copied.").waitFor();
    expect(await copied(page)).toContain("host: one is set");
    await page.evaluate(() => script.refusals.set("report", script.scenes.problem("history.disk_full")));
    await page.getByTestId("events-report").click();
    await page.locator("#events-problem").waitFor();
  });

  test("where the engine does not allow it shows the text to be copied by hand", async () => {
    const page = await openEvents("events");
    await page.evaluate(() => {
      navigator.clipboard.writeText = () => Promise.reject(new Error("not allowed"));
    });
    await page.getByTestId("events-report").click();
    await page.getByTestId("by-hand").focus();
    expect(await page.evaluate(() => getSelection()?.toString() || (document.activeElement as HTMLTextAreaElement).value)).toContain("host: one is set");
  });
});

describe("ten thousand entries", () => {
  test("are followed at the end, and draw no more than what is in sight", async () => {
    const page = await openEvents("tenThousandEvents");
    await page.getByText("Event 10000", { exact: false }).waitFor();
    expect(await page.getByTestId("event").count()).toBeLessThan(60);
    await page.evaluate(() => script.send({ type: "log", entries: script.scenes.manyLog(10_001, 300), leftOut: 0 }));
    await page.getByText("Event 10300", { exact: false }).waitFor();
    expect(await page.getByTestId("events-count").innerText()).toBe("10,000 of 10,000; 300 older ones are no longer listed");
  });

  test("stay where they are read while newer ones push the oldest out", async () => {
    const page = await openEvents("tenThousandEvents");
    await page.getByTestId("event-list").focus();
    await page.getByTestId("event-list").evaluate((list) => (list.scrollTop = 120_003));
    await page.getByTestId("events-newest").waitFor();
    const top = () =>
      page.getByTestId("event-list").evaluate((list) => {
        const edge = list.getBoundingClientRect().top;
        const row = [...list.querySelectorAll("[data-testid=event]")].find((one) => one.getBoundingClientRect().bottom > edge);
        return [row?.getAttribute("data-number"), Math.round((row?.getBoundingClientRect().top ?? 0) - edge)];
      });
    const before = await top();
    for (let from = 10_001; from < 11_500; from += 300) {
      await page.evaluate((first) => script.send({ type: "log", entries: script.scenes.manyLog(first, 300), leftOut: 0 }), from);
      await page.waitForTimeout(30);
    }
    await expect.poll(top).toEqual(before);
    await page.getByTestId("events-newest").click();
    await page.getByText("Event 11500", { exact: false }).waitFor();
  });

  test("can be walked by keyboard from end to end", async () => {
    const page = await openEvents("tenThousandEvents");
    const list = page.getByTestId("event-list");
    await list.focus();
    await page.keyboard.press("Home");
    await page.getByTestId("event").first().waitFor();
    await expect.poll(async () => (await numbers(page))[0]).toBe(1);
    await page.keyboard.press("PageDown");
    await page.keyboard.press("ArrowDown");
    const active = await list.getAttribute("aria-activedescendant");
    expect(active).toMatch(/^event-\d+$/);
    expect(await page.locator(`#${active}`).getAttribute("aria-selected")).toBe("true");
    await page.keyboard.press("Control+a");
    expect(await page.getByTestId("events-copy").innerText()).toBe("Copy 10,000");
  });
});
