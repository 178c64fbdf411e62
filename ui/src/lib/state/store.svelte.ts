import { asProblem, type Backend, type Problem, type SettingsPatch } from "$lib/backend";
import { Announcer } from "./announcer.svelte";
import { announcement } from "./announce";
import { apply, type ViewEvent } from "./apply";
import { emptyView, type View } from "./view";

/** Holds the view, feeds it with events and passes the person's wishes on. */
export class Store {
  readonly announcer = new Announcer();
  #view: View;
  #backend: Backend | null = null;
  #unsubscribe = () => {};

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
    this.#apply({ type: "opening" });
    this.#unsubscribe();
    try {
      const backend = (this.#backend ??= await this.load());
      // Subscribed first: an event between the snapshot and the subscription would be lost. Events that come
      // before the snapshot is here are applied after it; each carries a whole, so applying one twice does no harm.
      let early: ViewEvent[] | null = [];
      this.#unsubscribe = await backend.subscribe((events) => {
        if (early) early.push(...events);
        else for (const event of events) this.#apply(event);
      });
      const snapshot = await backend.snapshot();
      this.#apply({ type: "opened", snapshot });
      const missed = early;
      early = null;
      for (const event of missed) this.#apply(event);
    } catch (rejection) {
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

  dismiss(id: string): void {
    if (this.#view.refusals.some((refusal) => refusal.id === id)) this.#apply({ type: "refusalDismissed", id });
    else void this.#ask((backend) => backend.dismissNotice(id));
  }

  /** The problem, if any, is the caller's to show: it belongs beside the box with the text. */
  sendText = (text: string) => this.#attempt((backend) => backend.sendText(text));
  /** The problem, if any, belongs beside the field. */
  changeSettings = (patch: SettingsPatch) => this.#attempt((backend) => backend.changeSettings(patch));

  async #ask(command: (backend: Backend) => Promise<void>): Promise<void> {
    const problem = await this.#attempt(command);
    if (problem) this.#apply({ type: "refused", problem });
  }

  async #attempt(command: (backend: Backend) => Promise<void>): Promise<Problem | null> {
    try {
      const { opening } = this.#view;
      if (!this.#backend) return opening.state === "failed" ? opening.problem : NOT_OPEN;
      await command(this.#backend);
      return null;
    } catch (rejection) {
      return asProblem(rejection);
    }
  }

  #apply(event: ViewEvent): void {
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
