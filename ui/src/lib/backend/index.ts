import type {
  ExportFormat,
  HistoryPage,
  HostDraft,
  MemoryPage,
  Problem,
  SettingsPatch,
  Snapshot,
  UiEvent,
} from "./bindings";

export type * from "./bindings";

/** Everything the window can ask of Rust. A rejected promise carries a `Problem`; see `asProblem`. */
export interface Backend {
  snapshot(): Promise<Snapshot>;
  /**
   * Events arrive in batches, at most 15 times a second. The answer ends the subscription. Where it ends by itself,
   * because some were missed, `onOver` is called: what is shown begins anew with a snapshot.
   */
  subscribe(onEvents: (events: UiEvent[]) => void, onOver: () => void): Promise<() => void>;
  talk(): Promise<void>;
  stop(): Promise<void>;
  setMuted(muted: boolean): Promise<void>;
  sendText(text: string): Promise<void>;
  changeSettings(patch: SettingsPatch): Promise<void>;
  newConversation(): Promise<void>;
  startEchoTest(): Promise<void>;
  stopEchoTest(): Promise<void>;
  /** Begins to write what the person says into the text box. What is heard comes as events. */
  startDictation(): Promise<void>;
  /** What was said last still comes. */
  stopDictation(): Promise<void>;
  dismissNotice(id: string): Promise<void>;
  /** Asks the brain again what it could not be asked. */
  retryTurn(id: string): Promise<void>;
  /** Ends the answer under way, and the wait for one. */
  cancelAnswer(): Promise<void>;
  /** Lets Moshi say no further of the replies that it says or is to say. */
  stopSpeaking(): Promise<void>;
  /** The person's word on a call of a tool that asks first. */
  decide(call: string, allowed: boolean): Promise<void>;
  /** Up to 50 conversations, the latest first; with a query those in which all of its words are. */
  findConversations(query: string, offset: number): Promise<HistoryPage>;
  resumeConversation(id: string): Promise<void>;
  renameConversation(id: string, title: string): Promise<void>;
  deleteConversation(id: string): Promise<void>;
  /** The path of the file that was written. */
  exportConversation(id: string, format: ExportFormat): Promise<string>;
  /** Up to 50 things that the built-in brain remembers. */
  findMemories(query: string, offset: number): Promise<MemoryPage>;
  editMemory(id: string, text: string): Promise<void>;
  forgetMemory(id: string): Promise<void>;
  /** Keeps the agent system's service token in the system's keyring; null removes it. Nothing reads it back. */
  setMasToken(token: string | null): Promise<void>;
  /** Keeps the recogniser's key in the system's keyring; null removes it. Nothing reads it back. */
  setEarKey(key: string | null): Promise<void>;
  /** The id of the new host. */
  addHost(draft: HostDraft): Promise<string>;
  /** Where its address changes, its token, its pinned certificate and its last test go. */
  editHost(id: string, draft: HostDraft): Promise<void>;
  deleteHost(id: string): Promise<void>;
  /** Their order is the order of preference. */
  orderHosts(ids: string[]): Promise<void>;
  /** The one that Talk calls from now on. A call that is under way goes on. */
  chooseHost(id: string): Promise<void>;
  /** Trusts one certificate by its SHA-256 fingerprint; null: again those that the system trusts. */
  pinHost(id: string, fingerprint: string | null): Promise<void>;
  /** Keeps a host's token in the system's keyring; null removes it. Nothing reads it back. */
  setHostToken(id: string, token: string | null): Promise<void>;
  /** Tests a host; what it finds comes as events, and it ends by itself. */
  checkHost(id: string): Promise<void>;
  cancelCheck(id: string): Promise<void>;
  /** Starts Moshi on this computer, as the settings say. */
  startLocal(): Promise<void>;
  stopLocal(): Promise<void>;
  /** The last lines that it printed, at most 500. */
  localLog(): Promise<string[]>;
  /** Reads and measures what this computer can run; what it finds comes as events. */
  runDoctor(): Promise<void>;
  cancelDoctor(): Promise<void>;
  /** Looks anew at which models are here. */
  refreshModels(): Promise<void>;
  /** Downloads a model, or goes on where it stopped. */
  downloadModel(id: string): Promise<void>;
  /** What is here stays. */
  pauseDownload(id: string): Promise<void>;
  deleteModel(id: string): Promise<void>;
  /** Uses a folder with a model where it lies. The answer is the model's id. */
  importModel(folder: string): Promise<string>;
  /** Keeps a token of Hugging Face in the system's keyring; null removes it. */
  setHubToken(token: string | null): Promise<void>;
  /** What a bug report needs, without words, addresses and secrets. */
  report(): Promise<string>;
}

/** Loads the one backend this build and this place have. */
export async function loadBackend(): Promise<Backend> {
  // The first condition is a constant of the build: a production bundle holds no trace of what is behind it.
  if (__SCRIPTED__ && !("__TAURI_INTERNALS__" in globalThis)) {
    const { openScripted } = await import("./scripted");
    return openScripted(location.search);
  }
  const { tauri } = await import("./tauri");
  return tauri;
}

/** A rejected promise may carry anything; the window only ever shows a `Problem`. */
export function asProblem(rejection: unknown): Problem {
  if (isProblem(rejection)) return rejection;
  return {
    code: "window.no_answer",
    what: "The window got no usable answer from the app behind it.",
    next: "Try again. If it stays like this, close MYCA Voice and start it again.",
    actions: [],
  };
}

function isProblem(value: unknown): value is Problem {
  if (typeof value !== "object" || value === null) return false;
  const { code, what, next, actions } = value as Record<string, unknown>;
  return typeof code === "string" && typeof what === "string" && typeof next === "string" && Array.isArray(actions);
}
