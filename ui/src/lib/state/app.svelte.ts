import { createContext } from "svelte";
import type { Action } from "$lib/backend";
import type { Store } from "./store.svelte";

export type Section = "host" | "audio" | "persona" | "appearance" | "about";

/** The store, and what only the window itself knows: which pane is open. */
export class App {
  /** The settings pane: closed, or open at a section. A new object each time, so that asking again goes there again. */
  settings: { section: Section | null } | null = $state.raw(null);
  help = $state(false);

  constructor(readonly store: Store) {}

  openSettings(section: Section | null = null): void {
    this.settings = { section };
  }

  closeSettings(): void {
    this.settings = null;
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
    }
  }
}

export const [useApp, provideApp] = createContext<App>();
