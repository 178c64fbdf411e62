import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { asked, picture, SMALL, windows } from "./window";

const { open } = windows();

const panel = async (page: Page, name: string) => (await page.getByTestId(`panel-${name}`).innerText()).replace(/\s+/g, " ");

describe("the brain", () => {
  test("says who answers, how fast, and shows the reply", async () => {
    const page = await open("mas");
    const text = await panel(page, "brain");
    expect(text).toContain("Brain 12 turns Ready since");
    expect(text).toMatch(/Agent system\s· mas.local:8001/);
    expect(text).toContain("First word 412 ms Whole reply 1204 ms Memories 3");
    expect(text).toContain("Answered by gemini-2.0-flash · Myca");
    expect(text).toContain("The inn at the north shore");
    expect(text).toContain("focused, led by curiosity");
    expect(text).toContain("1,204 thoughts, 318 memories, 12 agents");
    expect(await page.getByTestId("cancel-answer").count()).toBe(0);
  });

  test("in each state has a shape, a word and, while it works, a counter and a way to cancel", async () => {
    const page = await open("idle");
    for (const [scene, word, shape, counter] of [
      ["brainThinking", "Thinking", "running", /0:0\d/],
      ["brainStreaming", "Answering", "running", /0:0\d/],
      ["brainWaiting", "Waiting", "waiting", /0:\d\d/],
      ["brainFailed", "No answer", "wrong", /since/],
      ["mas", "Ready", "off", /since/],
    ] as const) {
      await page.evaluate((name) => script.show(name), scene);
      const brain = page.getByTestId("brain");
      await expect.poll(() => brain.innerText()).toContain(word);
      expect(await brain.innerText(), scene).toMatch(counter);
      expect(await brain.locator("svg").first().getAttribute("class"), scene).toContain(shape);
      expect(await page.getByTestId("cancel-answer").count(), scene).toBe(scene === "mas" || scene === "brainFailed" ? 0 : 1);
    }
  });

  test("that waits counts down and can be cancelled; then typing goes on", async () => {
    const page = await open("brainWaiting");
    const wait = page.getByTestId("brain-wait");
    const left = () => wait.innerText();
    expect(await left()).toMatch(/too many requests.*asked again in 0:2\d/s);
    const before = await left();
    await expect.poll(left, { timeout: 3000 }).not.toBe(before);
    await page.getByTestId("cancel-answer").click();
    await expect.poll(() => asked(page, "cancelAnswer")).toHaveLength(1);
    await expect.poll(() => wait.count()).toBe(0);
    expect(await page.evaluate(() => document.activeElement?.getAttribute("data-testid"))).toBe("text-box");
  });

  test("that failed says why, what it said itself, and what to do", async () => {
    const page = await open("brainFailed");
    const problem = page.getByTestId("brain-problem");
    expect(await problem.innerText()).toContain("answered with an error (500)");
    expect(await problem.innerText()).toContain("KeyError: 'session'");
    await problem.getByRole("button", { name: "Brain settings" }).click();
    await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe("settings-brain");
  });

  test("does not pass a prepared sentence off as a reply", async () => {
    const page = await open("brainCanned");
    expect(await page.getByTestId("canned").innerText()).toBe("This may be a prepared sentence.");
    expect(await page.getByTestId("brain-notice").innerText()).toContain("came from the orchestrator");
  });

  test("streams a reply where it grows, and is quiet about it", async () => {
    const page = await open("brainStreaming");
    const reply = page.getByTestId("reply");
    expect(await reply.locator(".caret").count()).toBe(1);
    await page.evaluate(() => {
      const brain = { ...script.now.panels.brain, reply: "One word after another. ".repeat(80) };
      script.send({ type: "brain", brain });
    });
    await expect.poll(() => reply.evaluate((box) => box.scrollHeight - box.scrollTop - box.clientHeight)).toBeLessThan(2);
    expect(await page.getByTestId("announcer").innerText()).toBe("");
  });

  test("follows a reply in Moshi's voice word by word, and stops it", async () => {
    const page = await open("liveSpeaking");
    const queue = page.getByTestId("injections");
    expect(await queue.innerText()).toContain("1 queued, 1 speaking, 1 spoken, 1 cut short");
    await queue.getByRole("button", { name: "Spoken replies" }).click();
    const row = (state: string) => page.locator(`[data-testid=injection][data-state=${state}]`);
    await expect.poll(() => row("cut").innerText()).toMatch(/Cut short.*Moshi's voice.*You asked something else meanwhile[^]*3 of 8 words said/);
    expect(await row("spoken").getByTestId("injection-progress").count()).toBe(0);
    await page.evaluate(() => {
      const speaking = script.now.panels.injections.filter(({ state }) => state === "speaking");
      script.send({ type: "injections", injections: speaking.map((one) => ({ ...one, said: one.text })) });
    });
    await expect.poll(() => row("speaking").getByTestId("injection-progress").innerText()).toMatch(/^(\d+) of \1 words said$/);
    await page.getByTestId("stop-speaking").click();
    await expect.poll(() => asked(page, "stopSpeaking")).toHaveLength(1);
    await expect.poll(() => row("cut").count()).toBe(3);
    expect(await page.getByTestId("stop-speaking").count()).toBe(0);
    expect(await page.evaluate(() => document.activeElement?.getAttribute("data-testid"))).toBe("text-box");
  });

  test("lists what became of replies and in whose voice, folded", async () => {
    const page = await open("mas");
    const queue = page.getByTestId("injections");
    expect(await queue.innerText()).toContain("1 queued, 1 shown only");
    expect(await page.getByTestId("injection").count()).toBe(0);
    await queue.getByRole("button").click();
    await expect.poll(() => page.getByTestId("injection").count()).toBe(2);
    expect(await page.getByTestId("injection").first().innerText()).toContain("this Moshi speaks no text");
    expect(await page.getByTestId("injection").last().innerText()).toContain("bridge's voice");
    expect(await page.getByTestId("stop-speaking").count(), "the bridge is not stopped here").toBe(0);
  });
});

describe("tool calls", () => {
  test("show name, arguments, state and how long, and the result one click away", async () => {
    const page = await open("mas");
    const call = page.getByTestId("tool").filter({ hasText: "opening_hours" });
    expect((await call.innerText()).replace(/\s+/g, " ")).toBe('opening_hours Done 612 ms, says 580 ms {"place":"inn north shore","day":"Saturday"}');
    await call.getByRole("button").click();
    expect(await call.getByTestId("tool-details").innerText()).toContain('{"open":"10:00","close":"18:00"}');
    const running = page.getByTestId("tool").filter({ hasText: "mas_brain_query" });
    expect(await running.innerText()).toMatch(/Running 0:0\d/);
  });

  test("that ask first are decided by keyboard, in the conversation", async () => {
    const page = await open("question");
    const question = page.getByTestId("question");
    expect(await question.innerText()).toContain("no steep paths.”?");
    await question.getByTestId("allow").focus();
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await expect.poll(() => asked(page, "decide")).toEqual([{ call: "q1", allowed: false }]);
    await expect.poll(() => question.count()).toBe(0);
    expect(await page.evaluate(() => document.activeElement?.getAttribute("data-testid"))).toBe("text-box");
  });

  test("or in their panel, where the focus stays", async () => {
    const page = await open("question");
    await page.getByTestId("tool-list").getByTestId("allow").click();
    await expect.poll(() => asked(page, "decide")).toEqual([{ call: "q1", allowed: true }]);
    expect(await page.evaluate(() => document.activeElement?.textContent)).toContain("remember");
  });

  test("are announced when they ask", async () => {
    const page = await open("idle");
    await page.evaluate(() => {
      const calls = [{ id: "n", name: "forget", arguments: null, state: "pending", question: "Forget it all?", atMs: Date.now(), measuredMs: null, reportedMs: null, result: null } as const];
      script.send({ type: "tools", calls, total: 1 });
    });
    await expect.poll(() => page.getByTestId("announcer").innerText()).toContain("Forget it all?");
  });
});

test("agents say who, doing what, in which state and since when", async () => {
  const page = await open("mas");
  const agent = page.getByTestId("agent").filter({ hasText: "route-planner" });
  expect((await agent.innerText()).replace(/\s+/g, " ")).toMatch(/^route-planner Working .*\d\d:\d\d Plans the walk on Saturday Two of three ways are checked\.$/);
});

test("memory says what was read and written, and of which kind", async () => {
  const page = await open("mas");
  const text = await panel(page, "memory");
  expect(text).toContain("Memory 12 read, 4 written");
  expect(text).toContain("Kinds: memories, profile, turn");
  expect(text).toContain("Wrote turn");
  expect(await page.getByTestId("memories-open").count(), "only the built-in brain's can be changed here").toBe(0);
});

describe("a panel", () => {
  test("without anything in it says in a line what will be there", async () => {
    const page = await open("firstStart");
    expect(await page.getByTestId("panel-empty").allInnerTexts()).toEqual([
      "Nothing asked yet. What you type goes to the brain, and its reply appears here too.",
      "Nothing called yet. Tools appear here when the brain uses one.",
      "No agent has been heard of. They appear here when the agent system calls one.",
      "Nothing read or written yet. What the brain looks up and keeps appears here.",
    ]);
  });

  test("stays folded while others come and go in its place", async () => {
    const page = await open("mas");
    await page.getByTestId("fold-tools").click();
    expect(await page.getByTestId("tool").count()).toBe(0);
    expect(await page.getByTestId("panel-tools-count").innerText()).toBe("4");
    await page.keyboard.press("Control+,");
    await page.keyboard.press("Control+,");
    await page.getByTestId("panels").waitFor();
    expect(await page.getByTestId("fold-tools").getAttribute("aria-expanded")).toBe("false");
  });

  test("with ten thousand entries draws few of them, follows the end and says what it has cut", async () => {
    const page = await open("tenThousandCalls");
    await page.getByText("tool_9999").waitFor();
    expect(await page.getByTestId("tool").count()).toBeLessThan(200);
    expect(await page.getByTestId("panel-tools").getByTestId("cut").innerText()).toBe("2,512 older entries are no longer listed.");
    await page.evaluate(() => script.send({ type: "tools", calls: script.scenes.manyTools(10_000, 40), total: 12_552 }));
    await page.getByText("tool_10039").waitFor();
    const list = page.getByTestId("tool-list");
    const last = list.getByRole("listitem").last();
    expect([await last.getAttribute("aria-posinset"), await last.getAttribute("aria-setsize")]).toEqual(["10000", "10000"]);
    await list.hover();
    await page.mouse.wheel(0, -400);
    await page.getByTestId("tool-list-newest").waitFor();
    await page.waitForTimeout(200);
    // Newer calls push the oldest out; whoever reads stays on the same ones.
    const top = () =>
      list.evaluate((box) => {
        const edge = box.getBoundingClientRect().top;
        const row = [...box.querySelectorAll("[data-testid=tool]")].find((one) => one.getBoundingClientRect().bottom > edge + 1);
        return `${row?.querySelector(".name")?.textContent} at ${Math.round((row?.getBoundingClientRect().top ?? 0) - edge)}`;
      });
    const before = await top();
    await page.evaluate(() => script.send({ type: "tools", calls: script.scenes.manyTools(10_040, 200), total: 12_752 }));
    await page.waitForTimeout(300);
    expect(await top()).toBe(before);
    await page.getByTestId("tool-list-newest").click();
    await page.getByText("tool_10239").waitFor();
  });
});

describe("in a narrow window", () => {
  test("the panels open in the conversation's place, and the button counts open questions", async () => {
    const page = await open("question", { size: SMALL });
    expect(await page.getByTestId("panel-brain").isVisible()).toBe(false);
    expect(await page.getByTestId("badge").innerText()).toBe("1");
    await page.getByRole("button", { name: "Panels, 1 open question" }).click();
    await page.getByTestId("panel-brain").waitFor();
    expect(await page.getByTestId("turns").isVisible()).toBe(false);
    expect(await page.getByTestId("text-box").isVisible()).toBe(true);
    await picture(page, "panels-small-light");
    await page.keyboard.press("Escape");
    await page.getByTestId("turns").waitFor();
    expect(await page.evaluate(() => document.activeElement?.getAttribute("data-testid"))).toBe("panels-open");
  });

  test("a pane and the events, which share a place, stand there one at a time", async () => {
    const page = await open("question", { size: SMALL });
    await page.getByTestId("panels-open").click();
    await page.getByTestId("events-open").click();
    await page.getByTestId("events").waitFor();
    await expect.poll(() => page.getByTestId("panel-brain").isVisible()).toBe(false);
    await page.getByTestId("history-open").click();
    await page.getByTestId("history").waitFor();
    await expect.poll(() => page.getByTestId("events").count()).toBe(0);
  });

  test("P opens and closes them; in a wide one it goes to them", async () => {
    const page = await open("mas", { size: SMALL });
    await page.keyboard.press("p");
    await page.getByTestId("panel-brain").waitFor();
    await page.keyboard.press("p");
    await expect.poll(() => page.getByTestId("panel-brain").isVisible()).toBe(false);
    const wide = await open("mas");
    await wide.keyboard.press("p");
    await wide.keyboard.press("Tab");
    expect(await wide.evaluate(() => document.activeElement?.getAttribute("data-testid"))).toBe("fold-brain");
    await wide.keyboard.press("Escape");
    // Nothing was open that Esc would have closed.
    await expect.poll(() => asked(wide, "stop")).toHaveLength(1);
  });
});

describe("a typed turn", () => {
  test("says where it is on its way to the brain", async () => {
    const page = await open("brainWaiting");
    const turn = page.getByTestId("turn").last();
    expect(await turn.innerText()).toContain("waits to be sent");
    await page.evaluate(() => {
      const last = script.now.turns.at(-1);
      if (last) script.send({ type: "turn", turn: { ...last, delivery: "sent" } });
    });
    await expect.poll(() => turn.innerText()).toMatch(/\bsent\b/);
    expect(await turn.innerText()).not.toContain("waits");
  });

  test("that was not answered stays, says why, and can be tried again", async () => {
    const page = await open("brainFailed");
    const turn = page.getByTestId("turn").last();
    expect(await turn.getByTestId("undelivered").innerText()).toContain("answered with an error (500)");
    await turn.getByTestId("retry-turn").click();
    await expect.poll(() => asked(page, "retryTurn")).toEqual(["brain-turn-3"]);
    await expect.poll(() => turn.getByTestId("undelivered").count()).toBe(0);
  });

  test("is answered by a turn that says who wrote it, with a caret while it grows", async () => {
    const page = await open("brainStreaming");
    const turn = page.getByTestId("turn").last();
    expect(await turn.innerText()).toContain("answering");
    expect(await turn.locator(".caret").count()).toBe(1);
    expect(await page.getByTestId("note").first().innerText()).toBe("Myca, gemini-2.0-flash");
  });
});

test("text from outside is nothing but text in every panel", async () => {
  const page = await open("hostile");
  await page.getByTestId("tool").first().getByRole("button").first().click();
  await page.getByTestId("injections").getByRole("button", { name: "Spoken replies" }).click();
  expect(await page.evaluate(() => "struck" in globalThis)).toBe(false);
  expect(await page.locator("img, b").count()).toBe(0);
  expect(await page.getByTestId("panels").innerText()).toContain("U+202E");
  const text = await page.getByTestId("panels").innerText();
  for (const hidden of ["\u202e", "\u0000", "\u001b"]) expect(text).not.toContain(hidden);
  const sideways = await page.evaluate(() =>
    [...document.querySelectorAll("[data-testid=panels], [data-testid=panels] .panels, [data-testid=tool-list]")].map((box) => box.scrollWidth - box.clientWidth),
  );
  expect(sideways.every((pixels) => pixels <= 0)).toBe(true);
});
