import { createContext } from "svelte";
import { SvelteSet } from "svelte/reactivity";
import type { Action, HostProfile, Section } from "$lib/backend";
import type { Store } from "./store.svelte";

export type PanelName = "brain" | "tools" | "agents" | "memory";

/** A place in the settings: a section, Moshi on this computer, its log, or where a host is written down. */
export type Place = Section | "local" | "localLog" | "hostAdd";

/** What stands in the third column in place of the panels. In a narrow window the panels too are a pane. */
export type Pane =
  | { name: "settings"; section: Place | null }
  | { name: "history" }
  | { name: "memories" }
  | { name: "panels" };

/** The store, and what only the window itself knows: which pane is open, and what is folded. */
export class App {
  /** A new object each time, so that asking for the same place again goes there again. */
  pane: Pane | null = $state.raw(null);
  help = $state(false);
  palette = $state(false);
  events = $state(false);
  /** Whether the lines that the local Moshi prints are shown in the settings. */
  log = $state(false);
  /** Whether a host is being written down in the settings. */
  addsHost = $state(false);
  /** The host whose row is open there. One at a time. */
  openRow: string | null = $state(null);
  /** The conversation in which the person asked for the first screen. Another one is not covered by it. */
  firstAsked: string | null = $state(null);
  /** Whether one of its ways is being taken: what that changes must not end it half way. */
  firstTaken = $state(false);
  /** Where typing goes on when what held the focus is gone. */
  textBox: HTMLElement | null = null;
  /** Begins or ends dictation into it. */
  dictate: () => void = () => {};
  /** For as long as the window lives. */
  readonly folded = new SvelteSet<PanelName>();

  constructor(readonly store: Store) {
    store.onOpenSettings = (section) => this.openSettings(section);
  }

  /** The host that Talk calls. */
  get host(): HostProfile | null {
    const { profiles, chosen } = this.store.view.hosts;
    return profiles.find(({ id }) => id === chosen) ?? null;
  }

  /** The first screen comes by itself to whoever is new here; a conversation is never covered by it unasked. */
  get firstScreen(): boolean {
    const { opening, settings, hosts, conversationId, turns } = this.store.view;
    if (this.firstAsked === conversationId) return true;
    const nobody = hosts.profiles.length === 0 || this.firstTaken;
    return opening.state === "ready" && !settings.welcomed && nobody && turns.length === 0;
  }

  showFirstScreen(): void {
    this.closePane();
    this.events = false;
    this.firstAsked = this.store.view.conversationId;
  }

  /** Whatever the person chose there, it does not come by itself again. */
  leaveFirstScreen(): void {
    this.firstAsked = null;
    this.firstTaken = false;
    if (!this.store.view.settings.welcomed) void this.store.told(this.store.changeSettings({ welcomed: true }));
  }

  openSettings(section: Place | null = null): void {
    this.pane = { name: "settings", section };
  }

  addHost(): void {
    this.addsHost = true;
    this.openSettings("hostAdd");
  }

  /** Shows a host with everything about it. */
  openHost(id: string): void {
    this.openRow = id;
    this.addsHost = false;
    this.openSettings("host");
  }

  openLog(): void {
    this.log = true;
    this.openSettings("localLog");
  }

  /** Opens a pane, or closes it where it is open. */
  toggle(name: Pane["name"]): void {
    if (this.pane?.name === name) this.closePane();
    else this.pane = name === "settings" ? { name, section: null } : { name };
  }

  closePane(): void {
    this.pane = null;
  }

  /** What was opened in the settings is closed when one comes back. */
  settingsLeft(): void {
    this.addsHost = false;
    this.openRow = null;
    this.log = false;
  }

  toggleEvents(): void {
    this.events = !this.events;
  }

  fold(name: PanelName): void {
    if (!this.folded.delete(name)) this.folded.add(name);
  }

  /** What a problem's button does. */
  perform(action: Action): void {
    switch (action) {
      case "talk":
        return void this.store.talk();
      case "stop":
        return void this.store.stop();
      case "newConversation":
        return void this.store.newConversation();
      case "openHostSettings":
        return this.openSettings("host");
      case "openAudioSettings":
        return this.openSettings("audio");
      case "openHearingSettings":
        return this.openSettings("hearing");
      case "openPersonaSettings":
        return this.openSettings("persona");
      case "openBrainSettings":
        return this.openSettings("brain");
      case "openDoctor":
        return this.openSettings("doctor");
      case "openModels":
        return this.openSettings("models");
      case "startLocal":
        return void this.store.startLocal();
      case "openLocalLog":
        return this.openLog();
    }
  }
}

export const [useApp, provideApp] = createContext<App>();
