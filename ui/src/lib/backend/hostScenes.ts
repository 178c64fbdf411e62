import type { CheckStep, Doctor, DoctorRow, HostCheck, HostProfile, Hosts, Local, ModelRow, Models } from ".";
import { emptyDoctor, emptyLocal } from "$lib/state/view";

/** Hosts, the local Moshi, what the doctor says, and models. For the development server and the tests only. */

const ago = (seconds: number) => Date.now() - seconds * 1000;

export const FINGERPRINT =
  "9F:86:D0:81:88:4C:7D:65:9A:2F:EA:A0:C5:5A:D0:15:A3:BF:4F:1B:2B:0B:82:2C:D1:5D:6C:15:B0:F0:0A:08";
const OTHER_FINGERPRINT =
  "2C:F2:4D:BA:5F:B0:A3:0E:26:E8:3B:2A:C5:B9:E2:9E:1B:16:1E:5C:1F:A7:42:5E:73:04:33:62:93:8B:98:24";

function step(name: string, state: CheckStep["state"], ms: number | null = null, found = ""): CheckStep {
  return { name, state, ms, found };
}

const NAMES = ["Find the computer", "Open an encrypted line", "Ask whether it is Moshi", "Shake hands", "Measure the way", "Measure the host's own frames"];

function check(change: Partial<HostCheck>): HostCheck {
  return {
    atMs: ago(90),
    running: false,
    steps: [],
    verdict: null,
    found: "",
    problem: null,
    offered: null,
    server: null,
    ...change,
  };
}

export const CHECKS = {
  running: () =>
    check({
      atMs: ago(3),
      running: true,
      steps: NAMES.map((name, index) =>
        index < 3 ? step(name, "done", [2, 31, 24][index] ?? null) : step(name, index === 3 ? "running" : "waiting"),
      ),
    }),
  works: () =>
    check({
      verdict: "works",
      found: "Round trip 23 ms, handshake 212 ms, frame 31 ms of 80.",
      server: "Moshi server 0.4",
      steps: NAMES.map((name, index) => step(name, "done", [2, 31, 24, 212, 23, 31][index] ?? null)),
    }),
  tooSlow: () =>
    check({
      verdict: "tooSlow",
      found: "It needs 162 ms for a frame of 80 ms: what it says would come in pieces.",
      steps: NAMES.map((name, index) => step(name, "done", [2, 31, 24, 212, 23, 162][index] ?? null)),
      problem: {
        code: "host.too_slow",
        what: "The host is half as fast as a conversation.",
        next: "Turn its CUDA graphs on (unset NO_CUDA_GRAPH), or use another host.",
        actions: ["openHostSettings"],
      },
    }),
  busy: () => check({ verdict: "busy", found: "It holds a conversation with somebody else, and takes one caller at a time." }),
  unknownCertificate: () =>
    check({
      verdict: "refused",
      found: "Nothing was sent.",
      offered: FINGERPRINT,
      steps: NAMES.map((name, index) =>
        index === 0 ? step(name, "done", 2) : index === 1 ? step(name, "failed", null, "It shows a certificate that no authority known here has signed.") : step(name, "skipped"),
      ),
      problem: {
        code: "host.certificate_unknown",
        what: "Nobody here trusts the host's certificate yet.",
        next: "Compare its fingerprint with the one on the host, and trust it if they are the same.",
        actions: [],
      },
    }),
  changedCertificate: () =>
    check({
      verdict: "refused",
      found: "Nothing was sent.",
      offered: OTHER_FINGERPRINT,
      problem: {
        code: "host.certificate_changed",
        what: "The host shows another certificate than the one that is trusted.",
        next: "Ask whoever runs it whether it was renewed. Until then nothing is sent.",
        actions: [],
      },
    }),
  refused: () =>
    check({
      verdict: "refused",
      found: "It answered 401 after 24 ms.",
      problem: { code: "host.bad_token", what: "The host does not accept the token.", next: "Write the current one below.", actions: [] },
    }),
  unreachable: () =>
    check({
      verdict: "unreachable",
      found: "No answer within 5 s.",
      steps: NAMES.map((name, index) => (index === 0 ? step(name, "failed", 5000, "No computer of that name.") : step(name, "skipped"))),
      problem: { code: "link.not_found", what: "No computer is called gpu.example.", next: "Look at how it is written.", actions: [] },
    }),
};

function profile(id: string, name: string, place: HostProfile["place"], shown: string, change: Partial<HostProfile> = {}): HostProfile {
  return { id, name, place, shown, plain: false, pin: null, token: false, check: null, ...change };
}

const GPU_BOX = (change: Partial<HostProfile> = {}) =>
  profile("h1", "GPU box", { kind: "moshi", address: "gpu-box.local:8998" }, "gpu-box.local:8998", { plain: true, ...change });

export function oneHost(change: Partial<HostProfile> = {}): Hosts {
  return { profiles: [GPU_BOX(change)], chosen: "h1", forThisRun: false };
}

/** One of each kind. */
export function hosts(change: Partial<HostProfile> = {}): Hosts {
  return {
    profiles: [
      GPU_BOX({ check: check({ verdict: "works", found: "round trip 23 ms, handshake 212 ms, frame 31 ms" }), ...change }),
      profile("h2", "Data centre", { kind: "moshi", address: "wss://moshi.example:8998" }, "moshi.example:8998", {
        pin: FINGERPRINT,
        token: true,
        check: CHECKS.busy(),
      }),
      profile("h3", "Lab", { kind: "ssh", target: "ada@gpu.example", port: null, remotePort: 8998 }, "ada@gpu.example, by ssh", {
        check: CHECKS.unreachable(),
      }),
      profile("h4", "bridge.local:8999", { kind: "bridge", address: "bridge.local:8999" }, "bridge.local:8999", { plain: true }),
      profile("h5", "This computer", { kind: "thisComputer" }, "This computer"),
    ],
    chosen: "h1",
    forThisRun: false,
  };
}

export function hostsHere(): Hosts {
  return { ...hosts(), chosen: "h5" };
}

function local(change: Partial<Local>): Local {
  return { ...emptyLocal(ago(21)), what: "myca host, Moshika 8 bits", logFile: "/home/ada/.local/share/myca-voice/logs/moshi.log", ...change };
}

export const LOCALS = {
  loading: () => local({ phase: "starting", stage: "loading" }),
  warmingUp: () => local({ phase: "starting", stage: "warmingUp" }),
  hearing: () => local({ phase: "starting", stage: "loading", what: "Speech recogniser" }),
  ready: () =>
    local({
      phase: "ready",
      sinceMs: ago(600),
      address: "127.0.0.1:8998",
      warnings: ["NVIDIA's server listens on all networks, whatever it is told: others could call it at port 8998."],
    }),
  waiting: () => local({ phase: "waiting", sinceMs: ago(2), restarts: 1, retryAtMs: Date.now() + 4000 }),
  failed: () =>
    local({
      phase: "failed",
      restarts: 3,
      problem: {
        code: "runtime.ended",
        what: "Moshi ended three times in five minutes: CUDA out of memory.",
        next: "Close what else uses the card, or choose a smaller model.",
        actions: ["openLocalLog", "openDoctor", "startLocal"],
      },
    }),
};

export const LOG_LINES = [
  "12:04:31 loading model.q8.gguf",
  "12:04:38 7.69 B parameters, q8_0, 8.2 GB",
  "12:04:39 cuda: NVIDIA GeForce RTX 3060, 12288 MiB, 10412 MiB free",
  "12:04:52 warm-up: 4 frames, 58 ms a frame",
  "12:04:52 listening on 127.0.0.1:8998",
];

const CPU_ROWS: DoctorRow[] = [
  {
    runtime: "myca host on the processor",
    program: "mycaHost",
    weights: "q4",
    verdict: "tooSlow",
    basis: "measured",
    reasons: ["A step took 116 ms; a conversation leaves 80 ms.", "The memory moves 40 GB/s; q4 needs 52 GB/s before anything else."],
    next: "Use a host with a graphics card, and type meanwhile.",
    recommended: false,
  },
  {
    runtime: "Kyutai's moshi.server",
    program: "pythonMoshi",
    weights: "bf16",
    verdict: "willNotStart",
    basis: "read",
    reasons: ["It needs an NVIDIA card with 24 GB; there is none.", "Its --device cpu crashes while it warms up."],
    next: "",
    recommended: false,
  },
  {
    runtime: "Docker image",
    program: "docker",
    weights: null,
    verdict: "willNotStart",
    basis: "read",
    reasons: ["Docker is not installed."],
    next: "",
    recommended: false,
  },
];

const GPU_ROWS: DoctorRow[] = [
  {
    runtime: "myca host on the GPU",
    program: "mycaHost",
    weights: "q8",
    verdict: "works",
    basis: "measured",
    reasons: ["A step took 14 ms of the 80 ms that there are.", "It needs 10.2 GB of the 30.9 GB that are free."],
    next: "",
    recommended: true,
  },
  {
    runtime: "myca host on the GPU",
    program: "mycaHost",
    weights: "bf16",
    verdict: "shouldWork",
    basis: "read",
    reasons: ["It needs 17.5 GB of the 30.9 GB that are free."],
    next: "",
    recommended: false,
  },
  {
    runtime: "NVIDIA's moshi.server",
    program: "personaPlex",
    weights: "bf16",
    verdict: "willNotStart",
    basis: "read",
    reasons: ["torch 2.5.1 was built for cards up to sm_90; this one is sm_120.", "There is no Triton for Windows."],
    next: "pip install --upgrade torch --index-url with cu128, and run it in WSL 2.",
    recommended: false,
  },
  {
    runtime: "moshi-backend",
    program: "moshiBackend",
    weights: "q8",
    verdict: "willNotStart",
    basis: "read",
    reasons: ["The program is not installed."],
    next: "Point to it under Moshi on this computer, or use myca host.",
    recommended: false,
  },
];

export const DOCTORS = {
  reading: (): Doctor => ({ ...emptyDoctor(ago(1)), phase: "reading", atWork: "Docker and its runtimes", progress: 0.3 }),
  measuring: (): Doctor => ({ ...DOCTORS.noGpu(), phase: "measuring", sinceMs: ago(6), atWork: "memory bandwidth of the processor", progress: 0.62 }),
  noGpu: (): Doctor => ({
    ...emptyDoctor(ago(120)),
    phase: "done",
    progress: 1,
    summary: "This computer has no graphics card that could run Moshi, and its processor is too slow for a conversation. A host on another computer works, and so does typing.",
    facts: [
      { name: "System", value: "Linux 6.8, x86-64" },
      { name: "Processor", value: "AMD EPYC 9R14, 2 cores, AVX-512" },
      { name: "Memory", value: "7.6 GB, 5.1 GB free; 40 GB/s measured" },
      { name: "Graphics", value: "None found" },
      { name: "Disk", value: "41 GB free where models go" },
    ],
    rows: CPU_ROWS,
    leftOut: ["Vulkan: its loader is not installed."],
  }),
  rtx5090: (): Doctor => ({
    ...emptyDoctor(ago(120)),
    phase: "done",
    progress: 1,
    summary: "This computer can hold a conversation with myca host on its RTX 5090: a step takes 14 ms of the 80 ms that there are.",
    facts: [
      { name: "System", value: "Windows 11 24H2, x86-64" },
      { name: "Graphics", value: "NVIDIA GeForce RTX 5090, 32 GB, 30.9 GB free, compute capability 12.0, driver 576.02" },
      { name: "Memory", value: "64 GB, 48 GB free; 71 GB/s measured" },
      { name: "Python", value: "3.11 with torch 2.5.1, built for sm_50 to sm_90" },
    ],
    rows: GPU_ROWS,
  }),
  failed: (): Doctor => ({
    ...emptyDoctor(ago(3)),
    phase: "failed",
    problem: { code: "doctor.timed_out", what: "The driver of the graphics card did not answer within 20 seconds.", next: "Restart the computer, or look again.", actions: ["openDoctor"] },
  }),
};

function model(id: string, name: string, change: Partial<ModelRow> = {}): ModelRow {
  return {
    id,
    name,
    what: "Moshi with a woman's voice, in half of the memory.",
    weights: "q8",
    licence: "Creative Commons Attribution 4.0",
    gated: false,
    page: `https://huggingface.co/kyutai/${id}`,
    bytes: 8_600_000_000,
    recognises: false,
    runtimes: ["mycaHost", "moshiBackend"],
    fits: "unknown",
    fitsWhy: "The doctor has not looked yet.",
    state: "absent",
    download: null,
    folder: null,
    frees: null,
    problem: null,
    ...change,
  };
}

const PERSONAPLEX = (change: Partial<ModelRow> = {}) =>
  model("personaplex-7b-v1", "PersonaPlex 7B", {
    what: "NVIDIA's Moshi with a persona in words and a choice of voices.",
    weights: "bf16",
    licence: "NVIDIA Open Model License",
    gated: true,
    page: "https://huggingface.co/nvidia/personaplex-7b-v1",
    bytes: 16_700_000_000,
    recognises: false,
    runtimes: ["personaPlex"],
    ...change,
  });

/** The models with some of them changed. */
export function models(changes: Record<string, Partial<ModelRow>> = {}, over: Partial<Models> = {}): Models {
  const rows = [
    model("moshika-candle-q8", "Moshika, 8 bits"),
    model("moshiko-candle-q8", "Moshiko, 8 bits", { what: "Moshi with a man's voice, in half of the memory." }),
    model("moshika-candle-bf16", "Moshika, full size (Rust)", {
      what: "Moshi with a woman's voice, as it was trained, for programs in Rust.",
      weights: "bf16",
      bytes: 15_800_000_000,
    }),
    PERSONAPLEX(),
    model("stt-1b-en_fr-candle", "Speech recogniser", {
      what: "Writes down what you say, in English and French.",
      weights: "bf16",
      bytes: 2_100_000_000,
      recognises: true,
      runtimes: [],
    }),
  ];
  return {
    rows: rows.map((row) => ({ ...row, ...changes[row.id] })),
    folder: "/home/ada/.local/share/myca-voice/models",
    free: 41_000_000_000,
    token: false,
    ...over,
  };
}

/** The same as a doctor would mark them on a computer with 32 GB on its card. */
const FITTING: Record<string, Partial<ModelRow>> = {
  "moshika-candle-q8": { fits: "yes", fitsWhy: "It needs 10.2 GB of the 30.9 GB that are free." },
  "moshiko-candle-q8": { fits: "yes", fitsWhy: "It needs 10.2 GB of the 30.9 GB that are free." },
  "moshika-candle-bf16": { fits: "barely", fitsWhy: "It needs 17.5 GB, and a browser holds 4 GB." },
  "personaplex-7b-v1": { fits: "no", fitsWhy: "It needs 19 GB on the card, and Linux." },
};

function fitting(changes: Record<string, Partial<ModelRow>> = {}, over: Partial<Models> = {}): Models {
  const ids = new Set([...Object.keys(FITTING), ...Object.keys(changes)]);
  return models(Object.fromEntries([...ids].map((id) => [id, { ...FITTING[id], ...changes[id] }])), over);
}

const FOLDER = "/home/ada/.local/share/myca-voice/models/moshika-candle-q8";

export const MODELS = {
  fitting,
  downloading: () =>
    fitting({
      "moshika-candle-q8": {
        state: "downloading",
        download: { done: 3_120_000_000, total: 8_600_000_000, bytesPerS: 42_000_000, leftS: 131, file: "model.q8.gguf" },
      },
    }),
  paused: () =>
    fitting({
      "moshika-candle-q8": {
        state: "paused",
        frees: 3_120_000_000,
        download: { done: 3_120_000_000, total: 8_600_000_000, bytesPerS: 0, leftS: null, file: "model.q8.gguf" },
      },
    }),
  gated: () => fitting({ "personaplex-7b-v1": { fits: "yes", fitsWhy: "It needs 19 GB of the 30.9 GB that are free." } }),
  diskFull: () =>
    fitting(
      {
        "moshika-candle-q8": {
          problem: {
            code: "models.disk_full",
            what: "The download needs 8.6 GB; 3.2 GB are free.",
            next: "Delete a model or something else, and go on.",
            actions: ["openModels"],
          },
        },
      },
      { free: 3_200_000_000 },
    ),
  here: () =>
    fitting({
      "moshika-candle-q8": { state: "here", folder: FOLDER, frees: 8_600_000_000 },
      "moshika-candle-bf16": { state: "inCache", folder: "/home/ada/.cache/huggingface/hub/models--kyutai--moshika-candle-bf16" },
    }),
};
