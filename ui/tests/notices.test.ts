import { expect, test } from "vitest";
import { asked, windows } from "./window";

const { open } = windows();

test("each level has a shape, a word, what happened and what to do", async () => {
  const page = await open("notices");
  const notices = page.getByTestId("notice");
  const seen = await notices.evaluateAll((rows) =>
    rows.map((row) => `${row.getAttribute("data-level")} ${row.querySelector("strong")?.textContent}`),
  );
  expect(seen).toEqual(["info Note", "warning Warning", "error Problem"]);
  // A ring, a hollow triangle, a full one: told apart without their colours.
  const shapes = await notices.evaluateAll((rows) =>
    rows.map((row) => {
      const outline = row.querySelector("svg > *");
      return `${outline?.localName} ${outline && getComputedStyle(outline).fill === "none" ? "hollow" : "full"}`;
    }),
  );
  expect(shapes).toEqual(["circle hollow", "path hollow", "path full"]);
  expect((await notices.nth(2).innerText()).replace(/\s+/g, " ")).toContain(
    "The conversation cannot be written to the disk. It goes on, but is lost when MYCA closes. Free some space.",
  );
  await notices.nth(2).getByRole("button", { name: "New conversation" }).click();
  await expect.poll(() => asked(page, "newConversation")).toHaveLength(1);
});

test("a notice goes when it is dismissed, the others stay", async () => {
  const page = await open("notices");
  await page.getByRole("button", { name: /^Dismiss: The history/ }).click();
  await expect.poll(() => page.getByTestId("notice").count()).toBe(2);
  expect(await asked(page, "dismissNotice")).toEqual(["two"]);
});

test("a refused command is a notice of the window's own, dismissed without asking anyone", async () => {
  const page = await open("idle");
  await page.evaluate(() => script.refusals.set("talk", script.scenes.problem("link.refused", ["openHostSettings"])));
  await page.getByTestId("talk").click();
  await page.getByTestId("notice").waitFor();
  await page.getByTestId("talk").click();
  expect(await page.getByTestId("notice").count(), "the same refusal twice is one notice").toBe(1);
  await page.getByTestId("notice").getByTestId("dismiss").click();
  await expect.poll(() => page.getByTestId("notice").count()).toBe(0);
  expect(await asked(page, "dismissNotice")).toEqual([]);
});

test("many notices leave room for the conversation", async () => {
  const page = await open("idle", { size: { width: 900, height: 600 } });
  await page.evaluate(() =>
    script.send({
      type: "notices",
      notices: Array.from({ length: 20 }, (_, index) => script.scenes.notice(`n${index}`, "warning", "history.set_aside")),
    }),
  );
  await expect.poll(() => page.getByTestId("notice").count()).toBe(20);
  const turns = await page.getByTestId("turns").boundingBox();
  expect(turns?.height).toBeGreaterThanOrEqual(120);
  const talk = await page.getByTestId("talk").boundingBox();
  expect((talk?.y ?? 0) + (talk?.height ?? 0)).toBeLessThanOrEqual(600);
});
