import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { asked, SMALL, windows } from "./window";

const { open } = windows();

const focused = (page: Page) => page.evaluate(() => document.activeElement?.getAttribute("data-testid") ?? null);
const written = (page: Page) => page.getByTestId("text-box").inputValue();
const hear = (page: Page, text: string) => page.evaluate((text) => script.dictate({ text }), text);

describe("what the person says", () => {
  test("is shown as it forms, calmly unfinished, and corrected in its place", async () => {
    const page = await open("hearing");
    const last = page.getByTestId("turn").last();
    expect(await last.getAttribute("data-source")).toBe("heard");
    expect(await last.innerText()).toMatch(/^You\n[\s\S]*being heard/);
    const colour = () => last.locator(".text").evaluate((text) => getComputedStyle(text).color);
    const forming = await colour();
    const say = (text: string, open: boolean) =>
      page.evaluate(
        ({ text, open }) => {
          const last = script.now.turns.at(-1);
          if (last) script.send({ type: "turn", turn: { ...last, text, open, saved: !open, delivery: open ? null : "sent" } });
        },
        { text, open },
      );
    await say("Then book a table for three at noon", true);
    await say("Then book a table for three at noon.", false);
    await expect.poll(() => last.locator(".text").innerText()).toBe("Then book a table for three at noon.");
    expect(await page.getByTestId("turn").count()).toBe(9);
    expect(await last.innerText()).toMatch(/sent\s*heard/);
    expect(await colour(), "what is whole looks it").not.toBe(forming);
    expect(await page.getByTestId("announcer").innerText(), "nobody is read their own words").not.toContain("table");
  });

  test("that could not be heard to its end says so and can be sent", async () => {
    const page = await open("earFailed");
    const undelivered = page.getByTestId("undelivered");
    expect(await undelivered.innerText()).toContain("The ear was lost before this was heard to its end.");
    await undelivered.getByRole("button", { name: "Retry" }).click();
    await expect.poll(() => asked(page, "retryTurn")).toEqual(["turn-9"]);
  });

  test("is told apart from what Moshi says of its own", async () => {
    const page = await open("heardAnswered");
    expect(await page.getByTestId("turn").nth(1).innerText()).toMatch(/^Moshi\n[\s\S]*own words/);
    await page.evaluate(() => script.send({ type: "settings", settings: { ...script.now.settings, answerer: "moshi" } }));
    await expect.poll(() => page.getByTestId("turn").nth(1).innerText()).toMatch(/spoken/);
  });
});

describe("the times of a turn", () => {
  test("stand under the last one, in one line, for eyes and for ears", async () => {
    const page = await open("heardAnswered");
    const times = page.getByTestId("turn").nth(5).getByTestId("times");
    const steps = await times.locator("[data-step]").allInnerTexts();
    expect(steps).toEqual(["heard +620 ms", "asked", "first word 1.2 s", "said 1.9 s"]);
    expect(await times.locator(".spoken").innerText()).toBe(
      "Times of this turn: heard after 620 milliseconds, the brain was asked, first word after 1.2 seconds, said after 1.9 seconds.",
    );
    const colours = await times.locator(".part").evaluateAll((parts) => parts.map((part) => getComputedStyle(part).backgroundColor));
    expect(new Set(colours).size, "three voices").toBe(3);
    const height = await times.evaluate((line) => line.getBoundingClientRect().height);
    expect(height, "one line").toBeLessThan(20);
    expect(await times.locator("[data-step=first]").getAttribute("title")).toContain("counted from when your last word ended");
  });

  test("of earlier ones come on demand, by keyboard too", async () => {
    const page = await open("heardAnswered");
    expect(await page.getByTestId("times").count()).toBe(1);
    const show = page.getByTestId("times-show").first();
    expect(await show.getAttribute("aria-label")).toBe("Times of this turn, 2.3 s in all");
    await show.focus();
    await page.keyboard.press("Enter");
    await expect.poll(() => page.getByTestId("times").count()).toBe(2);
    expect(await show.getAttribute("aria-expanded")).toBe("true");
    await page.keyboard.press("Enter");
    await expect.poll(() => page.getByTestId("times").count()).toBe(1);
  });

  test("are there as far as they are measured, and the dash says why", async () => {
    const page = await open("heardAnswered");
    await page.evaluate(() => {
      const last = script.now.turns.findLast(({ speaker }) => speaker === "person");
      const times = script.now.times.at(-1);
      if (!last || !times) return;
      script.send({ type: "turn", turn: { ...last, delivery: "sent" } });
      script.send({ type: "times", times: { ...times, firstTokenMs: null, sayableMs: null, givenMs: null, soundsMs: null, repliedMs: null } });
    });
    const first = page.getByTestId("times").locator("[data-step=first]");
    await expect.poll(() => first.innerText()).toBe("first word —");
    expect(await first.getAttribute("title")).toBe("Not yet.");
    expect(await page.getByTestId("times").locator("[data-step=said]").count()).toBe(0);
  });

  test("of a conversation that was left are gone", async () => {
    const page = await open("heardAnswered");
    await page.getByTestId("new-conversation").click();
    await page.evaluate(() => script.send({ type: "conversation", id: "next", turns: script.scenes.manyTurns(2) }));
    await expect.poll(() => page.getByTestId("turn").count()).toBe(2);
    expect(await page.getByTestId("times").count()).toBe(0);
  });
});

describe("who hears", () => {
  test("is a light with place, model, delay and cost", async () => {
    const page = await open("hearing");
    const light = page.getByTestId("light-ear");
    expect(await light.innerText()).toContain("gpu-box.local:8998, stt-1b-en_fr");
    expect(await page.getByTestId("light-ear-figures").innerText()).toBe("500 ms behind · 12 of 80 ms");
    await light.click();
    const reason = page.locator("#reason-ear");
    expect(await reason.innerText()).toContain("Hearing takes 12 ms for each 80 ms of sound, on the host.");
    await reason.getByRole("button", { name: "Hearing settings" }).click();
    await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe("settings-hearing");
  });

  test("nobody at a host without a recogniser: off, with the reason, and nothing is wrong", async () => {
    const page = await open("earOff");
    const light = page.getByTestId("light-ear");
    expect(await light.getAttribute("data-state")).toBe("off");
    expect(await light.innerText()).toContain("This host does not tell what you say.");
    await light.click();
    expect(await page.locator("#reason-ear").innerText()).toContain("Start it with --hear");
    expect(await page.getByTestId("announcer").innerText()).toBe("");
  });

  test("a recogniser that fails is a problem, and is said", async () => {
    const page = await open("hearing");
    await page.evaluate(() => script.show("earFailed"));
    await expect.poll(() => page.getByTestId("light-ear").getAttribute("data-state")).toBe("wrong");
    await expect.poll(() => page.getByTestId("announcer").innerText()).toContain("The recogniser at ears.example wants a key.");
  });
});

describe("who answers", () => {
  test("is chosen beside the call, by keyboard", async () => {
    const page = await open("live");
    const choice = page.getByRole("combobox", { name: "Who answers" });
    expect(await choice.locator("option").allInnerTexts()).toEqual(["Moshi alone", "Brain through Moshi", "Brain in text"]);
    await choice.focus();
    await page.keyboard.press("ArrowDown");
    await expect.poll(() => asked(page, "changeSettings")).toEqual([{ answerer: "brainInText" }]);
    await expect.poll(() => choice.inputValue()).toBe("brainInText");
  });

  test("is among the commands", async () => {
    const page = await open("live");
    await page.keyboard.press("Control+k");
    await page.getByTestId("palette-search").fill("who answers");
    await expect.poll(() => page.getByTestId("command").allInnerTexts()).toEqual(["Who answers: Moshi alone", "Who answers: Brain in text"]);
    await page.keyboard.press("Enter");
    await expect.poll(() => asked(page, "changeSettings")).toEqual([{ answerer: "moshi" }]);
  });

  test("that cannot be changed says why", async () => {
    const page = await open("live");
    await page.evaluate(() => script.refusals.set("changeSettings", script.scenes.problem("history.disk_full")));
    await page.getByTestId("who-answers").selectOption("moshi");
    await page.locator("[data-testid=notice][data-code='history.disk_full']").waitFor();
  });
});

describe("dictation", () => {
  test("begins by its button, writes where the caret was, grows and is corrected", async () => {
    const page = await open("idle");
    const box = page.getByTestId("text-box");
    await box.fill("Dear Ada, yours, Grace");
    await box.evaluate((field: HTMLTextAreaElement) => field.setSelectionRange(9, 9));
    const button = page.getByRole("button", { name: "Dictate", exact: true });
    expect(await button.getAttribute("aria-pressed")).toBe("false");
    await button.click();
    await expect.poll(() => button.getAttribute("aria-pressed")).toBe("true");
    expect(await focused(page)).toBe("text-box");
    expect(await page.getByTestId("dictating").innerText()).toContain("What you say is written here.");
    await hear(page, "thank");
    await expect.poll(() => written(page)).toBe("Dear Ada, thank yours, Grace");
    await hear(page, "thanks a lot");
    await expect.poll(() => written(page)).toBe("Dear Ada, thanks a lot yours, Grace");
    expect(await box.evaluate((field: HTMLTextAreaElement) => field.selectionEnd)).toBe("Dear Ada, thanks a lot".length);
    await button.click();
    await expect.poll(() => asked(page, "stopDictation")).toHaveLength(1);
    await hear(page, "thanks a lot,");
    await expect.poll(() => written(page), { message: "the last words come after its end" }).toBe("Dear Ada, thanks a lot, yours, Grace");
    expect(await asked(page, "sendText"), "nothing is sent by itself").toEqual([]);
  });

  test("and ends by its keys, also while typing; what was typed stays", async () => {
    const page = await open("idle");
    const box = page.getByTestId("text-box");
    await box.focus();
    await page.keyboard.type("Buy ");
    await page.keyboard.press("Control+Shift+D");
    await expect.poll(() => asked(page, "startDictation")).toHaveLength(1);
    await hear(page, "two eggs");
    await expect.poll(() => written(page)).toBe("Buy two eggs");
    await page.keyboard.type(" (big)");
    await hear(page, "two eggs and milk");
    await expect.poll(() => written(page)).toBe("Buy two eggs (big) and milk");
    await page.keyboard.press("Escape");
    await expect.poll(() => asked(page, "stopDictation")).toHaveLength(1);
    expect(await focused(page), "Esc ended dictation and nothing else").toBe("text-box");
    await page.keyboard.press("Control+Shift+D");
    await expect.poll(() => asked(page, "startDictation")).toHaveLength(2);
    await page.keyboard.press("Control+Shift+D");
    await expect.poll(() => asked(page, "stopDictation")).toHaveLength(2);
  });

  test("goes on after a text was sent, and does not say it again", async () => {
    const page = await open("idle");
    await page.getByTestId("dictate").click();
    await hear(page, "Good morning.");
    await expect.poll(() => written(page)).toBe("Good morning.");
    await page.keyboard.press("Enter");
    await expect.poll(() => asked(page, "sendText")).toEqual(["Good morning."]);
    await expect.poll(() => written(page)).toBe("");
    await hear(page, "Good morning. How are you?");
    await expect.poll(() => written(page)).toBe("How are you?");
  });

  test("that cannot begin says why beside the box, with the way out", async () => {
    const page = await open("idle");
    await page.evaluate(() => script.send({ type: "settings", settings: { ...script.now.settings, ear: "off" } }));
    await page.getByTestId("dictate").click();
    const problem = page.locator("[data-code='ear.off']");
    await problem.waitFor();
    expect(await problem.getAttribute("role")).toBe("alert");
    await page.getByTestId("text-box").fill("Never mind");
    await expect.poll(() => problem.count(), { message: "whoever types has read it" }).toBe(0);
    await page.getByTestId("dictate").click();
    await problem.getByRole("button", { name: "Hearing settings" }).click();
    await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe("settings-hearing");
  });

  test("is not there in a call, where what is said is in the conversation already", async () => {
    const page = await open("live");
    expect(await page.getByTestId("dictate").isDisabled()).toBe(true);
    await page.evaluate(() => script.refusals.set("startDictation", script.scenes.problem("dictation.call", ["stop"])));
    await page.keyboard.press("Control+Shift+D");
    await page.locator("[data-code='dictation.call']").waitFor();
  });

  test("leaves the newest turn in sight", async () => {
    const page = await open("idle", { size: SMALL });
    await expect.poll(() => page.getByTestId("turns").evaluate((list) => list.scrollHeight - list.scrollTop - list.clientHeight)).toBeLessThan(2);
    await page.getByTestId("dictate").click();
    await hear(page, "word ".repeat(16));
    const box = page.getByTestId("text-box");
    await expect.poll(() => box.evaluate((field) => field.clientHeight - field.scrollHeight), { message: "all of it is in sight" }).toBe(0);
    await expect.poll(() => page.getByTestId("newest").count()).toBe(0);
    await hear(page, "");
    await expect.poll(() => box.evaluate((field) => field.clientHeight)).toBeLessThan(50);
  });

  test("is told to a screen reader when it begins and ends, and its words are not", async () => {
    const page = await open("idle");
    await page.getByTestId("dictate").click();
    const heard = () => page.getByTestId("announcer").innerText();
    await expect.poll(heard).toBe("Dictation has begun.");
    await hear(page, "swordfish");
    await page.keyboard.press("Escape");
    await expect.poll(heard, { timeout: 4000 }).toBe("Dictation has ended.");
  });

  test("is among the commands", async () => {
    const page = await open("idle");
    await page.keyboard.press("Control+k");
    await page.getByTestId("palette-search").fill("dictate");
    await page.keyboard.press("Enter");
    await expect.poll(() => asked(page, "startDictation")).toHaveLength(1);
  });

  test("finds its words there when the window opens in the middle of it", async () => {
    const page = await open("dictation");
    await expect.poll(() => written(page)).toBe("Tell them that we come at noon and");
  });
});

describe("the settings of hearing", () => {
  const openHearing = async (page: Page) => {
    await page.getByTestId("settings-open").click();
    await page.getByTestId("to-hearing").click();
  };

  test("let one choose who hears, with a recogniser's address and key only where one does", async () => {
    const page = await open("idle");
    await openHearing(page);
    const who = page.getByRole("group", { name: "Who hears you" });
    expect(await who.getByRole("radio").count()).toBe(4);
    expect(await page.getByTestId("ear-address").count()).toBe(0);
    await who.getByRole("radio", { name: "Another recogniser" }).check();
    await expect.poll(() => asked(page, "changeSettings")).toEqual([{ ear: "server" }]);
    await page.getByRole("textbox", { name: "Recogniser's address" }).fill(" wss://ears.example ");
    await page.keyboard.press("Tab");
    await expect.poll(() => asked(page, "changeSettings")).toHaveLength(2);
    expect((await asked(page, "changeSettings"))[1]).toEqual({ earAddress: "wss://ears.example" });
    expect(await page.getByTestId("ear-plain").count(), "it is encrypted").toBe(0);
    await page.getByTestId("ear-key").fill("ears-only"); // secret-scan:allow a made-up key
    await page.getByTestId("ear-key-set").click();
    await expect.poll(() => asked(page, "setEarKey")).toEqual(["ears-only"]);
    await expect.poll(() => page.getByTestId("ear-key").inputValue(), { message: "it is never shown again" }).toBe("");
    await page.getByTestId("ear-key-remove").click();
    await expect.poll(() => asked(page, "setEarKey")).toHaveLength(2);
  });

  test("say how far the recogniser on this computer is, and which models it can be", async () => {
    const page = await open("earHere");
    await openHearing(page);
    const recogniser = page.getByTestId("recogniser");
    expect(await recogniser.innerText()).toContain("Loading the model");
    const model = page.getByRole("combobox", { name: "Model", exact: true }).and(page.getByTestId("ear-model"));
    expect(await model.getByRole("option").allInnerTexts()).toEqual(["The smallest of those that are here", "Speech recogniser"]);
    await model.selectOption("stt-1b-en_fr-candle");
    await expect.poll(() => asked(page, "changeSettings")).toEqual([{ earModel: "stt-1b-en_fr-candle" }]);
    await page.evaluate(() =>
      script.send({
        type: "recogniser",
        recogniser: { ...script.now.recogniser, phase: "failed", problem: { code: "ear.no_model", what: "There is no recogniser here.", next: "Download one.", actions: ["openModels"] } },
      }),
    );
    await expect.poll(() => recogniser.innerText()).toContain("There is no recogniser here. Download one.");
  });

  test("refuse an unencrypted address until it is allowed", async () => {
    const page = await open("idle");
    await page.evaluate(() => script.send({ type: "settings", settings: { ...script.now.settings, ear: "server" } }));
    await openHearing(page);
    const address = page.getByTestId("ear-address");
    await address.fill("ears.local:8080");
    await address.press("Enter");
    await page.locator("[data-code='ear.plain']").waitFor();
    expect(await address.getAttribute("aria-invalid")).toBe("true");
    await page.getByRole("checkbox", { name: "Allow it unencrypted" }).check();
    await expect.poll(() => asked(page, "changeSettings")).toHaveLength(2);
    expect((await asked(page, "changeSettings"))[1]).toEqual({ earPlain: true, earAddress: "ears.local:8080" });
    await expect.poll(() => page.locator("[data-code='ear.plain']").count()).toBe(0);
    expect(await page.evaluate(() => script.now.settings.earAddress)).toBe("ears.local:8080");
  });

  test("say which ear is in use and what it costs, who answers, and when Moshi says it", async () => {
    const page = await open("hearing");
    await openHearing(page);
    const state = page.getByTestId("ear-state");
    expect(await state.getAttribute("data-state")).toBe("well");
    expect(await state.innerText()).toContain("Hearing takes 12 ms for each 80 ms of sound, on the host.");
    await page.getByTestId("says-atOnce").check();
    await page.getByTestId("answerer-moshi").check();
    await expect.poll(() => asked(page, "changeSettings")).toEqual([{ says: "atOnce" }, { answerer: "moshi" }]);
    await expect.poll(() => page.getByTestId("who-answers").inputValue(), { message: "it is one choice in two places" }).toBe("moshi");
  });
});

test.each([SMALL, { width: 640, height: 400 }, { width: 450, height: 300 }])("nothing overflows in a window of %o", async (size) => {
  for (const scene of ["heardAnswered", "dictation"] as const) {
    const page = await open(scene, { size });
    const beyond = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(beyond, scene).toBeLessThanOrEqual(0);
    const dictate = await page.getByTestId("dictate").boundingBox();
    expect(dictate && dictate.x + dictate.width <= size.width && dictate.y + dictate.height <= size.height, `${scene}: in reach`).toBe(true);
  }
});
