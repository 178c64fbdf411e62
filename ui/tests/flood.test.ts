import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { windows } from "./window";

const { open } = windows();

const SECONDS = 6;
const A_SECOND = 5000;

async function heapOf(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page);
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  await session.detach();
  return Math.round(usedSize / 1e6);
}

test.each(["the panels", "the events"])("5,000 entries a second leave the page awake, with %s in sight", async (sight) => {
  const page = await open("tenThousandCalls");
  if (sight === "the events") await page.getByTestId("events-open").click();
  await page.getByTestId("text-box").focus();
  const heap = await heapOf(page);
  // The batches come as Rust sends them: 15 a second, each with what is new of everything.
  await page.evaluate(
    ([seconds, aSecond]) => {
      const each = Math.round(aSecond / 15 / 3);
      const counts = { reads: 0, writes: 0, scopes: ["memories"], editable: false };
      const frames: number[] = [];
      let last = performance.now();
      const watch = (now: number) => {
        frames.push(now - last);
        last = now;
        requestAnimationFrame(watch);
      };
      requestAnimationFrame(watch);
      let batch = 0;
      const timer = setInterval(() => {
        const from = 20_000 + batch * each;
        script.send(
          { type: "tools", calls: script.scenes.manyTools(from, each), total: from + each },
          { type: "memory", uses: Array.from({ length: each }, (_, index) => ({ id: `f${from + index}`, write: false, kind: "memories", count: 1, atMs: 0, said: null })), counts },
          { type: "log", entries: script.scenes.manyLog(from, each), leftOut: 0 },
        );
        batch += 1;
        if (batch === 15 * seconds) {
          clearInterval(timer);
          Object.assign(globalThis, { flood: { frames, sent: 3 * each * batch } });
        }
      }, 1000 / 15);
    },
    [SECONDS, A_SECOND] as const,
  );
  const waits: number[] = [];
  for (let key = 0; key < SECONDS * 4; key += 1) {
    const wait = await page.evaluate(async () => {
      const from = performance.now();
      await new Promise((resolve) => setTimeout(resolve, 0));
      await new Promise((resolve) => requestAnimationFrame(resolve));
      return performance.now() - from;
    });
    waits.push(wait);
    await page.keyboard.type("a");
    await page.waitForTimeout(150);
  }
  await page.waitForFunction(() => "flood" in globalThis);
  const { frames, sent } = await page.evaluate(() => (globalThis as unknown as { flood: { frames: number[]; sent: number } }).flood);
  const at = (values: number[], share: number) => {
    const sorted = values.toSorted((a, b) => a - b);
    return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
  };
  const told = (values: number[]) => `${at(values, 0.5)} ms (median), ${at(values, 0.99)} ms (99 %), ${at(values, 1)} ms (most)`;
  console.info(
    `${sent} entries in ${SECONDS} s with ${sight} in sight: between frames ${told(frames)}; ` +
      `until a task was done and painted ${told(waits)}; memory ${heap} MB before, ${await heapOf(page)} MB after`,
  );
  expect(at(frames, 0.5), "between frames").toBeLessThan(150);
  expect(await page.getByTestId("text-box").inputValue()).toBe("a".repeat(SECONDS * 4));
  expect(await page.evaluate(() => script.now.panels.tools.length)).toBe(10_000);
  expect(await page.getByTestId("tool").count()).toBeLessThan(200);
});
