import { createContext } from "svelte";
import { SvelteSet } from "svelte/reactivity";
import type { Action, Section } from "$lib/backend";
import type { Store } from "./store.svelte";

export type PanelName = "brain" | "tools" | "agents" | "memory";

/** What stands in the third column in place of the panels. In a narrow window the panels too are a pane. */
export type Pane =
  | { name: "settings"; section: Section | null }
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
  /** Where typing goes on when what held the focus is gone. */
  textBox: HTMLElement | null = null;
  /** For as long as the window lives. */
  readonly folded = new SvelteSet<PanelName>();

  constructor(readonly store: Store) {
    store.onOpenSettings = (section) => this.openSettings(section);
  }

  openSettings(section: Section | null = null): void {
    this.pane = { name: "settings", section };
  }

  /** Opens a pane, or closes it where it is open. */
  toggle(name: Pane["name"]): void {
    if (this.pane?.name === name) this.closePane();
    else this.pane = name === "settings" ? { name, section: null } : { name };
  }

  closePane(): void {
    this.pane = null;
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
      case "openPersonaSettings":
        return this.openSettings("persona");
      case "openBrainSettings":
        return this.openSettings("brain");
    }
  }
}

export const [useApp, provideApp] = createContext<App>();
