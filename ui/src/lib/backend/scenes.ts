import { emptyDoctor, emptyLocal, emptyPanels, NO_DICTATION, NO_EAR } from "$lib/state/view";
import { CHECKS, DOCTORS, FINGERPRINT, hosts, hostsHere, LOCALS, models, MODELS, oneHost } from "./hostScenes";
import { DICTATING, EARS, heardTimes, heardTurns } from "./hearingScenes";
import { BRAINS, brainTurns, hostileLog, hostilePanels, LOG, manyPanels, manyLog, panels, QUESTION, SPOKEN } from "./panelScenes";
import type { Call, Devices, Latency, Light, LightId, LightState, Notice, Phase, Problem, Settings, Snapshot, Turn } from ".";

/** Every state the window can be shown in, by name. For the development server and the tests only. */
export const SCENES = {
  idle: () => scene("idle"),
  firstStart: () => first(),
  firstLooking: () => first({ doctor: DOCTORS.reading() }),
  firstTooSlow: () => first({ doctor: DOCTORS.noGpu() }),
  firstFits: () => first({ doctor: DOCTORS.rtx5090(), models: MODELS.fitting() }),
  firstFailed: () => first({ doctor: DOCTORS.failed() }),
  hosts: () => scene("idle", { hosts: hosts() }),
  hostsNone: () => scene("idle", { hosts: { profiles: [], chosen: null, forThisRun: false } }, { host: "" }),
  hostTesting: () => scene("idle", { hosts: hosts({ check: CHECKS.running() }) }),
  hostWorks: () => scene("idle", { hosts: hosts({ check: CHECKS.works() }) }),
  hostTooSlow: () => scene("idle", { hosts: hosts({ check: CHECKS.tooSlow() }) }),
  hostUnknown: () => scene("idle", { hosts: hosts({ check: CHECKS.unknownCertificate() }) }),
  hostChanged: () => scene("idle", { hosts: hosts({ check: CHECKS.changedCertificate(), pin: FINGERPRINT }) }),
  hostRefused: () => scene("idle", { hosts: hosts({ check: CHECKS.refused(), token: true }) }),
  localOff: () => here({}),
  localStarting: () => here({ local: LOCALS.loading() }),
  localReady: () => here({ local: LOCALS.ready() }),
  localRestarting: () => here({ local: LOCALS.waiting() }),
  localFailed: () => here({ local: LOCALS.failed() }),
  doctorReading: () => scene("idle", { doctor: DOCTORS.reading() }),
  doctorMeasuring: () => scene("idle", { doctor: DOCTORS.measuring() }),
  doctorNoGpu: () => scene("idle", { doctor: DOCTORS.noGpu() }),
  doctor5090: () => scene("idle", { doctor: DOCTORS.rtx5090() }),
  doctorFailed: () => scene("idle", { doctor: DOCTORS.failed() }),
  modelsDownloading: () => scene("idle", { models: MODELS.downloading() }),
  modelsPaused: () => scene("idle", { models: MODELS.paused() }),
  modelsGated: () => scene("idle", { models: MODELS.gated() }),
  modelsDiskFull: () => scene("idle", { models: MODELS.diskFull() }),
  modelsHere: () => scene("idle", { models: MODELS.here() }),
  connecting: () => scene("connecting", {}, { sinceMs: ago(12), limitS: 30, attempt: 1 }),
  warmingUp: () =>
    scene("warmingUp", {}, { sinceMs: ago(43), limitS: 120, attempt: 1, problem: problem("call.warming_up") }),
  busy: () =>
    scene("busy", {}, {
      sinceMs: ago(12),
      attempt: 3,
      retryAtMs: ahead(5),
      problem: problem("link.busy", ["stop", "openHostSettings"]),
    }),
  live: () =>
    scene("live", { latency: LATENCY }, { sinceMs: ago(271), server: "Moshi server 0.4", model: "PersonaPlex 7B" }),
  liveMuted: () => scene("live", { latency: LATENCY }, { sinceMs: ago(271), model: "PersonaPlex 7B", muted: true }),
  reconnecting: () =>
    scene("reconnecting", {}, { sinceMs: ago(7), limitS: 60, attempt: 2, retryAtMs: ahead(3), problem: problem("link.closed") }),
  typingOnly: () =>
    scene("typingOnly", {}, { sinceMs: ago(95), problem: problem("call.gone", ["talk", "openHostSettings"]) }),
  failed: () =>
    scene("failed", {}, { sinceMs: ago(31), problem: problem("link.refused", ["talk", "openHostSettings"]) }),
  noDevices: () =>
    scene("idle", {
      devices: { ...DEVICES, inputs: [], outputs: [], input: NO_ROUTE, output: NO_ROUTE },
      lights: lights("wrong", "wrong", "off"),
    }),
  deviceMissing: () =>
    scene("idle", {
      settings: { ...SETTINGS, inputDevice: "usb-headset" },
      devices: {
        ...DEVICES,
        inputs: DEVICES.inputs.filter(({ id }) => id !== "usb-headset"),
        input: { chosen: "usb-headset", inUse: "Built-in Audio Analogue Stereo", chosenMissing: true },
      },
    }),
  notices: () =>
    scene("idle", {
      notices: [
        notice("one", "info", "settings.set_aside"),
        notice("two", "warning", "history.set_aside"),
        notice("three", "error", "history.disk_full", ["newConversation"]),
      ],
    }),
  echoStarting: () => scene("idle", { echoTest: { state: "starting", roundTripMs: null, problem: null } }),
  echoRunning: () => scene("idle", { echoTest: { state: "running", roundTripMs: 84, problem: null } }),
  echoFailed: () =>
    scene("idle", { echoTest: { state: "failed", roundTripMs: null, problem: problem("audio.busy") } }),
  brainThinking: () => scene("typingOnly", { panels: panels({ brain: BRAINS.thinking() }), turns: brainTurns("sent") }),
  brainStreaming: () => scene("idle", { panels: panels({ brain: BRAINS.streaming() }), turns: brainTurns("streaming") }),
  brainWaiting: () => scene("idle", { panels: panels({ brain: BRAINS.waiting() }), turns: brainTurns("waiting") }),
  brainFailed: () =>
    scene("idle", {
      panels: panels({ brain: BRAINS.failed() }),
      turns: brainTurns("failed"),
      lights: [...lights("off", "off", "off").slice(0, 5), light("mas", "wrong"), light("brain", "wrong"), light("memory", "off")],
    }),
  brainCanned: () => scene("idle", { panels: panels({ brain: BRAINS.canned() }), turns: brainTurns("streaming") }),
  question: () => scene("idle", { panels: QUESTION(), turns: brainTurns("sent") }),
  liveSpeaking: () => scene("live", { panels: panels({ injections: SPOKEN() }) }),
  hearing: () =>
    scene("live", { ear: EARS.host(), lights: heardLights("well"), turns: heardTurns("forming"), latency: LATENCY }, { sinceMs: ago(271), model: "PersonaPlex 7B" }),
  heardAnswered: () =>
    scene(
      "live",
      { ear: EARS.host(), lights: heardLights("well"), turns: heardTurns("answered"), times: heardTimes(), latency: LATENCY },
      { sinceMs: ago(271), model: "PersonaPlex 7B" },
    ),
  earFailed: () =>
    scene("live", {
      ear: EARS.failed(),
      lights: heardLights("wrong"),
      turns: heardTurns("failed"),
      times: heardTimes().slice(0, 2),
      settings: { ...SETTINGS, ear: "server", earAddress: "wss://ears.example" },
    }),
  earOff: () => scene("live", { ear: EARS.none(), lights: heardLights("off") }),
  dictation: () => scene("failed", { ear: EARS.server(), lights: heardLights("well"), dictation: DICTATING() }, { problem: problem("link.refused", ["talk", "openHostSettings"]) }),
  hearingSettings: () =>
    scene("idle", {
      ear: EARS.server(),
      lights: heardLights("well"),
      settings: { ...SETTINGS, ear: "server", earAddress: "ws://ears.local:8080", earPlain: true, earKey: true, answerer: "brainInText", says: "atOnce" },
    }),
  earHere: () =>
    scene("idle", {
      lights: heardLights("waiting"),
      recogniser: LOCALS.hearing(),
      models: models({ "stt-1b-en_fr-candle": { state: "here" } }),
      settings: { ...SETTINGS, ear: "thisComputer" },
    }),
  mas: () =>
    scene("live", {
      latency: LATENCY,
      panels: panels(),
      turns: brainTurns("delivered"),
      log: { entries: LOG(), leftOut: 0 },
      settings: { ...SETTINGS, masAddress: "http://mas.local:8001", masToken: true },
      lights: [...lights("well", "well", "well").slice(0, 4), light("bridge", "off"), light("mas", "well"), light("brain", "well"), light("memory", "well")],
    }, { sinceMs: ago(271), server: "Moshi server 0.4", model: "PersonaPlex 7B" }),
  tenThousandCalls: () => scene("idle", { panels: manyPanels(10_000) }),
  events: () => scene("idle", { log: { entries: LOG(), leftOut: 1_312 } }),
  tenThousandEvents: () => scene("idle", { log: { entries: manyLog(1, 10_000), leftOut: 0 } }),
  hostile: () => scene("idle", { turns: HOSTILE_TURNS(), panels: hostilePanels(), log: { entries: hostileLog(), leftOut: 0 } }),
  long: () => scene("idle", { turns: LONG_TURNS() }),
  tenThousand: () => scene("idle", { turns: manyTurns(10_000) }),
} satisfies Record<string, () => Snapshot>;

export type SceneName = keyof typeof SCENES;

export const ago = (seconds: number) => Date.now() - seconds * 1000;
export const ahead = (seconds: number) => Date.now() + seconds * 1000;

const SETTINGS: Settings = {
  welcomed: true,
  useNextHost: false,
  local: { runtime: "mycaHost", model: "", python: "", backend: "", image: "", withApp: false },
  modelEndpoint: "",
  handshakeLimitS: 30,
  persona: "You enjoy having a good conversation. You answer in one or two sentences and ask back when something is unclear.",
  voice: "NATF2.pt",
  inputDevice: null,
  outputDevice: null,
  theme: "system",
  masAddress: "",
  masToken: false,
  modelAddress: "",
  model: "",
  person: "Ada",
  ear: "host",
  earModel: "",
  earAddress: "",
  earPlain: false,
  earKey: false,
  answerer: "brainThroughMoshi",
  says: "atPause",
};

const DEVICES: Devices = {
  system: "PulseAudio",
  inputs: [
    { id: "builtin-in", name: "Built-in Audio Analogue Stereo", isDefault: true },
    { id: "usb-headset", name: "USB Headset Mono", isDefault: false },
  ],
  outputs: [
    { id: "builtin-out", name: "Built-in Audio Analogue Stereo", isDefault: true },
    { id: "usb-headset-out", name: "USB Headset Stereo", isDefault: false },
    { id: "hdmi", name: "HDMI / DisplayPort 2 on GA104 High Definition Audio Controller", isDefault: false },
  ],
  input: { chosen: null, inUse: "Built-in Audio Analogue Stereo", chosenMissing: false },
  output: { chosen: null, inUse: "Built-in Audio Analogue Stereo", chosenMissing: false },
};

const NO_ROUTE = { chosen: null, inUse: null, chosenMissing: false };

const NO_LATENCY: Latency = {
  stages: (["microphone", "network", "host", "buffer", "speaker"] as const).map((stage) => ({ stage, ms: null })),
  totalMs: null,
  targetBufferMs: null,
  jitterMs: null,
  underruns: 0,
  concealedMs: 0,
  droppedMs: 0,
  hostFrames: null,
};

export const LATENCY: Latency = {
  stages: [
    { stage: "microphone", ms: 12 },
    { stage: "network", ms: 24 },
    { stage: "host", ms: null },
    { stage: "buffer", ms: 84 },
    { stage: "speaker", ms: 11 },
  ],
  totalMs: 131,
  targetBufferMs: 80,
  jitterMs: 6,
  underruns: 1,
  concealedMs: 40,
  droppedMs: 0,
  hostFrames: { p50Ms: 41.2, p99Ms: 63.5, backlog: 1, droppedMs: 0 },
};

const SENTENCES: Record<string, [what: string, next: string]> = {
  "call.warming_up": ["The host loads the model into its memory.", "This takes about a minute after the host was started."],
  "link.busy": ["Someone else holds this host. It answers one caller at a time.", "MYCA asks again until it is free, or use another host."],
  "link.closed": ["The line to the host broke. What you say now is not heard.", "MYCA tries to get it back; the conversation so far is kept."],
  "call.gone": ["No host answers at gpu-box.local:8998.", "Keep typing: everything is kept. Start the host and press Talk when it runs."],
  "link.refused": ["gpu-box.local:8998 refused the connection: nothing listens on that port.", "Start the Moshi server there, or use another host."],
  "audio.no_microphone": ["No microphone is connected.", "Plug one in; it is taken up by itself."],
  "audio.no_loudspeaker": ["No speaker is connected.", "Plug one in, or choose another in the audio settings."],
  "audio.busy": ["Another program holds the microphone for itself.", "Close that program, or choose another microphone."],
  "settings.set_aside": ["The settings could not be read (expected value) and start afresh.", "The broken file is kept as settings.json.broken-1732000000."],
  "history.set_aside": ["The history could not be read (file is not a database) and starts afresh.", "The broken file is kept as history.sqlite3.broken-1732000000."],
  "history.disk_full": ["The conversation cannot be written to the disk.", "It goes on, but is lost when MYCA closes. Free some space."],
  "mas.bad_token": ["The agent system does not accept the service token.", "Write the current one into the brain's settings."],
  "mas.unreachable": ["The agent system at mas.local:8001 does not answer.", "Start it, or let the built-in brain answer."],
  "brain.model": ["The language model at localhost:11434 does not answer.", "Start it; until then the built-in brain answers without it."],
  "memory.unreadable": ["What the brain remembers cannot be read.", "The broken file is kept; it remembers anew."],
  "bridge.unreachable": ["The bridge does not answer.", "Start it, or look at its address."],
  "history.gone": ["This conversation is not there any more.", "Look for another one."],
  "host.bad_address": ["This is not an address of a host.", "Write a name and a port, like gpu-box.local:8998."],
  "host.plain": ["That address is not encrypted: everybody on the way could listen in.", "Write it with wss://, go through an SSH tunnel, or allow it below if you trust the whole way."],
  "host.bad_ssh": ["That is no name of a computer that ssh could reach.", "Write it like me@gpu.example, or as your ssh configuration calls it."],
  "host.unknown": ["There is no such host any more.", "Choose another one."],
  "ear.key": ["The recogniser at ears.example wants a key.", "Set its key in Settings."],
  "ear.plain": ["That address is not encrypted: everybody on the way could hear what you say.", "Write it with wss://, or allow it below if you trust the whole way."],
  "ear.off": ["Nobody is chosen who could write down what you say.", "Choose the host or a recogniser in Settings, under Hearing."],
  "ear.host_does_not_hear": ["gpu-box.local:8998 does not tell what you say: it has no recogniser, or somebody else dictates with it.", "Start it with --hear, or choose a recognition server in Settings. Typing works as before."],
  "dictation.call": ["What you say in a call is in the conversation already.", "Stop the call, then dictate."],
  "models.no_model": ["There is no model in that folder.", "Choose the one with model.safetensors or model.gguf in it."],
  "conversation.text_too_long": ["The text is longer than 4,000 characters.", "Send it in two parts."],
};

export function problem(code: string, actions: Problem["actions"] = []): Problem {
  const [what, next] = SENTENCES[code] ?? [`No sentence for ${code}.`, ""];
  return { code, what, next, actions };
}

export function notice(id: string, level: Notice["level"], code: string, actions: Problem["actions"] = []): Notice {
  return { id, level, problem: problem(code, actions), atMs: ago(60) };
}

export function light(id: LightId, state: LightState): Light {
  const [, problemCode] = LIGHT_WORDS[id];
  return {
    id,
    state,
    what: LIGHT_WORDS[id][0][state],
    ms: state === "well" ? (LIGHT_MS[id] ?? null) : null,
    sinceMs: state === "waiting" ? ago(12) : ago(3600),
    problem: state === "wrong" || (state === "waiting" && id === "moshi") ? problem(problemCode, LIGHT_WORDS[id][2]) : null,
  };
}

const LIGHT_WORDS: Record<LightId, [Record<LightState, string>, string, Problem["actions"]]> = {
  microphone: [
    { well: "Built-in Audio Analogue Stereo", waiting: "Opening Built-in Audio", wrong: "No microphone is connected.", off: "Closed until you talk." },
    "audio.no_microphone",
    ["openAudioSettings"],
  ],
  speaker: [
    { well: "Built-in Audio Analogue Stereo", waiting: "Opening Built-in Audio", wrong: "No speaker is connected.", off: "Closed until you talk." },
    "audio.no_loudspeaker",
    ["openAudioSettings"],
  ],
  moshi: [
    { well: "Listens and talks", waiting: "Busy with someone else", wrong: "Does not answer", off: "Not connected." },
    "link.busy",
    ["stop", "openHostSettings"],
  ],
  ear: [
    { well: "gpu-box.local:8998, stt-1b-en_fr", waiting: "Being reached", wrong: "The recogniser at ears.example wants a key.", off: "Closed until you talk." },
    "ear.key",
    ["openHearingSettings"],
  ],
  bridge: [
    { well: "Passes on", waiting: "Connecting", wrong: "Does not answer", off: "Not in use." },
    "bridge.unreachable",
    ["openBrainSettings"],
  ],
  mas: [
    { well: "Answers", waiting: "Asks to wait", wrong: "Does not answer", off: "Not in use." },
    "mas.unreachable",
    ["openBrainSettings"],
  ],
  brain: [
    { well: "The agent system answers", waiting: "Waits", wrong: "The last turn failed", off: "Not asked yet." },
    "brain.model",
    ["openBrainSettings"],
  ],
  memory: [
    { well: "Remembers", waiting: "Opens", wrong: "Cannot be read", off: "Not in use." },
    "memory.unreadable",
    ["openBrainSettings"],
  ],
};

const LIGHT_MS: Partial<Record<LightId, number>> = { moshi: 24, mas: 38.4, brain: 1204, memory: 3 };

/** All lights. Those of the brain, where they are not told, as they are when it is the built-in one. */
export function lights(microphone: LightState, speaker: LightState, moshi: LightState, behind?: LightState): Light[] {
  return [
    light("microphone", microphone),
    light("speaker", speaker),
    light("moshi", moshi),
    light("ear", behind ?? "off"),
    light("bridge", behind ?? "off"),
    light("mas", behind ?? "off"),
    light("brain", behind ?? "well"),
    light("memory", behind ?? "well"),
  ];
}

/** The lights of a call in which somebody hears, or does not. */
function heardLights(state: LightState): Light[] {
  const none = { what: "This host does not tell what you say.", problem: problem("ear.host_does_not_hear", ["openHearingSettings"]) };
  const ear = { ...light("ear", state), ...(state === "off" ? none : {}) };
  return lights("well", "well", "well").map((known) => (known.id === "ear" ? ear : known));
}

const PHASE_LIGHTS: Record<Phase, LightState> = {
  idle: "off",
  connecting: "waiting",
  warmingUp: "waiting",
  busy: "waiting",
  live: "well",
  reconnecting: "waiting",
  typingOnly: "off",
  failed: "wrong",
};

function scene(phase: Phase, over: Partial<Snapshot> = {}, call: Partial<Call> = {}): Snapshot {
  const sound = phase === "live" || phase === "reconnecting" ? "well" : "off";
  return {
    app: { version: "0.1.0", dataFolder: "/home/ada/.local/share/myca-voice" },
    call: {
      phase,
      sinceMs: ago(60),
      waitingSinceMs: null,
      limitS: null,
      attempt: 0,
      retryAtMs: null,
      host: "gpu-box.local:8998",
      server: null,
      model: null,
      problem: null,
      muted: false,
      ...call,
    },
    lights: lights(sound, sound, PHASE_LIGHTS[phase]),
    conversationId: "c1",
    turns: phase === "live" ? [...TALK(), OPEN_TURN()] : TALK(),
    settings: SETTINGS,
    hosts: oneHost(),
    local: emptyLocal(ago(60)),
    recogniser: emptyLocal(ago(60)),
    doctor: emptyDoctor(ago(60)),
    models: models(),
    voices: ["NATF0.pt", "NATF1.pt", "NATF2.pt", "NATM0.pt", "NATM1.pt", "VARF0.pt", "VARM0.pt"],
    devices: DEVICES,
    latency: NO_LATENCY,
    notices: [],
    echoTest: { state: "off", roundTripMs: null, problem: null },
    ear: NO_EAR,
    dictation: NO_DICTATION,
    times: [],
    panels: { ...emptyPanels(ago(60)), memoryCounts: { reads: 0, writes: 0, scopes: [], editable: true } },
    log: { entries: [], leftOut: 0 },
    ...over,
  };
}

function first(over: Partial<Snapshot> = {}): Snapshot {
  const nobody = { profiles: [], chosen: null, forThisRun: false };
  return scene("idle", { turns: [], hosts: nobody, settings: { ...SETTINGS, welcomed: false }, ...over }, { host: "" });
}

/** This computer is the host. */
function here(over: Partial<Snapshot>): Snapshot {
  return scene("idle", { hosts: hostsHere(), models: MODELS.here(), ...over }, { host: "This computer" });
}

const TALK = (): Turn[] => [
  turn(1, "person", "heard", "Good morning. Can you help me plan the walk on Saturday?"),
  turn(2, "moshi", "spoken", "Sure, happy to. How long do you want to be out, and are you alone or is someone coming along?"),
  turn(3, "person", "heard", "There are three of us, and we have about five hours. One of us does not like steep paths."),
  turn(4, "moshi", "spoken", "Then I would take the loop around the lake. It is about fourteen kilometres, mostly flat, and there is a hut half way where you can eat."),
  turn(5, "person", "typed", "The hut is closed in November. Is there another place?"),
  turn(6, "brain", "written", "The inn at the north shore is open until six on Saturdays. It is two kilometres past the hut, on the same path."),
  { ...turn(7, "person", "typed", "Thanks, noted."), saved: false },
];

const OPEN_TURN = (): Turn => ({ ...turn(8, "moshi", "spoken", "You are welcome. Shall I also look at"), open: true, saved: false });

/** Text that tries to run, to reach out, to reverse its surroundings, to hide, and to overflow. */
const HOSTILE_TURNS = (): Turn[] => [
  turn(1, "moshi", "spoken", "<img src=x onerror=\"window.struck = true\"><script>window.struck = true</script>"),
  turn(2, "brain", "spoken", "Look: {@html '<b>bold</b>'} {{constructor.constructor('window.struck = true')()}} javascript:alert(1)"),
  turn(3, "moshi", "spoken", "The file is called \u202egpj.exe\u202c, please open it.\u200b\u0000\u001b[31m Red?\u2028New line\u2066 isolate \u2069"),
  turn(4, "person", "typed", `A word without end: ${"mycelium".repeat(60)}`),
  turn(5, "brain", "spoken", `Z${"\u0335\u0321\u034a\u0311".repeat(60)}algo, tags \u{e0041}\u{e0042}, lone \ud800 half`),
  turn(6, "moshi", "spoken", "שלום, מה שלומך היום? 12:30 — سلام دوست من، می‌خواهم بدانم 👩‍👩‍👧‍👦 🏳️‍🌈"),
];

const LONG_TURNS = (): Turn[] => [
  turn(1, "person", "typed", "First line.\n\n    Indented, as typed.\nLast line."),
  turn(2, "moshi", "spoken", "It went on and on, as talk does when nobody stops it. ".repeat(120).trim()),
  { ...turn(3, "moshi", "spoken", "And then"), open: true, saved: false },
];

export function manyTurns(count: number): Turn[] {
  const texts = TALK().map(({ text }) => text);
  const start = ago(count * 5);
  return Array.from({ length: count }, (_, index) => ({
    ...turn(index, index % 2 === 0 ? "person" : "moshi", index % 2 === 0 ? "heard" : "spoken", `${index}. ${texts[index % texts.length] ?? ""}`),
    id: `many-${index}`,
    atMs: start + index * 5000,
  }));
}

export function turn(order: number, speaker: Turn["speaker"], source: Turn["source"], text: string): Turn {
  return { id: `turn-${order}`, speaker, source, text, atMs: ago(300 - order * 20), open: false, saved: true, delivery: null, note: null };
}
