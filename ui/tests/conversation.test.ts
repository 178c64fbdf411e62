import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { windows } from "./window";

const { open } = windows();

const toEnd = (page: Page) =>
  page.getByTestId("turns").evaluate((list) => list.scrollHeight - list.scrollTop - list.clientHeight);

async function frames(page: Page): Promise<void> {
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
}

describe("a turn", () => {
  test("says who, how and when, in the colour of its voice", async () => {
    const page = await open("live");
    const turns = page.getByTestId("turn");
    const marks = await turns.evaluateAll((rows) =>
      rows.map((row) => `${row.getAttribute("data-speaker")} ${row.getAttribute("data-source")}`),
    );
    expect(marks).toEqual([
      "person heard",
      "moshi spoken",
      "person heard",
      "moshi spoken",
      "person typed",
      "brain written",
      "person typed",
      "moshi spoken",
    ]);
    expect(await turns.nth(0).innerText()).toMatch(/^You\n[\s\S]*heard\s*\d\d:\d\d$/);
    expect(await turns.nth(1).innerText()).toMatch(/^Moshi\n[\s\S]*own words\s*\d\d:\d\d$/);
    expect(await turns.nth(5).innerText()).toMatch(/^Brain\n/);
    const colours = await Promise.all(
      [0, 1, 5].map((index) => turns.nth(index).locator(".who").evaluate((name) => getComputedStyle(name).color)),
    );
    expect(new Set(colours).size).toBe(3);
  });

  test("that still grows is marked, and so is one that is not saved", async () => {
    const page = await open("live");
    const open_ = page.getByTestId("turn").last();
    expect(await open_.getAttribute("data-open")).toBe("true");
    expect(await open_.innerText()).toContain("still talking");
    expect(await open_.innerText(), "a growing turn is not saved yet as a matter of course").not.toContain("not saved");
    const unsaved = page.getByTestId("turn").nth(6);
    expect(await unsaved.getAttribute("data-saved")).toBe("false");
    expect(await unsaved.innerText()).toContain("not saved");
    expect(await unsaved.locator("svg").count(), "a shape beside the word").toBe(1);
  });

  test("grows in place and is closed in place", async () => {
    const page = await open("live");
    for (const [text, growing] of [["Hello there", true], ["Hello there, friend.", false]] as const) {
      await page.evaluate(
        ([words, more]) => {
          const last = script.now.turns.at(-1);
          if (last) script.send({ type: "turn", turn: { ...last, text: words, open: more, saved: !more } });
        },
        [text, growing] as const,
      );
      await page.getByTestId("turn").last().getByText(text, { exact: true }).waitFor();
    }
    expect(await page.getByTestId("turn").count()).toBe(8);
    expect(await page.getByTestId("turn").last().getAttribute("data-open")).toBe("false");
  });

  test("is never anything but text, and hides nothing", async () => {
    const page = await open("hostile");
    expect(await page.evaluate(() => "struck" in globalThis)).toBe(false);
    expect(await page.locator("[data-testid=turn] :is(img, script, b, a)").count()).toBe(0);
    const reversed = page.getByTestId("turn").nth(2);
    expect(await reversed.locator(".hidden").allInnerTexts()).toEqual([
      "U+202E", "U+202C", "U+200B", "U+0000", "U+001B", "U+2028", "U+2066", "U+2069",
    ]);
    expect(await reversed.locator(".hidden").first().getAttribute("title")).toBe("right-to-left override");
    expect(await page.getByTestId("turn").nth(5).locator(".text").evaluate((text) => getComputedStyle(text).direction)).toBe("rtl");
  });

  test("stays in its place however long its words are", async () => {
    for (const scene of ["hostile", "long"] as const) {
      const page = await open(scene, { size: { width: 900, height: 600 } });
      const overflow = await page
        .locator("[data-testid=turns], [data-testid=turn] .text")
        .evaluateAll((boxes) => boxes.map((box) => box.scrollWidth - box.clientWidth));
      expect(new Set(overflow), `${scene}: neither cut off nor scrolled sideways`).toEqual(new Set([0]));
    }
  });

  test("keeps the line ends and spaces that were typed", async () => {
    const page = await open("long");
    expect(await page.getByTestId("turn").first().locator(".text").innerText()).toBe(
      "First line.\n\n    Indented, as typed.\nLast line.",
    );
  });
});

test("an empty conversation says in one sentence what to do", async () => {
  const page = await open("idle");
  await page.getByTestId("new-conversation").click();
  expect(await page.getByTestId("empty").innerText()).toBe(
    "Nothing said yet. Press Talk to speak with Moshi, or type below.",
  );
});

describe("scrolling", () => {
  async function say(page: Page, text: string): Promise<void> {
    await page.evaluate((words) => {
      const turn = { id: words, speaker: "moshi", source: "spoken", text: words, atMs: Date.now(), open: false, saved: true, delivery: null, note: null } as const;
      script.send({ type: "turn", turn });
    }, text);
    await frames(page);
  }

  test("follows new turns while at the end", async () => {
    const page = await open("tenThousand");
    await frames(page);
    expect(await toEnd(page)).toBeLessThan(2);
    for (let count = 0; count < 5; count += 1) await say(page, `New ${count}. ${"word ".repeat(count * 30)}`);
    expect(await toEnd(page)).toBeLessThan(2);
    await page.getByTestId("turn").getByText("New 4.").waitFor();
    expect(await page.getByTestId("newest").count()).toBe(0);
  });

  test("stays at the end when the window changes while it scrolls", async () => {
    const page = await open("tenThousand");
    await frames(page);
    const list = page.getByTestId("turns");
    await list.evaluate((element) => (element.scrollTop -= 5));
    await frames(page);
    await list.evaluate((element) => {
      element.scrollTop += 5;
      element.style.height = "200px";
    });
    await frames(page);
    expect(await toEnd(page)).toBeLessThan(2);
    expect(await page.getByTestId("newest").count()).toBe(0);
  });

  test("does not move the words one reads, and offers the way back", async () => {
    const page = await open("tenThousand");
    await frames(page);
    await page.getByTestId("turns").hover();
    await page.mouse.wheel(0, -3000);
    await page.getByTestId("newest").waitFor();
    await page.waitForTimeout(300);
    const place = () =>
      page.getByTestId("turns").evaluate((list) => {
        const top = list.getBoundingClientRect().top;
        const first = [...list.querySelectorAll("[data-testid=turn]")].find((row) => row.getBoundingClientRect().top >= top);
        return `${first?.parentElement?.getAttribute("aria-posinset")} at ${Math.round((first?.getBoundingClientRect().top ?? 0) - top)}`;
      });
    const before = await place();
    await say(page, "Something new");
    expect(await place()).toBe(before);
    await page.getByTestId("newest").click();
    await expect.poll(() => toEnd(page)).toBeLessThan(2);
    await page.getByTestId("turn").getByText("Something new").waitFor();
    expect(await page.getByTestId("newest").count()).toBe(0);
  });

  test("goes up smoothly through turns never seen before", async () => {
    const page = await open("tenThousand");
    await page.waitForTimeout(200);
    await page.getByTestId("turns").hover();
    // A row near the top must move by exactly what was scrolled, although guessed heights above it become real ones.
    for (let step = 0; step < 25; step += 1) {
      const moved = await page.getByTestId("turns").evaluate(async (list) => {
        const top = list.getBoundingClientRect().top;
        const row = [...list.querySelectorAll("[data-testid=turn]")].find((each) => each.getBoundingClientRect().top >= top);
        const before = row?.getBoundingClientRect().top ?? 0;
        list.scrollBy(0, -350);
        await new Promise((resolve) => setTimeout(resolve, 80));
        // What counts is what is painted: after a frame's corrections, not in the middle of one.
        await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 0)));
        return row?.isConnected ? row.getBoundingClientRect().top - before : NaN;
      });
      expect(moved, `step ${step}`).toBeCloseTo(350, -0.5);
    }
  });

  test("another conversation is shown from its end", async () => {
    const page = await open("tenThousand");
    await page.getByTestId("turns").evaluate((list) => list.scrollTo(0, 0));
    await page.getByTestId("newest").waitFor();
    await page.evaluate(() => script.send({ type: "conversation", id: "other", turns: script.scenes.manyTurns(300) }));
    await frames(page);
    await expect.poll(() => toEnd(page)).toBeLessThan(2);
  });

  test("by keyboard", async () => {
    const page = await open("tenThousand");
    await frames(page);
    await page.getByTestId("turns").focus();
    await page.keyboard.press("Home");
    await page.getByText("0. Good morning.").waitFor();
    await page.keyboard.press("End");
    await expect.poll(() => toEnd(page), { timeout: 5000 }).toBeLessThan(2);
  });
});

test("ten thousand turns stay light", async () => {
  const started = Date.now();
  const page = await open("tenThousand");
  const openedMs = Date.now() - started;
  await page.waitForTimeout(300);
  const drawn = await page.getByTestId("turn").count();

  // One growing turn, as Moshi's words come in: what an update costs from the event to the finished layout.
  const updates = await page.evaluate(async () => {
    const costs: number[] = [];
    for (let words = 1; words <= 45; words += 1) {
      const started = performance.now();
      const text = "word ".repeat(words);
      const turn = { id: "growing", speaker: "moshi", source: "spoken", text, atMs: Date.now(), open: true, saved: false } as const;
      script.send({ type: "turn", turn: { ...turn, delivery: null, note: null } });
      await Promise.resolve();
      void document.body.offsetHeight;
      costs.push(performance.now() - started);
      await new Promise((resolve) => setTimeout(resolve, 1000 / 15));
    }
    return costs.sort((a, b) => a - b);
  });

  // The longest pause between two frames while jumping through the whole conversation.
  const pauses = await page.getByTestId("turns").evaluate(async (list) => {
    const found: number[] = [];
    for (let jump = 0; jump < 30; jump += 1) {
      const from = performance.now();
      list.scrollTo(0, (list.scrollHeight * ((jump * 7) % 30)) / 30);
      await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
      found.push(performance.now() - from);
    }
    return found.sort((a, b) => a - b);
  });
  const median = (values: number[]) => Math.round((values[Math.floor(values.length / 2)] ?? 0) * 10) / 10;
  console.info(
    `10,000 turns: open in ${openedMs} ms, ${drawn} rows drawn, ` +
      `an update ${median(updates)} ms (worst ${Math.round(updates.at(-1) ?? 0)}), ` +
      `a jump ${median(pauses)} ms (worst ${Math.round(pauses.at(-1) ?? 0)})`,
  );
  expect(drawn).toBeGreaterThan(10);
  expect(drawn).toBeLessThan(200);
  expect(median(updates)).toBeLessThan(25);
  expect(median(pauses)).toBeLessThan(150);
});
