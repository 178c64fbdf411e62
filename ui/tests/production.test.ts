import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { problem, SCENES } from "$lib/backend/scenes";
import type { Snapshot, UiEvent } from "$lib/backend";
import { windows } from "./window";

const { blank, takeErrors, url } = windows("dist");

type FakeTauri = {
  asked: { command: string; args: unknown }[];
  refuse: Record<string, unknown>;
  answers: Record<string, unknown>;
  deliver: (events: UiEvent[]) => void;
};

declare global {
  var tauriSide: FakeTauri;
  var violations: string[];
}

/** Stands where Tauri puts its own door, so that the production bundle runs with its real adapter. */
function installTauri(snapshot: Snapshot): void {
  const waiting: UiEvent[][] = [];
  let wake: ((events: UiEvent[]) => void) | null = null;
  const side: FakeTauri = {
    asked: [],
    refuse: {},
    answers: {},
    deliver: (events) => {
      if (wake) wake(events);
      else waiting.push(events);
      wake = null;
    },
  };
  const internals = {
    async invoke(command: string, args: Record<string, unknown>) {
      if (command === "next_events" && args.subscription === 7) {
        // Answered when there is something to tell, as Rust does it.
        return waiting.shift() ?? new Promise<UiEvent[]>((resolve) => (wake = resolve));
      }
      if (command === "subscribe") return 7;
      side.asked.push({ command, args });
      // A rejected command carries whatever Rust answered, not an Error.
      if (command in side.refuse) return Promise.reject(side.refuse[command]);
      return command === "snapshot" ? snapshot : (side.answers[command] ?? null);
    },
  };
  Object.assign(globalThis, { tauriSide: side, __TAURI_INTERNALS__: internals, violations: [] });
  addEventListener("securitypolicyviolation", (event) => violations.push(`${event.effectiveDirective} ${event.blockedURI}`));
}

async function openWithTauri(snapshot: Snapshot = SCENES.idle()): Promise<Page> {
  const page = await blank();
  await page.addInitScript(installTauri, snapshot);
  await page.goto(url());
  await page.getByTestId("talk").and(page.locator(":enabled")).waitFor();
  return page;
}

describe("under the window's content policy", () => {
  test("everything the window can show breaks no rule of it", async () => {
    const page = await openWithTauri(SCENES.live());
    const signal = {
      micPeaks: [0.1, 0.5, 0.2],
      moshiPeaks: [0.3, 0.1, 0.4],
      mic: { peakDb: -6, rmsDb: -12 },
      moshi: { peakDb: -8, rmsDb: -14 },
    };
    await page.evaluate((sound) => tauriSide.deliver([{ type: "signal", signal: sound }]), signal);
    await page.locator("canvas").first().waitFor();
    await page.getByTestId("settings-open").click();
    await page.getByTestId("persona").fill("Someone else");
    await page.getByTestId("latency-more").click();
    await page.getByTestId("light-moshi").click();
    await page.getByTestId("help-open").click();
    await page.keyboard.press("Escape");
    await page.getByTestId("text-box").fill("one\ntwo\nthree\nfour");
    await page.evaluate((call) => tauriSide.deliver([{ type: "call", call }]), SCENES.connecting().call);
    await page.evaluate((turns) => tauriSide.deliver([{ type: "conversation", id: "c2", turns }]), SCENES.hostile().turns);
    await page.evaluate((hosts) => tauriSide.deliver([{ type: "hosts", hosts }]), SCENES.hostUnknown().hosts);
    await page.getByTestId("host-more").first().click();
    await page.evaluate((doctor) => tauriSide.deliver([{ type: "doctor", doctor }]), SCENES.doctorMeasuring().doctor);
    await page.evaluate((models) => tauriSide.deliver([{ type: "models", models }]), SCENES.modelsDownloading().models);
    await page.getByTestId("first-screen-show").click();
    await page.getByTestId("first-leave").click();
    await page.evaluate((panels) => tauriSide.deliver([{ type: "panels", panels }]), SCENES.hostile().panels);
    await page.getByTestId("tool").first().getByRole("button").first().click();
    await page.getByTestId("events-open").click();
    await page.evaluate((entries) => tauriSide.deliver([{ type: "log", entries, leftOut: 1 }]), SCENES.hostile().log.entries);
    await page.getByTestId("event").first().click();
    await page.getByTestId("palette-open").click();
    await page.keyboard.press("Escape");
    await page.waitForTimeout(300);
    expect(await page.evaluate(() => violations)).toEqual([]);
  });

  test("and the policy is in force", async () => {
    const page = await openWithTauri();
    await page.evaluate(() => document.body.setAttribute("style", "color: red"));
    await page.waitForTimeout(100);
    expect(await page.evaluate(() => violations)).toEqual(["style-src-attr inline"]);
    expect(takeErrors(page)).toHaveLength(1);
  });
});

describe("commands", () => {
  test("carry the names and arguments that Rust knows", async () => {
    const page = await openWithTauri(SCENES.notices());
    await page.getByTestId("talk").click();
    await page.getByTestId("mute").click();
    await page.getByTestId("text-box").fill("Hello");
    await page.getByTestId("send").click();
    await page.getByTestId("new-conversation").click();
    await page.getByTestId("dismiss").first().click();
    await page.getByTestId("settings-open").click();
    await page.getByTestId("input-device").selectOption("usb-headset");
    await page.getByTestId("echo-test").click();
    await page.evaluate((echo) => tauriSide.deliver([{ type: "echoTest", echoTest: echo }]), SCENES.echoRunning().echoTest);
    await page.getByTestId("echo-test").click();
    await page.evaluate((call) => tauriSide.deliver([{ type: "call", call }]), SCENES.live().call);
    await page.getByTestId("talk").click();
    expect(await page.evaluate(() => tauriSide.asked)).toEqual([
      { command: "snapshot", args: {} },
      { command: "talk", args: {} },
      { command: "set_muted", args: { muted: true } },
      { command: "send_text", args: { text: "Hello" } },
      { command: "new_conversation", args: {} },
      { command: "dismiss_notice", args: { id: "one" } },
      { command: "change_settings", args: { patch: { inputDevice: "usb-headset" } } },
      { command: "start_echo_test", args: {} },
      { command: "stop_echo_test", args: {} },
      { command: "stop", args: {} },
    ]);
  });

  test("of the brain, the history and the memories too", async () => {
    const page = await openWithTauri({ ...SCENES.question(), turns: SCENES.brainFailed().turns });
    await page.evaluate(
      ({ history, memories }) => {
        tauriSide.answers.find_conversations = history;
        tauriSide.answers.find_memories = memories;
        tauriSide.answers.export_conversation = "/home/ada/talk.md";
        tauriSide.answers.report = "a report";
      },
      {
        history: { entries: [{ id: "c9", title: "Bread", named: false, startedMs: 0, lastMs: 0, turns: 2, found: null }], total: 1 },
        memories: { items: [{ id: "m9", text: "Tern", atMs: 0 }], total: 1 },
      },
    );
    await page.getByTestId("question").getByTestId("allow").click();
    await page.getByTestId("retry-turn").click();
    await page.getByTestId("cancel-answer").click();
    await page.evaluate((injections) => tauriSide.deliver([{ type: "injections", injections }]), SCENES.liveSpeaking().panels.injections);
    await page.getByTestId("stop-speaking").click();
    await page.getByTestId("history-open").click();
    await page.getByTestId("resume").click();
    await page.getByTestId("history-more").click();
    await page.getByTestId("export-markdown").click();
    await page.getByText("/home/ada/talk.md").waitFor();
    await page.getByTestId("rename").click();
    await page.getByTestId("rename-field").fill("Salt");
    await page.keyboard.press("Enter");
    await page.getByTestId("delete").click();
    await page.getByTestId("confirm-yes").click();
    await page.getByTestId("history-close").click();
    await page.getByTestId("memories-open").click();
    await page.getByTestId("memory-edit").click();
    await page.getByTestId("memory-field").fill("Arctic tern");
    await page.getByTestId("memory-keep").click();
    await page.getByTestId("memory-forget").click();
    await page.getByTestId("confirm-yes").click();
    await page.keyboard.press("Control+,");
    await page.getByTestId("mas-token").fill(" secret ");
    await page.getByTestId("mas-token-set").click();
    await page.getByTestId("events-open").click();
    await page.getByTestId("events-report").click();
    await expect.poll(() => page.evaluate(() => tauriSide.asked.at(-1)?.command)).toBe("report");
    expect(await page.evaluate(() => tauriSide.asked)).toEqual([
      { command: "snapshot", args: {} },
      { command: "decide", args: { call: "q1", allowed: true } },
      { command: "retry_turn", args: { id: "brain-turn-3" } },
      { command: "cancel_answer", args: {} },
      { command: "stop_speaking", args: {} },
      { command: "find_conversations", args: { query: "", offset: 0 } },
      { command: "resume_conversation", args: { id: "c9" } },
      { command: "export_conversation", args: { id: "c9", format: "markdown" } },
      { command: "rename_conversation", args: { id: "c9", title: "Salt" } },
      { command: "delete_conversation", args: { id: "c9" } },
      { command: "find_memories", args: { query: "", offset: 0 } },
      { command: "edit_memory", args: { id: "m9", text: "Arctic tern" } },
      { command: "forget_memory", args: { id: "m9" } },
      { command: "set_mas_token", args: { token: "secret" } },
      { command: "report", args: {} },
    ]);
  });

  test("of hosts, the local Moshi, the doctor and models too", async () => {
    const page = await openWithTauri({ ...SCENES.hosts(), models: SCENES.modelsPaused().models });
    await page.evaluate(() => {
      tauriSide.answers.add_host = "h9";
      tauriSide.answers.import_model = "my-moshi";
      tauriSide.answers.local_log = ["a line"];
    });
    await page.getByTestId("settings-open").click();
    await page.getByTestId("host-choose").nth(1).check();
    await page.getByTestId("host-more").nth(1).click();
    await page.getByTestId("host-test").click();
    await page.getByTestId("unpin").click();
    await page.getByTestId("host-token-h2").fill("secret");
    await page.getByTestId("host-token-h2-set").click();
    await page.getByTestId("host-down").click();
    await page.getByTestId("host-edit").click();
    await page.getByTestId("host-save").click();
    await page.getByTestId("host-delete").click();
    await page.getByTestId("confirm-yes").click();
    await page.getByTestId("host-add").click();
    await page.getByTestId("host-address").fill("localhost:1");
    await page.getByTestId("host-save").click();
    const testing = SCENES.hostTesting().hosts;
    await page.evaluate((hosts) => tauriSide.deliver([{ type: "hosts", hosts }]), testing);
    await page.getByTestId("host-more").first().click();
    await page.getByTestId("host-test").click();
    await page.getByTestId("local-start").click();
    await page.evaluate((local) => tauriSide.deliver([{ type: "local", local }]), SCENES.localReady().local);
    await page.getByTestId("local-start").click();
    await page.getByTestId("local-log-open").click();
    await page.getByText("a line").waitFor();
    await page.getByTestId("local-log-open").click();
    await page.getByTestId("doctor-run").click();
    await page.evaluate((doctor) => tauriSide.deliver([{ type: "doctor", doctor }]), SCENES.doctorReading().doctor);
    await page.getByTestId("doctor-run").click();
    await page.getByTestId("models-refresh").click();
    await page.getByTestId("model-resume").click();
    await page.getByTestId("model-delete").click();
    await page.getByTestId("confirm-yes").click();
    await page.evaluate((models) => tauriSide.deliver([{ type: "models", models }]), SCENES.modelsDownloading().models);
    await page.getByTestId("model-pause").click();
    await page.getByTestId("model-folder").fill("/data/my-moshi");
    await page.getByTestId("model-import").click();
    await page.getByTestId("hub-token").fill("secret");
    await page.getByTestId("hub-token-set").click();
    await expect.poll(() => page.evaluate(() => tauriSide.asked.at(-1)?.command)).toBe("set_hub_token");
    const others = ["h1", "h3", "h2", "h4", "h5"];
    const moshi = { kind: "moshi", address: "wss://moshi.example:8998" };
    expect(await page.evaluate(() => tauriSide.asked.slice(1))).toEqual([
      { command: "choose_host", args: { id: "h2" } },
      { command: "check_host", args: { id: "h2" } },
      { command: "pin_host", args: { id: "h2", fingerprint: null } },
      { command: "set_host_token", args: { id: "h2", token: "secret" } },
      { command: "order_hosts", args: { ids: others } },
      { command: "edit_host", args: { id: "h2", draft: { name: "Data centre", place: moshi, plain: false } } },
      { command: "delete_host", args: { id: "h2" } },
      { command: "add_host", args: { draft: { name: "", place: { kind: "moshi", address: "localhost:1" }, plain: false } } },
      { command: "cancel_check", args: { id: "h1" } },
      { command: "start_local", args: {} },
      { command: "stop_local", args: {} },
      { command: "local_log", args: {} },
      { command: "run_doctor", args: {} },
      { command: "cancel_doctor", args: {} },
      { command: "refresh_models", args: {} },
      { command: "download_model", args: { id: "moshika-candle-q8" } },
      { command: "delete_model", args: { id: "moshika-candle-q8" } },
      { command: "pause_download", args: { id: "moshika-candle-q8" } },
      { command: "import_model", args: { folder: "/data/my-moshi" } },
      { command: "set_hub_token", args: { token: "secret" } },
    ]);
  });

  test("that are refused show what Rust says", async () => {
    const page = await openWithTauri();
    await page.evaluate((refusal) => (tauriSide.refuse.talk = refusal), problem("link.refused"));
    await page.getByTestId("talk").click();
    await expect.poll(() => page.getByTestId("notice").getAttribute("data-code")).toBe("link.refused");
  });

  test("that Rust does not know become a sentence too", async () => {
    const page = await openWithTauri();
    await page.evaluate(() => (tauriSide.refuse.talk = "command talk not found"));
    await page.getByTestId("talk").click();
    await expect.poll(() => page.getByTestId("notice").getAttribute("data-code")).toBe("window.no_answer");
  });
});

describe("the bundle", () => {
  const text = (folder: string) =>
    readdirSync(fileURLToPath(new URL(`../${folder}`, import.meta.url)), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8"))
      .join("\n");

  // Sentences of the scenes, and the name under which the scripted backend can be driven.
  const TRACES = ["gpu-box.local:8998 refused the connection", "PersonaPlex 7B", "{script:"];

  test("holds no trace of the scripted backend, and the test would see one", () => {
    const production = text("dist");
    const scripted = text("dist-scripted");
    for (const trace of TRACES) {
      expect(scripted).toContain(trace);
      expect(production).not.toContain(trace);
    }
  });

  test("holds nothing that the page itself would run or style inline", () => {
    const page = readFileSync(fileURLToPath(new URL("../dist/index.html", import.meta.url)), "utf8");
    expect(page).not.toMatch(/<style|style=|\son\w+=/);
    expect(page).not.toMatch(/<script(?![^>]*\ssrc=)/);
  });

  test("names no address to load from", () => {
    const addresses = text("dist").match(/(?:https?|wss?):\/\/[^\s"'`)\\]+/g) ?? [];
    // Names of XML vocabularies, the documentation that Svelte's error messages point to, and the example in an empty
    // field; nothing is fetched there.
    const known = /^(https?:\/\/(www\.w3\.org|svelte\.dev\/e)\/|wss:\/\/gpu-box\.local:8998$)/;
    expect([...new Set(addresses)].filter((address) => !known.test(address))).toEqual([]);
  });
});
