import { asProblem, type Backend, type ExportFormat, type HostDraft, type Problem, type Section, type SettingsPatch } from "$lib/backend";
import { Announcer } from "./announcer.svelte";
import { announcement } from "./announce";
import { apply, type ViewEvent } from "./apply";
import { emptyView, type View } from "./view";

/** What a question to the backend came to. */
export type Answer<T> = { problem: null; value: T } | { problem: Problem; value: null };

/** Holds the view, feeds it with events and passes the person's wishes on. */
export class Store {
  readonly announcer = new Announcer();
  #view: View;
  #backend: Backend | null = null;
  #unsubscribe = () => {};
  #opening = 0;
  /** The person asked the brain for a section of the settings. Which one is open is not part of the view. */
  onOpenSettings: (section: Section) => void = () => {};

  constructor(
    private readonly load: () => Promise<Backend>,
    private readonly nowMs: () => number = Date.now,
  ) {
    this.#view = $state.raw(emptyView(nowMs()));
  }

  get view(): View {
    return this.#view;
  }

  /** Fetches the first view and follows it from there. Can be called again after a failure. */
  async open(): Promise<void> {
    const opening = (this.#opening += 1);
    this.#apply({ type: "opening" });
    this.#unsubscribe();
    try {
      const backend = (this.#backend ??= await this.load());
      // Subscribed first: an event between the snapshot and the subscription would be lost. Events that come
      // before the snapshot is here are applied after it; each carries a whole, so applying one twice does no harm.
      let early: ViewEvent[] | null = [];
      const onEvents = (events: ViewEvent[]) => {
        if (early) early.push(...events);
        else for (const event of events) this.#apply(event);
      };
      const unsubscribe = await backend.subscribe(onEvents, () => void this.open());
      // A subscription can be over before the snapshot is here: what was begun anew meanwhile counts.
      if (opening !== this.#opening) return unsubscribe();
      this.#unsubscribe = unsubscribe;
      const snapshot = await backend.snapshot();
      if (opening !== this.#opening) return;
      this.#apply({ type: "opened", snapshot });
      const missed = early;
      early = null;
      for (const event of missed) this.#apply(event);
    } catch (rejection) {
      if (opening !== this.#opening) return;
      this.#unsubscribe();
      this.#apply({ type: "openingFailed", problem: asProblem(rejection) });
    }
  }

  talk = () => this.#ask((backend) => backend.talk());
  stop = () => this.#ask((backend) => backend.stop());
  toggleMute = () => this.#ask((backend) => backend.setMuted(!this.#view.call.muted));
  newConversation = () => this.#ask((backend) => backend.newConversation());
  startEchoTest = () => this.#ask((backend) => backend.startEchoTest());
  stopEchoTest = () => this.#ask((backend) => backend.stopEchoTest());

  /** The problem, if any, is the caller's to show: it belongs beside the box that the words go to. */
  startDictation = () => this.#attempt((backend) => backend.startDictation());
  stopDictation = () => this.#ask((backend) => backend.stopDictation());

  cancelAnswer = () => this.#ask((backend) => backend.cancelAnswer());
  stopSpeaking = () => this.#ask((backend) => backend.stopSpeaking());
  retryTurn = (id: string) => this.#ask((backend) => backend.retryTurn(id));
  decide = (call: string, allowed: boolean) => this.#ask((backend) => backend.decide(call, allowed));

  dismiss(id: string): void {
    if (this.#view.refusals.some((refusal) => refusal.id === id)) this.#apply({ type: "refusalDismissed", id });
    else void this.#ask((backend) => backend.dismissNotice(id));
  }

  /** Makes a notice of a problem that belongs to no control on the screen. */
  async told(asked: Promise<Problem | null>): Promise<void> {
    const problem = await asked;
    if (problem) this.#apply({ type: "refused", problem });
  }

  /** The problem, if any, is the caller's to show: it belongs beside the box with the text. */
  sendText = (text: string) => this.#attempt((backend) => backend.sendText(text));
  /** The problem, if any, belongs beside the field. */
  changeSettings = (patch: SettingsPatch) => this.#attempt((backend) => backend.changeSettings(patch));

  /** Null, or the token to keep from now on. It is only ever written. */
  setMasToken = (token: string | null) => this.#attempt((backend) => backend.setMasToken(token));

  /** The same for the recogniser's key. */
  setEarKey = (key: string | null) => this.#attempt((backend) => backend.setEarKey(key));

  findConversations = (query: string, offset: number) =>
    this.#question((backend) => backend.findConversations(query, offset));
  resumeConversation = (id: string) => this.#attempt((backend) => backend.resumeConversation(id));
  renameConversation = (id: string, title: string) => this.#attempt((backend) => backend.renameConversation(id, title));
  deleteConversation = (id: string) => this.#attempt((backend) => backend.deleteConversation(id));
  /** The answer is the path that it was written to. */
  exportConversation = (id: string, format: ExportFormat) =>
    this.#question((backend) => backend.exportConversation(id, format));

  findMemories = (query: string, offset: number) => this.#question((backend) => backend.findMemories(query, offset));
  editMemory = (id: string, text: string) => this.#attempt((backend) => backend.editMemory(id, text));
  forgetMemory = (id: string) => this.#attempt((backend) => backend.forgetMemory(id));

  /** The answer is the new host's id. */
  addHost = (draft: HostDraft) => this.#question((backend) => backend.addHost(draft));
  editHost = (id: string, draft: HostDraft) => this.#attempt((backend) => backend.editHost(id, draft));
  deleteHost = (id: string) => this.#attempt((backend) => backend.deleteHost(id));
  orderHosts = (ids: string[]) => this.#attempt((backend) => backend.orderHosts(ids));
  chooseHost = (id: string) => this.#attempt((backend) => backend.chooseHost(id));
  pinHost = (id: string, fingerprint: string | null) => this.#attempt((backend) => backend.pinHost(id, fingerprint));
  setHostToken = (id: string, token: string | null) => this.#attempt((backend) => backend.setHostToken(id, token));
  checkHost = (id: string) => this.#attempt((backend) => backend.checkHost(id));
  cancelCheck = (id: string) => this.#attempt((backend) => backend.cancelCheck(id));

  startLocal = () => this.#ask((backend) => backend.startLocal());
  stopLocal = () => this.#ask((backend) => backend.stopLocal());
  localLog = () => this.#question((backend) => backend.localLog());

  runDoctor = () => this.#ask((backend) => backend.runDoctor());
  cancelDoctor = () => this.#ask((backend) => backend.cancelDoctor());

  refreshModels = () => this.#ask((backend) => backend.refreshModels());
  downloadModel = (id: string) => this.#attempt((backend) => backend.downloadModel(id));
  pauseDownload = (id: string) => this.#attempt((backend) => backend.pauseDownload(id));
  deleteModel = (id: string) => this.#attempt((backend) => backend.deleteModel(id));
  /** The answer is the model's id. */
  importModel = (folder: string) => this.#question((backend) => backend.importModel(folder));
  setHubToken = (token: string | null) => this.#attempt((backend) => backend.setHubToken(token));

  report = () => this.#question((backend) => backend.report());

  #ask(command: (backend: Backend) => Promise<void>): Promise<void> {
    return this.told(this.#attempt(command));
  }

  async #attempt(command: (backend: Backend) => Promise<void>): Promise<Problem | null> {
    return (await this.#question(command)).problem;
  }

  async #question<T>(ask: (backend: Backend) => Promise<T>): Promise<Answer<T>> {
    try {
      const { opening } = this.#view;
      if (!this.#backend) return { problem: opening.state === "failed" ? opening.problem : NOT_OPEN, value: null };
      return { problem: null, value: await ask(this.#backend) };
    } catch (rejection) {
      return { problem: asProblem(rejection), value: null };
    }
  }

  #apply(event: ViewEvent): void {
    if (event.type === "openSettings") this.onOpenSettings(event.section);
    const before = this.#view;
    this.#view = apply(before, event, this.nowMs());
    const text = announcement(before, event);
    if (text) this.announcer.say(text);
  }
}

const NOT_OPEN: Problem = {
  code: "window.not_open",
  what: "The window is still starting.",
  next: "Try again in a moment.",
  actions: [],
};
