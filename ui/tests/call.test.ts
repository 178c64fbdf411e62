import { describe, expect, test } from "vitest";
import type { Phase } from "$lib/backend";
import type { SceneName } from "$lib/backend/scenes";
import { asked, picture, windows } from "./window";

const { open } = windows();

const SCENE_OF: Record<Phase, SceneName> = {
  idle: "idle",
  connecting: "connecting",
  warmingUp: "warmingUp",
  busy: "busy",
  live: "live",
  reconnecting: "reconnecting",
  typingOnly: "typingOnly",
  failed: "failed",
};

test("every phase has its word, its button and, while it waits, a running counter", async () => {
  const page = await open("idle");
  const words: Record<Phase, [word: string, button: string, counter: RegExp | null]> = {
    idle: ["Ready", "Talk", null],
    connecting: ["Connecting", "Stop", /0:1\d of 0:30/],
    warmingUp: ["Warming up", "Stop", /0:4\d of 2:00/],
    busy: ["Busy", "Stop", /0:1\d/],
    live: ["Live", "Stop", /4:3\d/],
    reconnecting: ["Reconnecting", "Stop", /0:0\d of 1:00/],
    typingOnly: ["Typing only", "Talk", null],
    failed: ["Not connected", "Talk", null],
  };
  for (const [phase, [word, button, counter]] of Object.entries(words)) {
    await page.evaluate((scene) => script.show(scene), SCENE_OF[phase as Phase]);
    const strip = page.getByTestId("phase");
    await expect.poll(() => strip.getAttribute("data-phase")).toBe(phase);
    const text = (await strip.innerText()).replace(/\s+/g, " ");
    expect(text).toContain(word);
    if (counter) expect(text, phase).toMatch(counter);
    else expect(text, phase).not.toMatch(/\b\d:\d\d\b/);
    expect((await page.getByTestId("talk").innerText()).trim(), phase).toBe(button);
    expect(await strip.locator("svg").first().getAttribute("class"), "a shape, not only a colour").toMatch(
      /off|waiting|well|wrong/,
    );
  }
});

describe("waiting is never mute", () => {
  test("the counter runs, the next try counts down, the attempt is told", async () => {
    const page = await open("reconnecting");
    const strip = page.getByTestId("phase");
    const text = async () => (await strip.innerText()).replace(/\s+/g, " ");
    expect(await text()).toContain("attempt 2");
    expect(await text()).toMatch(/next try in 0:0[23]/);
    expect(await text()).toContain("The line to the host broke.");
    const counters = async () => /(\d:\d\d) of 1:00 .*next try in (\d:\d\d)/.exec(await text())?.slice(1) ?? [];
    const [waited, left] = await counters();
    await expect.poll(async () => (await counters())[0], { timeout: 3000 }).not.toBe(waited);
    await expect.poll(async () => (await counters())[1], { timeout: 3000 }).not.toBe(left);
  });

  test("a limit holds for the whole wait, not for its last phase", async () => {
    const page = await open("warmingUp");
    await page.evaluate(() => script.changeCall({ waitingSinceMs: Date.now() - 65_000, sinceMs: Date.now() - 5_000 }));
    await expect.poll(async () => (await page.getByTestId("phase").innerText()).replace(/\s+/g, " ")).toMatch(/1:0\d of 2:00/);
  });

  test("a passed deadline counts on and never turns negative", async () => {
    const page = await open("idle");
    await page.evaluate(() =>
      script.changeCall({ phase: "connecting", sinceMs: Date.now() - 75_000, limitS: 30, retryAtMs: Date.now() - 9000 }),
    );
    await page.getByText(/1:1\d\sof 0:30/).waitFor();
    await page.getByText("next try in 0:00").waitFor();
  });

  test("the reason's buttons do what they say", async () => {
    const page = await open("busy");
    await page.getByTestId("phase").getByRole("button", { name: "Use another host" }).click();
    await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe("settings-host");
    await page.getByTestId("phase").getByRole("button", { name: "Cancel" }).click();
    await expect.poll(() => asked(page, "stop")).toHaveLength(1);
    await expect.poll(() => page.getByTestId("phase").getAttribute("data-phase")).toBe("idle");
  });
});

describe("the big button", () => {
  test("starts and stops and keeps the focus on the way", async () => {
    const page = await open("idle");
    await page.getByTestId("talk").focus();
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Stop", exact: true }).waitFor();
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Talk", exact: true }).waitFor();
    expect(await asked(page, "talk")).toHaveLength(1);
    expect(await asked(page, "stop")).toHaveLength(1);
    expect(await page.evaluate(() => document.activeElement?.getAttribute("data-testid"))).toBe("talk");
  });

  test("Mute shows by shape and word that it is on, and the lane says muted", async () => {
    const page = await open("live");
    const shape = () => page.getByTestId("mute").locator("path").getAttribute("d");
    const before = await shape();
    await page.getByTestId("mute").click();
    await page.getByRole("button", { name: "Unmute" }).waitFor();
    expect(await shape()).not.toBe(before);
    expect(await page.getByTestId("lane-person").innerText()).toContain("muted");
    await page.getByTestId("mute").click();
    await page.getByRole("button", { name: "Mute", exact: true }).waitFor();
    expect(await asked(page, "setMuted")).toEqual([true, false]);
  });
});

describe("the text box", () => {
  test("Enter sends, Shift+Enter starts a line, and the box is empty afterwards", async () => {
    const page = await open("idle");
    const box = page.getByTestId("text-box");
    await box.focus();
    await page.keyboard.type("first");
    await page.keyboard.press("Shift+Enter");
    await page.keyboard.type("second");
    await page.keyboard.press("Enter");
    await expect.poll(() => asked(page, "sendText")).toEqual(["first\nsecond"]);
    await expect.poll(() => box.inputValue()).toBe("");
    const turn = page.getByTestId("turn").last();
    expect(await turn.getAttribute("data-source")).toBe("typed");
    expect(await turn.innerText()).toContain("first\nsecond");
  });

  test("works in every phase", async () => {
    const page = await open("idle");
    for (const scene of Object.values(SCENE_OF)) {
      await page.evaluate((name) => script.show(name), scene);
      await page.getByTestId("text-box").fill(scene);
      await page.getByTestId("send").click();
      await page.getByTestId("turn").last().getByText(scene, { exact: true }).waitFor();
    }
  });

  test("keeps what was refused and says why beside it", async () => {
    const page = await open("idle");
    await page.evaluate(() => script.refusals.set("sendText", script.scenes.problem("conversation.text_too_long", ["newConversation"])));
    const box = page.getByTestId("text-box");
    await box.fill("kept");
    await page.keyboard.press("Enter");
    await page.getByText("The text is longer than 4,000 characters.").waitFor();
    expect(await box.inputValue()).toBe("kept");
    expect(await box.getAttribute("aria-invalid")).toBe("true");
    expect(await page.locator("#text-problem [data-action=newConversation]").isVisible()).toBe(true);
    await picture(page, "text-refused-light");
    await page.evaluate(() => script.refusals.clear());
    await box.press("Enter");
    await expect.poll(() => box.inputValue()).toBe("");
    expect(await page.locator("[data-code]").count()).toBe(0);
  });

  test("keeps what is typed while the last text is on its way, and sends nothing twice", async () => {
    const page = await open("idle");
    await page.evaluate(() => {
      script.held = new Promise((resolve) => Object.assign(globalThis, { release: resolve }));
    });
    const box = page.getByTestId("text-box");
    await box.fill("one");
    await box.press("Enter");
    await box.press("Enter");
    await page.keyboard.type(" two");
    await page.evaluate(() => (globalThis as unknown as { release: () => void }).release());
    await expect.poll(() => box.inputValue()).toBe(" two");
    expect(await asked(page, "sendText")).toEqual(["one"]);
  });

  test("sends nothing when there is nothing but space", async () => {
    const page = await open("idle");
    await page.getByTestId("text-box").fill("  \n ");
    await page.getByTestId("text-box").press("Enter");
    expect(await page.getByTestId("send").isDisabled()).toBe(true);
    expect(await asked(page, "sendText")).toEqual([]);
  });

  test("grows with its text up to a limit, and shrinks again", async () => {
    const page = await open("idle");
    const box = page.getByTestId("text-box");
    const height = async () => (await box.boundingBox())?.height ?? 0;
    expect(await height()).toBe(48);
    await box.fill("1\n2\n3");
    expect(await height()).toBe(88);
    await box.fill("line\n".repeat(30));
    expect(await height()).toBe(144);
    await box.fill("");
    expect(await height()).toBe(48);
  });
});
