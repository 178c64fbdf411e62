import type { Dictation, Doctor, Ear, Hosts, Level, Local, Models, Notice, Panels, Problem, Snapshot } from "$lib/backend";

/** How many peaks of 20 ms are kept for drawing: 12 s, more than the widest lane shows. */
export const KEPT_PEAKS = 600;

export type Lane = {
  /** Peaks from 0 to 1, one per 20 ms, oldest first. */
  peaks: readonly number[];
  /** How many of them the last event brought. */
  fresh: number;
  level: Level;
};

/** The sound as the window last heard of it. `atMs` null: none is flowing. */
export type Sound = { mic: Lane; moshi: Lane; atMs: number | null };

/** Events come up to 15 times a second while sound flows: a second without one means that it does not. */
const FLOW_GAP_MS = 1000;

/** Whether sound flows now. A picture of sound that has stopped would pass for a live one, so it is not shown. */
export function flowing({ atMs }: Sound, nowMs: number): boolean {
  return atMs !== null && nowMs - atMs < FLOW_GAP_MS;
}

export type Opening = { state: "loading" | "ready" } | { state: "failed"; problem: Problem };

/** How many entries were cut from the beginning of each list, as it had become too long for the window. */
export type Cut = { tools: number; agents: number; memory: number; injections: number; log: number };

const NOTHING_CUT: Cut = { tools: 0, agents: 0, memory: 0, injections: 0, log: 0 };

/** Everything the window shows. Only `apply` makes a new one. */
export type View = Snapshot & {
  cut: Cut;
  opening: Opening;
  openingSinceMs: number;
  sound: Sound;
  /** Commands that were refused, shown like notices until dismissed. */
  refusals: readonly Notice[];
};

const SILENCE: Level = { peakDb: -90, rmsDb: -90 };
const QUIET_LANE: Lane = { peaks: [], fresh: 0, level: SILENCE };

export const NO_SOUND: Sound = { mic: QUIET_LANE, moshi: QUIET_LANE, atMs: null };

/** What the window shows until it knows better, so that the first paint waits for nobody. */
export function emptyView(nowMs: number): View {
  const unknown = { state: "off", what: "Not known yet.", sinceMs: nowMs, ms: null, problem: null } as const;
  const route = { chosen: null, inUse: null, chosenMissing: false };
  return {
    opening: { state: "loading" },
    openingSinceMs: nowMs,
    app: { version: "", dataFolder: "" },
    call: {
      phase: "idle",
      sinceMs: nowMs,
      waitingSinceMs: null,
      limitS: null,
      attempt: 0,
      retryAtMs: null,
      host: "",
      server: null,
      model: null,
      problem: null,
      muted: false,
    },
    lights: [
      { id: "microphone", ...unknown },
      { id: "speaker", ...unknown },
      { id: "moshi", ...unknown },
    ],
    conversationId: "",
    turns: [],
    settings: {
      // Until it is known otherwise nobody is new here: the first screen must not flash.
      welcomed: true,
      useNextHost: false,
      local: { runtime: "mycaHost", model: "", python: "", backend: "", image: "", withApp: false },
      modelEndpoint: "",
      handshakeLimitS: 0,
      persona: "",
      voice: "",
      inputDevice: null,
      outputDevice: null,
      theme: "system",
      masAddress: "",
      masToken: false,
      modelAddress: "",
      model: "",
      person: "",
      ear: "host",
      earModel: "",
      earAddress: "",
      earPlain: false,
      earKey: false,
      answerer: "brainThroughMoshi",
      says: "atPause",
    },
    hosts: NO_HOSTS,
    local: emptyLocal(nowMs),
    recogniser: emptyLocal(nowMs),
    doctor: emptyDoctor(nowMs),
    models: NO_MODELS,
    voices: [],
    devices: { system: "", inputs: [], outputs: [], input: route, output: route },
    latency: {
      stages: (["microphone", "network", "host", "buffer", "speaker"] as const).map((stage) => ({ stage, ms: null })),
      totalMs: null,
      targetBufferMs: null,
      jitterMs: null,
      underruns: 0,
      concealedMs: 0,
      droppedMs: 0,
      hostFrames: null,
    },
    notices: [],
    echoTest: { state: "off", roundTripMs: null, problem: null },
    ear: NO_EAR,
    dictation: NO_DICTATION,
    times: [],
    panels: emptyPanels(nowMs),
    log: { entries: [], leftOut: 0 },
    cut: NOTHING_CUT,
    sound: NO_SOUND,
    refusals: [],
  };
}

export const NO_EAR: Ear = { phase: "off", place: "", ofHost: true, model: null, delayMs: null, frames: null, lostMs: 0, problem: null };
export const NO_DICTATION: Dictation = { on: false, text: "", problem: null };
const NO_HOSTS: Hosts = { profiles: [], chosen: null, forThisRun: false };
const NO_MODELS: Models = { rows: [], folder: "", free: null, token: false };

export function emptyLocal(nowMs: number): Local {
  return {
    phase: "off",
    sinceMs: nowMs,
    stage: null,
    what: "",
    address: null,
    restarts: 0,
    retryAtMs: null,
    problem: null,
    warnings: [],
    logFile: null,
  };
}

export function emptyDoctor(nowMs: number): Doctor {
  return {
    phase: "never",
    sinceMs: nowMs,
    atWork: "",
    progress: 0,
    summary: "",
    facts: [],
    rows: [],
    leftOut: [],
    problem: null,
  };
}

export function emptyPanels(nowMs: number): Panels {
  return {
    brain: {
      kind: "builtIn",
      place: "",
      state: "ready",
      sinceMs: nowMs,
      asks: null,
      provider: null,
      agent: null,
      firstTokenMs: null,
      latencyMs: null,
      memories: 0,
      reply: "",
      whole: true,
      canned: "no",
      notice: null,
      waitsUntilMs: null,
      problem: null,
      said: null,
      turns: 0,
      waiting: 0,
    },
    tools: [],
    toolTotal: 0,
    agents: [],
    memory: [],
    memoryCounts: { reads: 0, writes: 0, scopes: [], editable: false },
    injections: [],
    consciousness: null,
  };
}
