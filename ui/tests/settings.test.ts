import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import type { SceneName } from "$lib/backend/scenes";
import { asked, type Look, picture, SMALL, windows } from "./window";

const { open } = windows();

async function openSettings(scene: SceneName, look: Look = {}): Promise<Page> {
  const page = await open(scene, look);
  await page.getByTestId("settings-open").click();
  await page.getByTestId("settings").waitFor();
  return page;
}

const focused = (page: Page) =>
  page.evaluate(() => document.activeElement?.getAttribute("data-testid") ?? document.activeElement?.id);

describe("the pane", () => {
  test("stands beside the conversation in a wide window", async () => {
    const page = await openSettings("live");
    expect(await page.getByTestId("turn").last().isVisible()).toBe(true);
    expect(await page.getByTestId("text-box").isVisible()).toBe(true);
  });

  test("takes the conversation's place in a narrow one, and gives it back where it was", async () => {
    const page = await open("tenThousand", { size: SMALL });
    await page.getByTestId("turns").hover();
    await page.mouse.wheel(0, -900);
    await page.getByTestId("newest").waitFor();
    await page.waitForTimeout(200);
    const place = () => page.getByTestId("turns").evaluate((list) => list.scrollHeight - list.scrollTop);
    const before = await place();
    await page.getByTestId("settings-open").click();
    await page.getByTestId("settings").waitFor();
    expect(await page.getByTestId("turns").isVisible()).toBe(false);
    expect(await page.getByTestId("talk").isVisible()).toBe(true);
    expect(await page.getByTestId("text-box").isVisible()).toBe(true);
    await page.getByTestId("settings-close").click();
    await page.getByTestId("turns").waitFor();
    expect(await place()).toBe(before);
  });

  test("takes the focus and gives it back", async () => {
    const page = await open("idle");
    await page.getByTestId("settings-open").focus();
    await page.keyboard.press("Enter");
    await expect.poll(() => focused(page)).toBe("settings-title");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await expect.poll(() => focused(page)).toBe("settings-open");
    expect(await page.getByTestId("settings").count()).toBe(0);
  });
});

describe("a line of text", () => {
  test("is saved when the field is left, once, or by Enter", async () => {
    const page = await openSettings("idle");
    const field = page.getByTestId("person");
    await field.fill(" Grace ");
    await field.press("Tab");
    await expect.poll(() => asked(page, "changeSettings")).toEqual([{ person: "Grace" }]);
    await field.fill("Edsger");
    await field.press("Enter");
    await expect.poll(() => asked(page, "changeSettings")).toHaveLength(2);
    await expect.poll(() => field.inputValue()).toBe("Edsger");
  });

  test("that is refused stays in the field with the reason beside it", async () => {
    const page = await openSettings("idle");
    await page.evaluate(() => script.refusals.set("changeSettings", script.scenes.problem("host.bad_address")));
    const field = page.getByTestId("mas-address");
    await field.fill("not an address");
    await field.press("Tab");
    const reason = page.locator("[data-code='host.bad_address']");
    await reason.waitFor();
    expect(await field.inputValue()).toBe("not an address");
    expect(await field.getAttribute("aria-invalid")).toBe("true");
    expect(await field.getAttribute("aria-describedby")).toContain(await reason.getAttribute("id"));
    await picture(page, "field-refused-light");
    await page.evaluate(() => script.refusals.clear());
    await field.fill("right:1");
    await field.press("Tab");
    await expect.poll(() => reason.count()).toBe(0);
    expect(await field.getAttribute("aria-invalid")).toBe("false");
  });

  test("that changes elsewhere is shown", async () => {
    const page = await openSettings("idle");
    await page.evaluate(() => script.send({ type: "settings", settings: { ...script.now.settings, person: "Kurt" } }));
    await expect.poll(() => page.getByTestId("person").inputValue()).toBe("Kurt");
  });

  test("waits a number of seconds and nothing else", async () => {
    const page = await openSettings("idle");
    const field = page.getByTestId("handshake-limit");
    await field.fill("soon");
    await field.press("Tab");
    await page.locator("[data-code='window.no_number']").waitFor();
    expect(await asked(page, "changeSettings")).toEqual([]);
    await field.fill("90");
    await field.press("Tab");
    await expect.poll(() => asked(page, "changeSettings")).toEqual([{ handshakeLimitS: 90 }]);
  });
});

describe("devices", () => {
  test("can be chosen, or follow the system's default", async () => {
    const page = await openSettings("idle");
    const picker = page.getByTestId("input-device");
    expect(await picker.locator("option").allInnerTexts()).toEqual([
      "Follow the system's default (Built-in Audio Analogue Stereo)",
      "Built-in Audio Analogue Stereo",
      "USB Headset Mono",
    ]);
    await picker.selectOption("usb-headset");
    await picker.selectOption("");
    await page.getByTestId("output-device").selectOption("hdmi");
    await expect
      .poll(() => asked(page, "changeSettings"))
      .toEqual([{ inputDevice: "usb-headset" }, { inputDevice: null }, { outputDevice: "hdmi" }]);
  });

  test("that are missing are said to be, and what is used instead", async () => {
    const page = await openSettings("deviceMissing");
    expect(await page.getByTestId("input-device").inputValue()).toBe("usb-headset");
    expect(await page.getByTestId("input-device").locator("option:checked").innerText()).toBe(
      "The chosen microphone, not connected",
    );
    expect(await page.getByTestId("input-device-missing").innerText()).toContain(
      "Until it is back, Built-in Audio Analogue Stereo is used.",
    );
    await page.getByTestId("input-device-missing").scrollIntoViewIfNeeded();
    await picture(page, "device-missing-light");
  });

  test("none at all is said, and what to do", async () => {
    const page = await openSettings("noDevices");
    expect(await page.getByTestId("input-device-none").innerText()).toContain("There is no microphone. Connect one");
    expect(await page.getByTestId("output-device-none").innerText()).toContain("There is no speaker. Connect one");
    expect(await page.getByTestId("input-device").locator("option").allInnerTexts()).toEqual([
      "Follow the system's default (none)",
    ]);
  });

  test("appear by themselves when they are connected", async () => {
    const page = await openSettings("noDevices");
    await page.evaluate(() => script.show("idle"));
    await expect.poll(() => page.getByTestId("input-device").locator("option").count()).toBe(3);
    expect(await page.getByTestId("input-device-none").count()).toBe(0);
  });
});

describe("the echo test", () => {
  test("shows each of its states", async () => {
    const page = await openSettings("idle");
    const echo = page.getByTestId("echo");
    const button = page.getByTestId("echo-test");
    expect(await button.innerText()).toBe("Start the echo test");
    expect(await echo.innerText()).toContain("Wear headphones");
    for (const [scene, words, action] of [
      ["echoStarting", "Opening the devices", "Stop the echo test"],
      ["echoRunning", "Round trip 84 ms", "Stop the echo test"],
      ["echoFailed", "Another program holds the microphone for itself.", "Start the echo test"],
    ] as const) {
      await page.evaluate((name) => script.show(name), scene);
      await expect.poll(async () => (await echo.innerText()).replace(/\s+/g, " ")).toContain(words);
      expect(await button.innerText()).toBe(action);
    }
  });

  test("starts, shows the live level, and stops", async () => {
    const page = await openSettings("idle");
    const level = page.getByTestId("input-level");
    expect(await level.innerText()).toContain("The microphone is closed.");
    await page.getByTestId("echo-test").click();
    await expect.poll(() => level.innerText()).toMatch(/−\d+ dB, (good|quiet|silent)/);
    expect(await level.innerText()).not.toContain("closed");
    await page.getByTestId("echo-test").scrollIntoViewIfNeeded();
    await picture(page, "echo-running-light");
    await page.getByTestId("echo-test").click();
    await expect.poll(() => level.innerText(), { timeout: 4000 }).toContain("The microphone is closed.");
    expect(await asked(page, "startEchoTest")).toHaveLength(1);
    expect(await asked(page, "stopEchoTest")).toHaveLength(1);
  });
});

describe("voice and persona", () => {
  test("are saved when chosen and when left", async () => {
    const page = await openSettings("idle");
    await page.getByTestId("voice").selectOption("VARM0.pt");
    await page.getByTestId("persona").fill("You are a patient teacher.");
    await page.getByTestId("persona").press("Tab");
    await expect
      .poll(() => asked(page, "changeSettings"))
      .toEqual([{ voice: "VARM0.pt" }, { persona: "You are a patient teacher." }]);
  });

  test("count characters as a person does, and say when they are too many", async () => {
    const page = await openSettings("idle");
    const persona = page.getByTestId("persona");
    const count = page.getByTestId("persona-count");
    await persona.fill("👋 hello");
    expect(await count.innerText()).toBe("7 of 1000 characters");
    await persona.fill("a".repeat(1012));
    expect(await count.innerText()).toBe("1012 of 1000 characters, 12 too many");
  });

  test("show a voice that the host does not list", async () => {
    const page = await openSettings("idle");
    await page.evaluate(() => script.send({ type: "settings", settings: { ...script.now.settings, voice: "GONE1" } }));
    await expect.poll(() => page.getByTestId("voice").locator("option:checked").innerText()).toBe("GONE1, not in the list");
  });
});

describe("the brain", () => {
  test("has its addresses, its model and the person's name, saved when they are left", async () => {
    const page = await openSettings("idle");
    for (const [field, value] of [
      ["mas-address", " mas.local:8001 "],
      ["model-address", "localhost:11434"],
      ["model", "llama3.2"],
      ["person", "Grace"],
    ] as const) {
      await page.getByTestId(field).fill(value);
      await page.keyboard.press("Tab");
    }
    await expect
      .poll(() => asked(page, "changeSettings"))
      .toEqual([{ masAddress: "mas.local:8001" }, { modelAddress: "localhost:11434" }, { model: "llama3.2" }, { person: "Grace" }]);
    await page.getByTestId("mas-address").scrollIntoViewIfNeeded();
    await picture(page, "settings-brain-light");
  });

  test("keeps a token that nobody reads back, and removes it", async () => {
    const page = await openSettings("idle");
    const field = page.getByTestId("mas-token");
    expect(await field.getAttribute("type")).toBe("password");
    expect(await page.getByTestId("mas-token-remove").count()).toBe(0);
    await field.fill("secret");
    await page.getByTestId("mas-token-set").click();
    await page.locator("#mas-token-hint").getByText(/\bOne is kept/).waitFor();
    expect(await field.inputValue()).toBe("");
    await page.getByTestId("mas-token-remove").click();
    await page.locator("#mas-token-hint").getByText("None is kept.").waitFor();
    expect(await asked(page, "setMasToken")).toEqual(["secret", null]);
  });

  test("says beside the field why a token could not be kept, and keeps what was written", async () => {
    const page = await openSettings("idle");
    await page.evaluate(() => script.refusals.set("setMasToken", script.scenes.problem("history.disk_full")));
    await page.getByTestId("mas-token").fill("secret");
    await page.getByTestId("mas-token").press("Enter");
    await page.locator("#mas-token-problem").waitFor();
    expect(await page.getByTestId("mas-token").inputValue()).toBe("secret");
  });
});

describe("the theme", () => {
  const ground = (page: Page) => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);

  test("follows the system until one is chosen", async () => {
    const page = await openSettings("idle", { theme: "dark" });
    const dark = await ground(page);
    await page.getByTestId("theme-light").check();
    await expect.poll(() => ground(page)).not.toBe(dark);
    await page.getByTestId("theme-system").check();
    await expect.poll(() => ground(page)).toBe(dark);
    await page.emulateMedia({ colorScheme: "light" });
    await expect.poll(() => ground(page)).not.toBe(dark);
    await page.getByTestId("theme-dark").check();
    await expect.poll(() => ground(page)).toBe(dark);
    expect(await asked(page, "changeSettings")).toEqual([{ theme: "light" }, { theme: "system" }, { theme: "dark" }]);
  });
});

test("About names the version and where the data is", async () => {
  const page = await openSettings("idle");
  const text = (await page.getByTestId("settings").innerText()).replace(/\s+/g, " ");
  expect(text).toContain("MYCA Voice 0.1.0");
  expect(text).toContain("Data folder /home/ada/.local/share/myca-voice");
});
