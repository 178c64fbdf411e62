import { expect, test } from "vitest";
import { picture, windows } from "./window";

const { open } = windows();

test("the window is there before the snapshot, and says what it waits for", async () => {
  const page = await open("live", { query: "&snapshotDelay=3000" });
  const paint = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? Infinity);
  console.info(`first paint after ${Math.round(paint)} ms`);
  expect(paint).toBeLessThan(2000);
  expect(await page.getByTestId("talk").isDisabled()).toBe(true);
  await page.getByTestId("text-box").fill("Written early");
  await page.getByText(/^Starting 0:0[12]$/).waitFor();
  await picture(page, "starting-light");
  await page.getByTestId("talk").and(page.locator(":enabled")).waitFor();
  expect(await page.getByTestId("phase").getAttribute("data-phase")).toBe("live");
  expect(await page.getByTestId("text-box").inputValue()).toBe("Written early");
});

test("a failed start says what and offers to try again", async () => {
  const page = await open("idle", { query: "&snapshot=refused" });
  await page.getByTestId("retry").waitFor();
  await picture(page, "start-failed-light");
  expect(await page.getByTestId("opening").innerText()).toContain("cannot be written");
  await page.evaluate(() => script.refusals.clear());
  await page.getByTestId("retry").click();
  await page.getByTestId("talk").and(page.locator(":enabled")).waitFor();
  expect(await page.getByTestId("turn").count()).toBe(7);
});
