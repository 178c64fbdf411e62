import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { asked, picture, SMALL, windows } from "./window";

const { open } = windows();

const focused = (page: Page) =>
  page.evaluate(() => document.activeElement?.getAttribute("data-testid") ?? document.activeElement?.id);
const gone = (page: Page) => expect.poll(() => page.getByTestId("first-screen").count()).toBe(0);
const left = (page: Page) => expect.poll(() => asked(page, "changeSettings")).toContainEqual({ welcomed: true });

describe("the first screen", () => {
  test("has three ways on one screen, and talking and typing stay in reach", async () => {
    const page = await open("firstTooSlow");
    expect(await page.getByTestId("first-screen").getByRole("heading").allInnerTexts()).toEqual([
      "Talk with Moshi", "Talk on this computer", "Use a host", "Just type",
    ]);
    for (const id of ["first-why", "first-use", "first-type", "first-leave", "text-box", "talk"]) {
      const box = await page.getByTestId(id).boundingBox();
      expect((box?.y ?? 999) + (box?.height ?? 0), id).toBeLessThanOrEqual(800);
    }
    expect(await page.getByTestId("first-verdict").innerText()).toContain("too slow for a conversation");
    await picture(page, "first-too-slow-light");
  });

  test("looks at this computer by itself, once", async () => {
    const page = await open("firstStart");
    await expect.poll(() => asked(page, "runDoctor")).toHaveLength(1);
    await page.getByTestId("first-verdict").waitFor();
    expect(await page.getByTestId("first-begin").count(), "nothing is offered that would not talk").toBe(0);
    expect(await asked(page, "runDoctor")).toHaveLength(1);
  });

  test("can be cancelled in that, and does not begin again by itself", async () => {
    const page = await open("firstStart");
    await page.getByTestId("doctor-run").getByText("Cancel").click();
    await expect.poll(() => page.getByTestId("doctor-run").innerText()).toBe("Look at this computer");
    await page.waitForTimeout(400);
    expect(await asked(page, "runDoctor")).toHaveLength(1);
  });

  test("says why the doctor could not look, and the other ways stay", async () => {
    const page = await open("firstFailed");
    await page.locator("[data-code='doctor.timed_out']").waitFor();
    expect(await page.getByTestId("first-use").isVisible()).toBe(true);
  });

  test("does not come to whoever has a host, was here before, or has a conversation", async () => {
    const page = await open("idle");
    expect(await page.getByTestId("first-screen").count()).toBe(0);
    await page.evaluate(() => script.show("hostsNone"));
    await page.waitForTimeout(100);
    expect(await page.getByTestId("first-screen").count()).toBe(0);
    await page.evaluate(() => script.send({ type: "settings", settings: { ...script.now.settings, welcomed: false } }));
    await page.waitForTimeout(100);
    expect(await page.getByTestId("first-screen").count(), "a conversation stays in sight").toBe(0);
    expect(await page.getByTestId("turn").first().isVisible()).toBe(true);
  });

  test("scrolls in a small window, down to its end", async () => {
    const page = await open("firstFits", { size: SMALL });
    await page.getByTestId("first-leave").scrollIntoViewIfNeeded();
    expect(await page.getByTestId("first-leave").isVisible()).toBe(true);
    expect(await page.getByTestId("talk").isVisible()).toBe(true);
    expect(await page.evaluate(() => document.documentElement.scrollHeight - innerHeight)).toBe(0);
  });
});

describe("it is left", () => {
  test("by talking on this computer: the download begins, and Talk calls this computer", async () => {
    const page = await open("firstFits");
    expect(await page.getByTestId("first-screen").innerText()).toContain("It begins with a download: Moshika, 8 bits, 8.6 GB.");
    await page.getByTestId("first-begin").click();
    await gone(page);
    await left(page);
    expect(await asked(page, "addHost")).toEqual([{ name: "", place: { kind: "thisComputer" }, plain: false }]);
    expect(await asked(page, "downloadModel")).toEqual(["moshika-candle-q8"]);
    await expect.poll(() => focused(page)).toBe("settings-models");
    await expect.poll(() => page.getByTestId("under-way").count()).toBe(1);
    await expect.poll(() => page.locator("aside.status .address").innerText()).toBe("This computer");
  });

  test("by talking on this computer where the model is here already: it starts", async () => {
    const page = await open("firstFits");
    await page.evaluate(() =>
      script.send({ type: "models", models: { ...script.now.models, rows: script.now.models.rows.map((row, index) => (index === 0 ? { ...row, state: "inCache" } : row)) } }),
    );
    expect(await page.getByTestId("first-begin").innerText()).toBe("Start Moshi here");
    await page.getByTestId("first-begin").click();
    await expect.poll(() => asked(page, "startLocal")).toHaveLength(1);
    await gone(page);
    expect(await asked(page, "downloadModel")).toEqual([]);
  });

  test("not by a download that is refused: that is said there", async () => {
    const page = await open("firstFits");
    await page.evaluate(() => script.refusals.set("downloadModel", script.scenes.problem("history.disk_full")));
    await page.getByTestId("first-begin").click();
    await page.locator("#first-here-problem").waitFor();
    await page.getByTestId("first-type").click();
    await gone(page);
  });

  test("by using a host, which is tested at once", async () => {
    const page = await open("firstTooSlow");
    await page.getByTestId("first-address").fill("wss://gpu-box.local:8998");
    await page.keyboard.press("Enter");
    await gone(page);
    await left(page);
    await expect.poll(() => asked(page, "checkHost")).toEqual(["new-1"]);
    await expect.poll(() => focused(page)).toBe("settings-host");
    await page.locator("[data-testid=check][data-verdict=works]").waitFor();
  });

  test("not by an address that cannot be one, nor unencrypted without a choice", async () => {
    const page = await open("firstTooSlow");
    await page.getByTestId("first-address").fill("ftp://somewhere");
    await page.getByTestId("first-use").click();
    await page.locator("[data-code='host.bad_address']").waitFor();
    await page.getByTestId("first-address").fill("gpu-box.local:8998");
    await page.getByTestId("first-use").click();
    await page.locator("[data-code='host.plain']").waitFor();
    await page.getByTestId("host-plain").check();
    await page.getByTestId("first-use").click();
    await gone(page);
  });

  test("by the way to write a message, and by writing one", async () => {
    const page = await open("firstTooSlow");
    await page.getByTestId("first-type").click();
    await gone(page);
    await left(page);
    expect(await focused(page)).toBe("text-box");
    const other = await open("firstTooSlow");
    await other.getByTestId("text-box").fill("Hello");
    await other.keyboard.press("Enter");
    await gone(other);
    await left(other);
    expect(await other.getByTestId("turn").last().innerText()).toContain("Hello");
  });

  test("by Not now, and by Esc", async () => {
    const page = await open("firstTooSlow");
    await page.getByTestId("first-leave").click();
    await gone(page);
    await left(page);
    const other = await open("firstTooSlow");
    await other.getByTestId("first-why").focus();
    await other.keyboard.press("Escape");
    await gone(other);
  });
});

describe("it is found again", () => {
  test("in About", async () => {
    const page = await open("idle");
    await page.getByTestId("settings-open").click();
    await page.getByTestId("first-screen-show").click();
    await expect.poll(() => focused(page)).toBe("first-title");
    expect(await page.getByTestId("turns").isVisible()).toBe(false);
    await page.getByTestId("first-leave").click();
    await gone(page);
    expect(await page.getByTestId("turn").first().isVisible(), "the conversation is where it was").toBe(true);
    expect(await asked(page, "changeSettings"), "nothing to change").toEqual([]);
  });

  test("and gives way to a call, and to another conversation", async () => {
    const page = await open("idle");
    const show = async () => {
      await page.keyboard.press("Control+k");
      await page.keyboard.type("first screen");
      await page.keyboard.press("Enter");
      await page.getByTestId("first-screen").waitFor();
    };
    await show();
    await page.getByTestId("talk").click();
    await gone(page);
    await page.getByTestId("talk").click();
    await expect.poll(() => page.getByTestId("phase").getAttribute("data-phase")).toBe("idle");
    expect(await page.getByTestId("first-screen").count(), "it does not come back").toBe(0);
    await show();
    await page.getByTestId("history-open").click();
    await page.getByTestId("resume").nth(2).click();
    await gone(page);
    expect(await page.getByTestId("turns").isVisible()).toBe(true);
  });

  test("among the commands", async () => {
    const page = await open("idle", { size: SMALL });
    await page.keyboard.press("Control+k");
    await page.keyboard.type("first screen");
    await page.keyboard.press("Enter");
    await page.getByTestId("first-screen").waitFor();
  });
});
