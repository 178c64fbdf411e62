import { describe, expect, test } from "vitest";
import { asked, picture, windows } from "./window";

const { open } = windows();

describe("the commands", () => {
  test("are found by words and run by Enter", async () => {
    const page = await open("live");
    await page.keyboard.press("Control+k");
    const search = page.getByTestId("palette-search");
    await expect.poll(() => search.evaluate((field) => field === document.activeElement)).toBe(true);
    await picture(page, "palette-light");
    await page.keyboard.type("new conv");
    await expect.poll(() => page.getByTestId("command").count()).toBe(1);
    await page.keyboard.press("Enter");
    await expect.poll(() => asked(page, "newConversation")).toHaveLength(1);
    expect(await page.getByTestId("palette").isVisible()).toBe(false);
  });

  test("are walked by arrow, round its ends, and told to a screen reader", async () => {
    const page = await open("idle");
    await page.keyboard.press("Control+k");
    const search = page.getByTestId("palette-search");
    const chosen = () => page.locator("[role=option][aria-selected=true]").innerText();
    const first = await chosen();
    await page.keyboard.press("ArrowUp");
    await expect.poll(chosen).not.toBe(first);
    expect(await search.getAttribute("aria-activedescendant")).toBe(await page.locator("[role=option][aria-selected=true]").getAttribute("id"));
    await page.keyboard.press("ArrowDown");
    await expect.poll(chosen).toBe(first);
  });

  test("put the focus where the command leads, and give it back when none is run", async () => {
    const page = await open("live");
    await page.getByTestId("mute").focus();
    await page.keyboard.press("Control+k");
    await page.keyboard.press("Escape");
    await expect.poll(() => page.evaluate(() => document.activeElement?.getAttribute("data-testid"))).toBe("mute");
    expect(await asked(page, "stop"), "Esc closed the commands and nothing else").toEqual([]);
    await page.keyboard.press("Control+k");
    await page.keyboard.type("settings brain");
    await page.keyboard.press("Enter");
    await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe("settings-brain");
  });

  test("know what can be done now", async () => {
    const page = await open("question");
    await page.keyboard.press("Control+k");
    const titles = await page.getByTestId("command").allInnerTexts();
    expect(titles.slice(0, 3)).toEqual(["Allow remember", "Don't allow remember", "Cancel the answer"]);
    expect(titles).toContain("Memory: what the brain remembers");
    await page.getByTestId("command").first().click();
    await expect.poll(() => asked(page, "decide")).toEqual([{ call: "q1", allowed: true }]);
  });

  test("have hosts, the local Moshi, the doctor and the first screen among them", async () => {
    const page = await open("hosts");
    const run = async (words: string) => {
      await page.keyboard.press("Control+k");
      await page.getByTestId("palette-search").fill(words);
      await page.keyboard.press("Enter");
    };
    await run("host use lab");
    await expect.poll(() => asked(page, "chooseHost")).toEqual(["h3"]);
    await run("host test lab");
    await expect.poll(() => asked(page, "checkHost")).toEqual(["h3"]);
    await page.locator("[data-host=h3] [data-testid=check]").waitFor();
    await run("start moshi");
    await expect.poll(() => asked(page, "startLocal")).toHaveLength(1);
    await run("stop moshi");
    await expect.poll(() => asked(page, "stopLocal")).toHaveLength(1);
    await run("doctor look");
    await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe("settings-doctor");
    expect(await asked(page, "runDoctor")).toHaveLength(1);
    await run("log of moshi");
    await page.getByTestId("local-log").waitFor();
    await run("host add");
    await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe("settings-hostAdd");
    await page.evaluate(() => script.refusals.set("chooseHost", script.scenes.problem("host.unknown")));
    await run("host use data");
    await page.locator("[data-testid=notice][data-code='host.unknown']").waitFor();
  });

  test("say when there is none of that name", async () => {
    const page = await open("idle");
    await page.getByTestId("palette-open").click();
    await page.getByTestId("palette-search").fill("zzz");
    await page.getByText("No command has these words.").waitFor();
    await page.keyboard.press("Enter");
    expect(await page.getByTestId("palette").isVisible()).toBe(true);
  });
});
