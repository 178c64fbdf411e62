import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { asked, picture, SMALL, windows } from "./window";

const { open } = windows();

const focused = (page: Page) => page.evaluate(() => document.activeElement?.getAttribute("data-testid") ?? document.activeElement?.id);

describe("the history", () => {
  async function openHistory(page: Page): Promise<void> {
    await page.getByTestId("history-open").click();
    await page.getByTestId("history-entry").first().waitFor();
  }

  test("comes in pages, the latest first, and marks the current one", async () => {
    const page = await open("idle");
    await openHistory(page);
    expect(await page.getByTestId("history-entry").count()).toBe(50);
    const first = page.getByTestId("history-entry").first();
    expect(await first.innerText()).toMatch(/Good morning.*Current.*7 turns/s);
    expect(await first.getByTestId("resume").getAttribute("aria-current")).toBe("true");
    await page.getByText("50 of 120 conversations").waitFor();
    await page.getByTestId("more").click();
    await page.getByText("100 of 120 conversations").waitFor();
    await page.getByTestId("more").click();
    await page.getByText("120 conversations", { exact: true }).waitFor();
    expect(await page.getByTestId("more").count()).toBe(0);
    await picture(page, "history-light");
  });

  test("is searched when the typing pauses, and shows the words around what was found", async () => {
    const page = await open("idle");
    await openHistory(page);
    await page.getByTestId("history-search").pressSequentially("bread", { delay: 20 });
    await expect.poll(() => page.getByTestId("history-entry").count()).toBe(1);
    expect((await asked(page, "findConversations")).length).toBeLessThanOrEqual(3);
    expect(await asked(page, "findConversations")).toContainEqual({ query: "bread", offset: 0 });
    expect(await page.getByTestId("history-entry").innerText()).toContain("… Bread with less salt …");
    await page.getByTestId("history-search").fill("nowhere");
    await page.getByText("Nothing found.").waitFor();
  });

  test("goes on with a conversation; in a narrow window it makes room for it", async () => {
    const page = await open("idle");
    await openHistory(page);
    await page.getByTestId("resume").nth(1).click();
    await expect.poll(() => asked(page, "resumeConversation")).toEqual(["c2"]);
    await expect.poll(() => page.getByTestId("history-entry").nth(1).getAttribute("data-current")).toBe("true");
    const small = await open("idle", { size: SMALL });
    await openHistory(small);
    await small.getByTestId("resume").nth(1).click();
    await small.getByTestId("turns").waitFor();
  });

  test("renames in place", async () => {
    const page = await open("idle");
    await openHistory(page);
    const entry = page.getByTestId("history-entry").nth(1);
    await entry.getByTestId("history-more").click();
    await entry.getByTestId("rename").click();
    await expect.poll(() => focused(page)).toBe("rename-field");
    await page.getByTestId("rename-field").fill("  Salt and bread ");
    await page.keyboard.press("Enter");
    await expect.poll(() => asked(page, "renameConversation")).toEqual([{ id: "c2", title: "Salt and bread" }]);
    await expect.poll(() => entry.innerText()).toContain("Salt and bread");
    expect(await focused(page)).toBe("history-more");
    await entry.getByTestId("rename").click();
    await page.keyboard.press("Escape");
    expect(await page.getByTestId("history").count(), "Esc left the field and nothing else").toBe(1);
    expect(await asked(page, "renameConversation")).toHaveLength(1);
  });

  test("exports and says where to", async () => {
    const page = await open("idle");
    await openHistory(page);
    const entry = page.getByTestId("history-entry").nth(1);
    await entry.getByTestId("history-more").click();
    await entry.getByTestId("export-markdown").click();
    await expect.poll(() => entry.getByTestId("written").innerText()).toBe("Written to /home/ada/Documents/MYCA/walk-on-saturday.md");
    await picture(page, "history-exported-light");
    await entry.getByTestId("export-json").click();
    await expect.poll(() => entry.getByTestId("written").innerText()).toContain(".json");
    expect(await asked(page, "exportConversation")).toEqual([
      { id: "c2", format: "markdown" },
      { id: "c2", format: "json" },
    ]);
  });

  test("deletes only after a second word, and then for good", async () => {
    const page = await open("idle");
    await openHistory(page);
    const entry = page.getByTestId("history-entry").nth(1);
    await entry.getByTestId("history-more").click();
    await entry.getByTestId("delete").click();
    await expect.poll(() => focused(page)).toBe("confirm-no");
    expect(await page.getByTestId("confirm").innerText()).toContain("It cannot be brought back.");
    await picture(page, "history-delete-light");
    await page.keyboard.press("Enter");
    expect(await asked(page, "deleteConversation")).toEqual([]);
    await entry.getByTestId("delete").click();
    await page.getByTestId("confirm-yes").click();
    await expect.poll(() => asked(page, "deleteConversation")).toEqual(["c2"]);
    await page.getByText("50 of 119 conversations").or(page.getByText("49 of 119 conversations")).waitFor();
    expect(await page.getByTestId("history-list").innerText()).not.toContain("Bread with less salt");
    expect(await focused(page), "the focus is not lost with the row").toBe("history-title");
  });

  test("tells in its place why something could not be done", async () => {
    const page = await open("idle");
    await openHistory(page);
    await page.evaluate(() => script.refusals.set("resumeConversation", script.scenes.problem("history.gone")));
    await page.getByTestId("resume").nth(2).click();
    await page.getByTestId("history-entry").nth(2).getByRole("alert").waitFor();
    await page.evaluate(() => script.refusals.set("findConversations", script.scenes.problem("history.disk_full")));
    await page.getByTestId("history-search").fill("x");
    await page.getByRole("button", { name: "Try again" }).waitFor();
  });
});

describe("what the brain remembers", () => {
  async function openMemories(page: Page): Promise<void> {
    await page.getByTestId("memories-open").click();
    await page.getByTestId("memory").first().waitFor();
  }

  test("is searched", async () => {
    const page = await open("question");
    await openMemories(page);
    expect(await page.getByTestId("memory").count()).toBe(7);
    await picture(page, "memories-light");
    await page.getByTestId("memories-search").fill("steep");
    await expect.poll(() => page.getByTestId("memory").count()).toBe(1);
  });

  test("is changed in place, and what is refused stays in the field", async () => {
    const page = await open("question");
    await openMemories(page);
    await page.getByTestId("memory-edit").first().click();
    await expect.poll(() => focused(page)).toBe("memory-field");
    await page.evaluate(() => script.refusals.set("editMemory", script.scenes.problem("history.disk_full")));
    await page.getByTestId("memory-field").fill("Walks on Sundays.");
    await page.getByTestId("memory-keep").click();
    await page.getByTestId("memories").getByRole("alert").waitFor();
    expect(await page.getByTestId("memory-field").inputValue()).toBe("Walks on Sundays.");
    await page.evaluate(() => script.refusals.clear());
    await page.getByTestId("memory-field").press("Control+Enter");
    await expect.poll(() => page.getByTestId("memory").first().innerText()).toContain("Walks on Sundays.");
    await expect.poll(() => focused(page)).toBe("memory-edit");
  });

  test("is forgotten only after a second word", async () => {
    const page = await open("question");
    await openMemories(page);
    await page.getByTestId("memory-forget").nth(1).click();
    await page.keyboard.press("Escape");
    expect(await asked(page, "forgetMemory")).toEqual([]);
    expect(await page.getByTestId("memories").count()).toBe(1);
    await page.getByTestId("memory-forget").nth(1).click();
    await page.getByTestId("confirm-yes").click();
    await expect.poll(() => page.getByTestId("memory").count()).toBe(6);
    expect(await asked(page, "forgetMemory")).toEqual(["m2"]);
    await page.getByText("6 memories").waitFor();
    expect(await focused(page), "the focus is not lost with the row").toBe("memories-title");
  });
});
