import type { Backend, Call, Dictation, ExportFormat, HistoryPage, HostDraft, MemoryPage, Problem, SettingsPatch, Signal, Snapshot, UiEvent } from ".";
import { apply } from "$lib/state/apply";
import { emptyView, NO_EAR } from "$lib/state/view";
import { goesPlain } from "$lib/words/hosts";
import { ScriptedArchive } from "./scriptedArchive";
import { EARS } from "./hearingScenes";
import { hosts } from "./hostScenes";
import { ScriptedMachine } from "./scriptedMachine";
import { manyLog, manyTools } from "./panelScenes";
import { LATENCY, lights, light, manyTurns, notice, problem, SCENES, type SceneName } from "./scenes";

type Command = Exclude<keyof Backend, "subscribe">;

/**
 * A backend without Rust, for the development server and the tests: it starts in a scene, can be driven into any
 * state, writes down what it was asked and refuses what it was told to refuse. On its own it does just enough to
 * try the window by hand.
 */
export class ScriptedBackend implements Backend {
  readonly asked: { command: Command; argument: unknown }[] = [];
  readonly refusals = new Map<Command, Problem>();
  readonly scenes = { hosts, LATENCY, lights, light, manyLog, manyTools, manyTurns, notice, problem };
  readonly archive = new ScriptedArchive();
  readonly machine = new ScriptedMachine({ now: () => this.now, send: (...events) => this.send(...events) });
  /** Commands answer only when this settles. */
  held: Promise<void> = Promise.resolve();
  #now: Snapshot;
  #listener: ((events: UiEvent[]) => void) | null = null;
  #sound: ReturnType<typeof setInterval> | undefined;

  constructor(scene: SceneName) {
    this.#now = SCENES[scene]();
  }

  get now(): Snapshot {
    return this.#now;
  }

  /** Puts the whole window into a scene. */
  show(scene: SceneName): void {
    const { call, lights, conversationId, turns, settings, devices, latency, notices, echoTest, ear, dictation, times, panels, log, ...machine } = SCENES[scene]();
    this.send(
      { type: "call", call },
      { type: "lights", lights },
      { type: "conversation", id: conversationId, turns },
      { type: "settings", settings },
      { type: "hosts", hosts: machine.hosts },
      { type: "local", local: machine.local },
      { type: "doctor", doctor: machine.doctor },
      { type: "models", models: machine.models },
      { type: "devices", devices },
      { type: "latency", latency },
      { type: "notices", notices },
      { type: "echoTest", echoTest },
      { type: "ear", ear },
      { type: "dictation", dictation },
      ...times.map((times) => ({ type: "times" as const, times })),
      { type: "panels", panels },
      { type: "log", entries: log.entries, leftOut: log.leftOut },
    );
  }

  send(...events: UiEvent[]): void {
    const view = { ...emptyView(0), ...this.#now };
    this.#now = events.reduce((now, event) => apply(now, event, 0), view);
    this.#listener?.(events);
  }

  changeCall(change: Partial<Call>): void {
    this.send({ type: "call", call: { ...this.#now.call, ...change } });
  }

  /** Sound in both directions, 15 events a second, until stopped. */
  playSound(): void {
    this.stopSound();
    let tick = 0;
    let sent = 0;
    this.#sound = setInterval(() => {
      tick += 1;
      const until = Math.floor((tick * 1000) / 15 / 20);
      this.send({ type: "signal", signal: sampleSignal(sent, until) });
      sent = until;
    }, 1000 / 15);
  }

  stopSound(): void {
    clearInterval(this.#sound);
  }

  async snapshot(): Promise<Snapshot> {
    await this.#answer("snapshot");
    return structuredClone(this.#now);
  }

  async subscribe(onEvents: (events: UiEvent[]) => void): Promise<() => void> {
    this.#listener = onEvents;
    return () => {
      this.#listener = null;
    };
  }

  async talk(): Promise<void> {
    await this.#answer("talk");
    this.changeCall({ phase: "connecting", sinceMs: Date.now(), waitingSinceMs: Date.now(), limitS: 30, attempt: 1, problem: null });
  }

  async stop(): Promise<void> {
    await this.#answer("stop");
    this.stopSound();
    this.changeCall({ phase: "idle", sinceMs: Date.now(), waitingSinceMs: null, limitS: null, retryAtMs: null, problem: null });
  }

  async setMuted(muted: boolean): Promise<void> {
    await this.#answer("setMuted", muted);
    this.changeCall({ muted });
  }

  async sendText(text: string): Promise<void> {
    await this.#answer("sendText", text);
    const id = `typed-${this.asked.length}`;
    const turn = { id, speaker: "person", source: "typed", text, atMs: Date.now(), open: false, saved: true, delivery: "sent", note: null } as const;
    this.send({ type: "turn", turn });
  }

  async changeSettings(patch: SettingsPatch): Promise<void> {
    await this.#answer("changeSettings", patch);
    const before = this.#now.settings;
    const { earAddress, earPlain } = { ...before, ...patch };
    if (("earAddress" in patch || "earPlain" in patch) && goesPlain(earAddress ?? "") && !earPlain) throw problem("ear.plain", ["openHearingSettings"]);
    const settings = { ...before, ...patch, local: { ...before.local, ...patch.local } } as Snapshot["settings"];
    this.send({ type: "settings", settings });
  }

  async newConversation(): Promise<void> {
    await this.#answer("newConversation");
    this.send({ type: "conversation", id: `c${this.asked.length}`, turns: [] });
  }

  async startEchoTest(): Promise<void> {
    await this.#answer("startEchoTest");
    this.playSound();
    this.send({ type: "echoTest", echoTest: { state: "running", roundTripMs: 84, problem: null } });
  }

  async stopEchoTest(): Promise<void> {
    await this.#answer("stopEchoTest");
    this.stopSound();
    this.send({ type: "echoTest", echoTest: { state: "off", roundTripMs: null, problem: null } });
  }

  async startDictation(): Promise<void> {
    await this.#answer("startDictation");
    if (this.#now.settings.ear === "off") return this.dictate({ on: false, text: "", problem: problem("ear.off", ["openHearingSettings"]) });
    this.send({ type: "ear", ear: EARS.server() });
    this.dictate({ on: true, text: "", problem: null });
  }

  async stopDictation(): Promise<void> {
    await this.#answer("stopDictation");
    this.send({ type: "ear", ear: NO_EAR });
    this.dictate({ on: false });
  }

  /** What is heard, and whether that goes on. */
  dictate(change: Partial<Dictation>): void {
    this.send({ type: "dictation", dictation: { ...this.#now.dictation, ...change } });
  }

  async dismissNotice(id: string): Promise<void> {
    await this.#answer("dismissNotice", id);
    this.send({ type: "notices", notices: this.#now.notices.filter((kept) => kept.id !== id) });
  }

  async retryTurn(id: string): Promise<void> {
    await this.#answer("retryTurn", id);
    const turn = this.#now.turns.find((known) => known.id === id);
    if (turn) this.send({ type: "turn", turn: { ...turn, delivery: "sent", note: null } });
  }

  async cancelAnswer(): Promise<void> {
    await this.#answer("cancelAnswer");
    this.send({ type: "brain", brain: { ...this.#now.panels.brain, state: "ready", sinceMs: Date.now(), waitsUntilMs: null } });
  }

  async stopSpeaking(): Promise<void> {
    await this.#answer("stopSpeaking");
    const injections = this.#now.panels.injections
      .filter(({ state }) => state === "queued" || state === "speaking")
      .map((injection) => ({ ...injection, state: "cut" as const, why: "You stopped it.", atMs: Date.now() }));
    this.send({ type: "injections", injections });
  }

  async decide(call: string, allowed: boolean): Promise<void> {
    await this.#answer("decide", { call, allowed });
    const { tools, toolTotal } = this.#now.panels;
    const calls = tools
      .filter(({ id }) => id === call)
      .map((known) => ({ ...known, question: null, state: allowed ? ("success" as const) : ("error" as const), result: allowed ? "Done." : "Not allowed." }));
    this.send({ type: "tools", calls, total: toolTotal });
  }

  async findConversations(query: string, offset: number): Promise<HistoryPage> {
    await this.#answer("findConversations", { query, offset });
    return this.archive.find(query, offset);
  }

  async resumeConversation(id: string): Promise<void> {
    await this.#answer("resumeConversation", id);
    this.send({ type: "conversation", id, turns: manyTurns(4) });
  }

  async renameConversation(id: string, title: string): Promise<void> {
    await this.#answer("renameConversation", { id, title });
    this.archive.rename(id, title);
  }

  async deleteConversation(id: string): Promise<void> {
    await this.#answer("deleteConversation", id);
    this.archive.remove(id);
    if (id === this.#now.conversationId) this.send({ type: "conversation", id: "new", turns: [] });
  }

  async exportConversation(id: string, format: ExportFormat): Promise<string> {
    await this.#answer("exportConversation", { id, format });
    return `/home/ada/Documents/MYCA/walk-on-saturday.${format === "json" ? "json" : "md"}`;
  }

  async findMemories(query: string, offset: number): Promise<MemoryPage> {
    await this.#answer("findMemories", { query, offset });
    return this.archive.findMemories(query, offset);
  }

  async editMemory(id: string, text: string): Promise<void> {
    await this.#answer("editMemory", { id, text });
    this.archive.editMemory(id, text);
  }

  async forgetMemory(id: string): Promise<void> {
    await this.#answer("forgetMemory", id);
    this.archive.forgetMemory(id);
  }

  async setMasToken(token: string | null): Promise<void> {
    await this.#answer("setMasToken", token);
    this.send({ type: "settings", settings: { ...this.#now.settings, masToken: token !== null } });
  }

  async setEarKey(key: string | null): Promise<void> {
    await this.#answer("setEarKey", key);
    this.send({ type: "settings", settings: { ...this.#now.settings, earKey: key !== null } });
  }

  async addHost(draft: HostDraft): Promise<string> {
    await this.#answer("addHost", draft);
    return this.machine.addHost(draft);
  }

  async editHost(id: string, draft: HostDraft): Promise<void> {
    await this.#answer("editHost", { id, draft });
    this.machine.editHost(id, draft);
  }

  async deleteHost(id: string): Promise<void> {
    await this.#answer("deleteHost", id);
    this.machine.deleteHost(id);
  }

  async orderHosts(ids: string[]): Promise<void> {
    await this.#answer("orderHosts", ids);
    this.machine.orderHosts(ids);
  }

  async chooseHost(id: string): Promise<void> {
    await this.#answer("chooseHost", id);
    this.machine.chooseHost(id);
  }

  async pinHost(id: string, fingerprint: string | null): Promise<void> {
    await this.#answer("pinHost", { id, fingerprint });
    this.machine.pinHost(id, fingerprint);
  }

  async setHostToken(id: string, token: string | null): Promise<void> {
    await this.#answer("setHostToken", { id, token });
    this.machine.setHostToken(id, token);
  }

  async checkHost(id: string): Promise<void> {
    await this.#answer("checkHost", id);
    this.machine.checkHost(id);
  }

  async cancelCheck(id: string): Promise<void> {
    await this.#answer("cancelCheck", id);
    this.machine.cancelCheck(id);
  }

  async startLocal(): Promise<void> {
    await this.#answer("startLocal");
    this.machine.startLocal();
  }

  async stopLocal(): Promise<void> {
    await this.#answer("stopLocal");
    this.machine.stopLocal();
  }

  async localLog(): Promise<string[]> {
    await this.#answer("localLog");
    return [...this.machine.log];
  }

  async runDoctor(): Promise<void> {
    await this.#answer("runDoctor");
    this.machine.runDoctor();
  }

  async cancelDoctor(): Promise<void> {
    await this.#answer("cancelDoctor");
    this.machine.cancelDoctor();
  }

  async refreshModels(): Promise<void> {
    await this.#answer("refreshModels");
  }

  async downloadModel(id: string): Promise<void> {
    await this.#answer("downloadModel", id);
    this.machine.downloadModel(id);
  }

  async pauseDownload(id: string): Promise<void> {
    await this.#answer("pauseDownload", id);
    this.machine.pauseDownload(id);
  }

  async deleteModel(id: string): Promise<void> {
    await this.#answer("deleteModel", id);
    this.machine.deleteModel(id);
  }

  async importModel(folder: string): Promise<string> {
    await this.#answer("importModel", folder);
    return this.machine.importModel(folder);
  }

  async setHubToken(token: string | null): Promise<void> {
    await this.#answer("setHubToken", token);
    this.machine.setHubToken(token);
  }

  async report(): Promise<string> {
    await this.#answer("report");
    return "MYCA Voice 0.1.0\nhost: one is set\n";
  }

  async #answer(command: Command, argument?: unknown): Promise<void> {
    this.asked.push({ command, argument });
    await this.held;
    const refusal = this.refusals.get(command);
    if (refusal) throw refusal;
  }
}

/** Two people taking turns, talking over each other a little: the same curve every time. */
function sampleSignal(from: number, to: number): Signal {
  const peaks = (phase: number) => Array.from({ length: to - from }, (_, index) => speechPeak(from + index, phase));
  const micPeaks = peaks(0);
  const moshiPeaks = peaks(Math.PI);
  const level = (values: number[]) => {
    const peakDb = 20 * Math.log10(Math.max(...values, 0.00004));
    return { peakDb, rmsDb: peakDb - 9 };
  };
  return { micPeaks, moshiPeaks, mic: level(micPeaks), moshi: level(moshiPeaks) };
}

function speechPeak(at: number, phase: number): number {
  const turn = Math.max(0, Math.sin(at / 48 + phase) + 0.12);
  const syllable = Math.abs(Math.sin(at / 3.7 + phase) * Math.sin(at / 1.3));
  return Math.min(1, 0.004 + 0.45 * turn * syllable);
}

/** Starts in the scene that the address names ("?scene=busy"), and lets tests and the console drive it. */
export async function openScripted(search: string): Promise<Backend> {
  const wish = new URLSearchParams(search);
  const name = wish.get("scene") ?? "idle";
  const script = new ScriptedBackend(name in SCENES ? (name as SceneName) : "idle");
  if (wish.get("snapshot") === "refused") script.refusals.set("snapshot", problem("history.disk_full"));
  const delayMs = Number(wish.get("snapshotDelay") ?? 0);
  if (delayMs > 0) script.held = new Promise((resolve) => setTimeout(resolve, delayMs));
  Object.assign(globalThis, { script });
  return script;
}
