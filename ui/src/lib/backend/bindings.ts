// Generated from the Rust types. Do not edit: change the Rust side and generate again.
// Times are Unix epoch milliseconds.

export type Phase = "idle" | "connecting" | "warmingUp" | "busy" | "live" | "reconnecting" | "typingOnly" | "failed";

export type Action =
  | "talk"
  | "stop"
  | "openHostSettings"
  | "openAudioSettings"
  | "openPersonaSettings"
  | "newConversation";

export type Problem = { code: string; what: string; next: string; actions: Action[] };

export type Call = {
  phase: Phase;
  sinceMs: number;
  limitS: number | null;
  attempt: number;
  retryAtMs: number | null;
  host: string;
  server: string | null;
  model: string | null;
  problem: Problem | null;
  muted: boolean;
};

export type LightId = "microphone" | "speaker" | "moshi";

export type LightState = "well" | "waiting" | "wrong" | "off";

export type Light = { id: LightId; state: LightState; what: string; sinceMs: number; problem: Problem | null };

export type Speaker = "person" | "moshi" | "brain";

export type TurnSource = "typed" | "heard" | "spoken";

export type Turn = {
  id: string;
  speaker: Speaker;
  source: TurnSource;
  text: string;
  atMs: number;
  open: boolean;
  saved: boolean;
};

/** dBFS; the floor is -90. */
export type Level = { peakDb: number; rmsDb: number };

/** Peaks: one value from 0 to 1 per 20 ms since the last event. */
export type Signal = { micPeaks: number[]; moshiPeaks: number[]; mic: Level; moshi: Level };

export type Stage = "microphone" | "network" | "host" | "buffer" | "speaker";

/** `ms` is null when it is not measured: not yet, or the host does not tell. */
export type StageTime = { stage: Stage; ms: number | null };

export type Latency = {
  stages: StageTime[];
  totalMs: number | null;
  targetBufferMs: number | null;
  jitterMs: number | null;
  underruns: number;
  concealedMs: number;
  droppedMs: number;
};

export type Device = { id: string; name: string; isDefault: boolean };

/** `chosen` null: follow the system's default. `inUse`: the name of the device. */
export type Route = { chosen: string | null; inUse: string | null; chosenMissing: boolean };

export type Devices = { system: string; inputs: Device[]; outputs: Device[]; input: Route; output: Route };

export type Theme = "system" | "light" | "dark";

export type Settings = {
  hostAddress: string;
  handshakeLimitS: number;
  persona: string;
  voice: string;
  inputDevice: string | null;
  outputDevice: string | null;
  theme: Theme;
};

/** Absent: unchanged. For the two devices null means "follow the system's default"; elsewhere null means unchanged. */
export type SettingsPatch = {
  hostAddress?: string | null;
  handshakeLimitS?: number | null;
  persona?: string | null;
  voice?: string | null;
  inputDevice?: string | null;
  outputDevice?: string | null;
  theme?: Theme | null;
};

export type NoticeLevel = "info" | "warning" | "error";

export type Notice = { id: string; level: NoticeLevel; problem: Problem; atMs: number };

export type EchoTestState = "off" | "starting" | "running" | "failed";

export type EchoTest = { state: EchoTestState; roundTripMs: number | null; problem: Problem | null };

export type AppInfo = { version: string; dataFolder: string };

export type Snapshot = {
  app: AppInfo;
  call: Call;
  lights: Light[];
  conversationId: string;
  turns: Turn[];
  settings: Settings;
  voices: string[];
  devices: Devices;
  latency: Latency;
  notices: Notice[];
  echoTest: EchoTest;
};

export type UiEvent =
  | { type: "call"; call: Call }
  | { type: "lights"; lights: Light[] }
  | { type: "turn"; turn: Turn }
  | { type: "conversation"; id: string; turns: Turn[] }
  | { type: "devices"; devices: Devices }
  | { type: "settings"; settings: Settings }
  | { type: "signal"; signal: Signal }
  | { type: "latency"; latency: Latency }
  | { type: "notices"; notices: Notice[] }
  | { type: "echoTest"; echoTest: EchoTest };
