import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { picture, windows } from "./window";

const { open } = windows();

/** How often each canvas is painted from now on. */
async function countPaints(page: Page): Promise<() => Promise<number>> {
  await page.evaluate(() => {
    const paints = { count: 0 };
    const clear = CanvasRenderingContext2D.prototype.clearRect;
    CanvasRenderingContext2D.prototype.clearRect = function (...area) {
      paints.count += 1;
      clear.apply(this, area);
    };
    Object.assign(globalThis, { paints });
  });
  return () => page.evaluate(() => (globalThis as unknown as { paints: { count: number } }).paints.count);
}

/** How many pixels of a lane's picture are painted, and the mean colour of those. */
function ink(page: Page, lane: string): Promise<{ painted: number; colour: string }> {
  return page.getByTestId(lane).locator("canvas").evaluate((element) => {
    const canvas = element as HTMLCanvasElement;
    const data = canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
    let painted = 0;
    const sum = [0, 0, 0];
    for (let at = 0; at < data.length; at += 4) {
      if ((data[at + 3] ?? 0) < 255) continue;
      painted += 1;
      for (const channel of [0, 1, 2]) sum[channel] = (sum[channel] ?? 0) + (data[at + channel] ?? 0);
    }
    return { painted, colour: sum.map((total) => Math.round(total / Math.max(1, painted) / 16)).join(" ") };
  });
}

describe("the waveforms", () => {
  test("show the signal of both sides, each in its own colour, and its level", async () => {
    const page = await open("live");
    await page.evaluate(() => script.playSound());
    await page.waitForTimeout(1500);
    const mic = await ink(page, "lane-person");
    const moshi = await ink(page, "lane-moshi");
    expect(mic.painted).toBeGreaterThan(200);
    expect(moshi.painted).toBeGreaterThan(50);
    expect(mic.colour).not.toBe(moshi.colour);
    expect(await page.getByTestId("lane-person").innerText()).toMatch(/You\s+−\d+ dB/);
    expect(await page.getByTestId("lane-moshi").innerText()).toMatch(/Moshi\s+−\d+ dB/);
  });

  test("are painted at most 30 times a second, and not at all without sound", async () => {
    const page = await open("live");
    const paints = await countPaints(page);
    await page.waitForTimeout(500);
    expect(await paints(), "no sound, no paint").toBe(0);
    await page.evaluate(() => script.playSound());
    await page.waitForTimeout(500);
    const before = await paints();
    const from = Date.now();
    await page.waitForTimeout(3000);
    const perLane = (await paints() - before) / 2 / ((Date.now() - from) / 1000);
    console.info(`${perLane.toFixed(1)} paints a second and lane`);
    expect(perLane).toBeLessThanOrEqual(31);
    expect(perLane).toBeGreaterThan(10);
    await page.evaluate(() => script.stopSound());
    await expect.poll(() => page.getByTestId("lane-person").getAttribute("data-flows"), { timeout: 3000 }).toBe("false");
    const after = await paints();
    await page.waitForTimeout(500);
    expect(await paints()).toBe(after);
    expect(await page.getByTestId("lane-person").innerText()).toContain("—");
  });

  test("of a muted microphone are grey, and say muted", async () => {
    const page = await open("live");
    await page.evaluate(() => script.playSound());
    await page.waitForTimeout(1000);
    const heard = await ink(page, "lane-person");
    await page.getByTestId("mute").click();
    await page.waitForTimeout(500);
    const muted = await ink(page, "lane-person");
    expect(muted.colour).not.toBe(heard.colour);
    const channels = muted.colour.split(" ").map(Number);
    expect(Math.max(...channels) - Math.min(...channels), "grey").toBeLessThanOrEqual(1);
    expect(await page.getByTestId("lane-person").innerText()).toContain("muted");
  });

  test("give way to still levels when motion is reduced", async () => {
    const page = await open("live", { still: true });
    await page.evaluate(() => script.playSound());
    const meter = page.getByTestId("lane-person").getByRole("meter");
    await expect.poll(() => meter.getAttribute("aria-valuetext")).toMatch(/−\d+ dB, good/);
    expect(await page.locator("canvas").count()).toBe(0);
    expect(await page.getByTestId("talk").evaluate((button) => getComputedStyle(button).transitionDuration)).toBe("0s");
    await picture(page, "still-light");
    // The bar moves in steps that can be followed.
    const steps = await meter.evaluate(async (element) => {
      let changes = 0;
      const watch = new MutationObserver(() => (changes += 1));
      watch.observe(element, { attributes: true, attributeFilter: ["aria-valuetext"] });
      await new Promise((resolve) => setTimeout(resolve, 3000));
      watch.disconnect();
      return changes;
    });
    expect(steps).toBeLessThanOrEqual(7);
  });
});

describe("the latency strip", () => {
  test("shows each stage in proportion and in figures, and a total", async () => {
    const page = await open("live");
    const strip = page.getByTestId("latency");
    const text = (await strip.innerText()).replace(/\s+/g, " ");
    expect(text).toContain("mic 12 ms network 24 ms host — not measured buffer 84 ms speaker 11 ms");
    expect(text).toContain("131 ms");
    const widths = await strip.locator(".part").evaluateAll((parts) => parts.map((part) => part.getBoundingClientRect().width));
    const [mic = 0, network = 0, , buffer = 0] = widths;
    expect(network / mic).toBeCloseTo(2, 0);
    expect(buffer / mic).toBeCloseTo(7, 0);
  });

  test("tells why a figure is missing, and the figures behind it, one step away", async () => {
    const page = await open("live");
    expect(await page.getByTitle("Not measured yet.").innerText()).toContain("host —");
    await page.getByTestId("latency-more").focus();
    await page.keyboard.press("Enter");
    const more = (await page.locator("#latency-figures").innerText()).replace(/\s+/g, " ");
    expect(more).toContain("No figure for host: Not measured yet.");
    expect(more).toMatch(/Buffer target 80 ms .*Jitter 6 ms .*Underruns 1 time .*Concealed 40 ms .*Dropped 0 ms/);
    await picture(page, "latency-figures-light");
  });

  test("has a dash for everything while nothing is measured", async () => {
    const page = await open("idle");
    const text = (await page.getByTestId("latency").innerText()).replace(/\s+/g, " ");
    expect(text).toContain("mic — not measured network — not measured host — not measured");
    expect(await page.locator("[data-testid=latency] .part").count()).toBe(0);
  });
});
