import { describe, expect, test } from "vitest";
import { asked, SMALL, windows } from "./window";

const { open } = windows();

const WORDS = { well: "Working", waiting: "Waiting", wrong: "Problem", off: "Off" } as const;

test("each light in each state has a shape, a word and a time of its own", async () => {
  const page = await open("idle");
  for (const state of Object.keys(WORDS) as (keyof typeof WORDS)[]) {
    await page.evaluate((all) => script.send({ type: "lights", lights: script.scenes.lights(all, all, all, all) }), state);
    for (const id of ["microphone", "speaker", "moshi", "ear", "bridge", "mas", "brain", "memory"] as const) {
      const light = page.getByTestId(`light-${id}`);
      await expect.poll(() => light.getAttribute("data-state")).toBe(state);
      const text = await light.innerText();
      expect(text).toContain(WORDS[state]);
      if (["microphone", "speaker", "moshi"].includes(id) || state !== "off")
        expect(text).toMatch(state === "waiting" ? /\b0:1\d\b/ : /since (\d+ \w+, )?\d\d:\d\d/);
      expect(await light.locator("svg").first().getAttribute("class")).toContain(state);
    }
  }
});

test("the four shapes differ by more than colour", async () => {
  const page = await open("idle");
  const shapes = new Set<string>();
  for (const state of Object.keys(WORDS) as (keyof typeof WORDS)[]) {
    await page.evaluate((all) => script.send({ type: "lights", lights: script.scenes.lights(all, all, all) }), state);
    await expect.poll(() => page.getByTestId("light-moshi").getAttribute("data-state")).toBe(state);
    shapes.add(await page.getByTestId("light-moshi").locator("svg").first().innerHTML());
  }
  expect(shapes.size).toBe(4);
});

describe("the reason is one step away", () => {
  test("by click, with the next step and its buttons", async () => {
    const page = await open("noDevices");
    await page.getByTestId("light-microphone").click();
    const reason = page.locator("#reason-microphone");
    expect(await reason.innerText()).toContain("Plug one in; it is taken up by itself.");
    await reason.getByRole("button", { name: "Audio settings" }).click();
    await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe("settings-audio");
  });

  test("by keyboard; Esc closes it and does not stop the call", async () => {
    const page = await open("busy");
    const light = page.getByTestId("light-moshi");
    await light.focus();
    await page.keyboard.press("Enter");
    expect(await light.getAttribute("aria-expanded")).toBe("true");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Escape");
    expect(await light.getAttribute("aria-expanded")).toBe("false");
    expect(await page.evaluate(() => document.activeElement?.getAttribute("data-testid"))).toBe("light-moshi");
    expect(await asked(page, "stop")).toEqual([]);
    await page.keyboard.press("Escape");
    await expect.poll(() => asked(page, "stop")).toHaveLength(1);
  });

  test("one at a time", async () => {
    const page = await open("noDevices", { size: SMALL });
    await page.getByTestId("light-microphone").click();
    await page.getByTestId("light-speaker").click();
    expect(await page.getByTestId("light-microphone").getAttribute("aria-expanded")).toBe("false");
    expect(await page.locator("#reason-speaker").isVisible()).toBe(true);
    expect(await page.locator("#reason-microphone").isVisible()).toBe(false);
  });

  test("a light without a problem still says what is true and leads to its settings", async () => {
    const page = await open("live");
    await page.getByTestId("light-moshi").click();
    const reason = page.locator("#reason-moshi");
    expect(await reason.innerText()).toContain("Moshi server 0.4, PersonaPlex 7B");
    await reason.getByRole("button", { name: "Use another host" }).click();
    await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe("settings-host");
  });
});

test("a new conversation is asked for, and the old one leaves the screen", async () => {
  const page = await open("idle");
  await page.getByTestId("new-conversation").click();
  await page.getByTestId("empty").waitFor();
  expect(await asked(page, "newConversation")).toHaveLength(1);
  expect(await page.getByTestId("turn").count()).toBe(0);
});

describe("the lights of the brain", () => {
  test("tell how long the last answer took, where that is measured", async () => {
    const page = await open("mas");
    expect(await page.getByTestId("light-mas-ms").innerText()).toBe("38 ms");
    expect(await page.getByTestId("light-brain-ms").innerText()).toBe("1204 ms");
    expect(await page.getByTestId("light-microphone-ms").count()).toBe(0);
  });

  test("are a line and no more while they are off and not in use", async () => {
    const page = await open("idle");
    const bridge = page.getByTestId("light-bridge");
    expect((await bridge.innerText()).replace(/\s+/g, " ")).toBe("Bridge Off");
    await bridge.click();
    expect(await page.locator("#reason-bridge").innerText()).toMatch(/Not in use\.\s+Off, since/);
  });

  test("lead to the brain's settings", async () => {
    const page = await open("brainFailed");
    await page.getByTestId("light-mas").click();
    await page.locator("#reason-mas").getByRole("button", { name: "Brain settings" }).click();
    await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe("settings-brain");
  });
});
