import type { Agent, BrainPanel, Injection, LogEntry, MemoryUse, Panels, ToolCall, Turn } from ".";
import { emptyPanels } from "$lib/state/view";

/** What the panels and the events can hold. For the development server and the tests only. */

const ago = (seconds: number) => Date.now() - seconds * 1000;

const REPLY = "The inn at the north shore is open until six on Saturdays. It is two kilometres past the hut, on the same path.";

function brain(change: Partial<BrainPanel>): BrainPanel {
  return {
    ...emptyPanels(0).brain,
    kind: "mas",
    place: "mas.local:8001",
    sinceMs: ago(40),
    provider: "gemini-2.0-flash",
    agent: "Myca",
    firstTokenMs: 412.3,
    latencyMs: 1204,
    memories: 3,
    reply: REPLY,
    turns: 12,
    ...change,
  };
}

export const BRAINS = {
  ready: () => brain({}),
  thinking: () =>
    brain({ state: "thinking", sinceMs: ago(3), asks: "orchestrator", reply: "", whole: false, firstTokenMs: null, latencyMs: null, provider: null, agent: null, memories: 0, waiting: 1 }),
  streaming: () => brain({ state: "streaming", sinceMs: ago(2), reply: REPLY.slice(0, 62), whole: false, latencyMs: null }),
  waiting: () =>
    brain({ state: "waiting", sinceMs: ago(8), reply: "", whole: false, firstTokenMs: null, latencyMs: null, provider: null, agent: null, memories: 0, waitsUntilMs: Date.now() + 22_000, waiting: 2 }),
  failed: () =>
    brain({
      state: "failed",
      sinceMs: ago(31),
      reply: "",
      firstTokenMs: null,
      latencyMs: null,
      provider: null,
      agent: null,
      memories: 0,
      problem: {
        code: "brain.refused",
        what: "The agent system answered with an error (500).",
        next: "Try the turn again, or look at its address.",
        actions: ["openBrainSettings"],
      },
      said: 'Traceback (most recent call last):\n  File "brain.py", line 118, in answer\nKeyError: \'session\'',
    }),
  canned: () =>
    brain({
      reply: "I hear you. I am thinking about that.",
      canned: "perhaps",
      provider: "fallback",
      agent: null,
      notice: "The reply came from the orchestrator, as the brain behind it did not answer.",
    }),
};

const TOOLS = (): ToolCall[] => [
  tool("t1", "search_conversations", "success", { arguments: '{"query":"hut November","limit":5}', measuredMs: 41.2, reportedMs: 41, result: "2 conversations found." }),
  tool("t2", "opening_hours", "success", { arguments: '{"place":"inn north shore","day":"Saturday"}', measuredMs: 612, reportedMs: 580, result: '{"open":"10:00","close":"18:00"}' }),
  tool("t3", "weather", "error", { arguments: '{"day":"Saturday"}', measuredMs: 5012, result: "timeout" }),
  tool("t4", "mas_brain_query", "running", { arguments: "The hut is closed in November.", atMs: ago(4) }),
];

const AGENTS = (): Agent[] => [
  { id: "a1", name: "orchestrator", action: "Chooses who answers", state: "completed", sinceMs: ago(61), said: null },
  { id: "a2", name: "route-planner", action: "Plans the walk on Saturday", state: "processing", sinceMs: ago(12), said: "Two of three ways are checked." },
  { id: "a3", name: "weather-agent", action: null, state: "failed", sinceMs: ago(9), said: "No forecast for this place." },
  { id: "a4", name: "earth-2", action: null, state: "matched", sinceMs: ago(8), said: null },
];

const MEMORY = (): MemoryUse[] => [
  { id: "m1", write: false, kind: "memories", count: 3, atMs: ago(50), said: null },
  { id: "m2", write: false, kind: "profile", count: 1, atMs: ago(50), said: null },
  { id: "m3", write: true, kind: "turn", count: 1, atMs: ago(44), said: "One of the three does not like steep paths." },
];

const INJECTIONS = (): Injection[] => [
  { id: "i1", text: REPLY, state: "shownOnly", voice: null, said: null, why: "this Moshi speaks no text", atMs: ago(40) },
  { id: "i2", text: "Shall I write the way down for you?", state: "queued", voice: "bridge", said: null, why: null, atMs: ago(4) },
];

/** Replies in Moshi's own voice, in every state that they can be in. */
export const SPOKEN = (): Injection[] => [
  { id: "m1", text: "The hut is open on Saturdays.", state: "spoken", voice: "moshi", said: "The hut is open on Saturdays.", why: null, atMs: ago(80) },
  { id: "m2", text: "It serves soup, bread and cake until six.", state: "cut", voice: "moshi", said: "It serves soup,", why: "You asked something else meanwhile.", atMs: ago(60) },
  { id: "m3", text: REPLY, state: "speaking", voice: "moshi", said: REPLY.split(" ").slice(0, 5).join(" "), why: null, atMs: ago(3) },
  { id: "m4", text: "Shall I write the way down for you?", state: "queued", voice: "moshi", said: null, why: null, atMs: ago(1) },
];

export function panels(change: Partial<Panels> = {}): Panels {
  return {
    brain: BRAINS.ready(),
    tools: TOOLS(),
    toolTotal: 4,
    agents: AGENTS(),
    memory: MEMORY(),
    memoryCounts: { reads: 12, writes: 4, scopes: ["memories", "profile", "turn"], editable: false },
    injections: INJECTIONS(),
    consciousness: {
      state: "focused",
      name: "MYCA",
      awakeSince: "2026-11-23T08:00:00",
      dominantEmotion: "curiosity",
      emotions: [
        { name: "curiosity", strength: 0.82 },
        { name: "calm", strength: 0.4 },
        { name: "joy", strength: 0.31 },
        { name: "concern", strength: 0.1 },
      ],
      thoughts: 1204,
      memories: 318,
      agents: 12,
      worldUpdates: null,
      atMs: ago(15),
    },
    ...change,
  };
}

/** The built-in brain asks before it acts. */
export function QUESTION(): Panels {
  return {
    ...emptyPanels(0),
    brain: brain({ kind: "builtIn", place: "llama3.2 at localhost:11434", state: "waiting", sinceMs: ago(5), reply: "", whole: false, latencyMs: null, provider: "llama3.2", agent: null, turns: 3 }),
    tools: [
      tool("q0", "current_time", "success", { measuredMs: 0.4, result: "Monday, 23 November 2026, 14:02" }),
      tool("q1", "remember", "pending", {
        arguments: '{"text":"Walks on Saturday with two friends; no steep paths."}',
        question: "Remember “Walks on Saturday with two friends; no steep paths.”?",
      }),
    ],
    toolTotal: 2,
    memory: MEMORY().slice(0, 1),
    memoryCounts: { reads: 3, writes: 0, scopes: ["memories"], editable: true },
  };
}

export function manyPanels(count: number): Panels {
  const each = <T>(make: (index: number) => T): T[] => Array.from({ length: count }, (_, index) => make(index));
  return {
    ...panels(),
    tools: manyTools(0, count),
    toolTotal: count + 2_512,
    agents: each((index) => ({ id: `a${index}`, name: `agent-${index}`, action: "Looks up a way", state: "completed", sinceMs: ago(9), said: null })),
    memory: each((index) => ({ id: `m${index}`, write: index % 3 === 0, kind: "memories", count: 1 + (index % 4), atMs: ago(9), said: null })),
    memoryCounts: { reads: 14_000, writes: 6_000, scopes: ["memories"], editable: false },
  };
}

export function manyTools(from: number, count: number): ToolCall[] {
  return Array.from({ length: count }, (_, index) =>
    tool(`t${from + index}`, `tool_${from + index}`, "success", { arguments: `{"n":${from + index}}`, measuredMs: index % 100, result: "done" }),
  );
}

export function manyLog(from: number, count: number): LogEntry[] {
  const sources = ["app", "sound", "moshi", "brain", "tool", "agent", "memory"] as const;
  return Array.from({ length: count }, (_, index) => {
    const number = from + index;
    return {
      number,
      atMs: 1_800_000_000_000 + number,
      source: sources[number % sources.length] ?? "app",
      level: number % 50 === 0 ? "error" : number % 10 === 0 ? "warning" : "info",
      what: `Event ${number}`,
      said: number % 2 === 0 ? `said of ${number}` : null,
    };
  });
}

export const LOG = (): LogEntry[] => [
  logged(1, "app", "info", "MYCA Voice 0.1.0 started", null),
  logged(2, "sound", "info", "Microphone opened", "Built-in Audio Analogue Stereo"),
  logged(3, "moshi", "info", "Connected", "Moshi server 0.4"),
  logged(4, "brain", "info", "Asked", "mas.local:8001/voice/brain/stream"),
  logged(5, "memory", "info", "Read 3 memories", null),
  logged(6, "tool", "info", "search_conversations succeeded after 41 ms", "2 conversations found."),
  logged(7, "brain", "warning", "Too many requests; waits 22 s", "Retry-After: 22"),
  logged(8, "agent", "error", "weather-agent failed", "No forecast for this place."),
  logged(9, "brain", "error", "Answered with an error (500)", 'Traceback (most recent call last):\n  File "brain.py", line 118, in answer\nKeyError: \'session\''),
];

const HOSTILE = "<img src=x onerror=\"window.struck = true\">\u202egpj.exe\u202c\u0000\u001b[31m {{7*7}} ";

/** Panels full of text that tries to run, to hide, to reverse and to overflow. */
export function hostilePanels(): Panels {
  const long = HOSTILE + "mycelium".repeat(60);
  return {
    ...panels(),
    brain: brain({ place: long, provider: HOSTILE, agent: HOSTILE, reply: long, notice: HOSTILE, said: long, asks: HOSTILE, state: "streaming", whole: false }),
    tools: [
      tool("h1", long, "success", { arguments: long, result: long, measuredMs: 3 }),
      tool("h2", HOSTILE, "pending", { arguments: HOSTILE, question: `Run ${long}?` }),
    ],
    toolTotal: 2,
    agents: [{ id: "h", name: long, action: HOSTILE, state: "unknown", sinceMs: ago(3), said: long }],
    memory: [{ id: "h", write: true, kind: HOSTILE, count: 2, atMs: ago(3), said: long }],
    memoryCounts: { reads: 1, writes: 2, scopes: [HOSTILE, long], editable: true },
    injections: [{ id: "h", text: long, state: "speaking", voice: "moshi", said: long, why: HOSTILE, atMs: ago(3) }],
    consciousness: { ...emptySelf(), state: HOSTILE, name: HOSTILE, awakeSince: long, dominantEmotion: HOSTILE, emotions: [{ name: long, strength: 7 }] },
  };
}

export const hostileLog = (): LogEntry[] => [logged(1, "tool", "error", HOSTILE, HOSTILE + "mycelium".repeat(60))];

function emptySelf() {
  return { state: null, name: null, awakeSince: null, dominantEmotion: null, emotions: [], thoughts: null, memories: null, agents: null, worldUpdates: null, atMs: ago(3) };
}

/** A conversation in text, as it is while the brain is at its last turn. */
export function brainTurns(last: "waiting" | "sent" | "failed" | "streaming" | "delivered"): Turn[] {
  const turns = [
    turn(1, "person", "typed", "Is there another place to eat on the way round the lake?", { delivery: "delivered" }),
    turn(2, "brain", "written", "Yes. I look up what is open on Saturday.", { note: "Myca, gemini-2.0-flash" }),
    turn(3, "person", "typed", "The hut is closed in November.", { delivery: last === "streaming" ? "sent" : last, note: last === "failed" ? "The agent system answered with an error (500). Try it again." : null }),
  ];
  if (last === "streaming") turns.push(turn(4, "brain", "written", REPLY.slice(0, 62), { open: true, note: null, saved: false }));
  if (last === "delivered") turns.push(turn(4, "brain", "written", REPLY, { note: "Myca, gemini-2.0-flash" }));
  if (last === "waiting") turns.push(turn(5, "person", "typed", "And how far is it?", { delivery: "waiting" }));
  return turns;
}

function turn(order: number, speaker: Turn["speaker"], source: Turn["source"], text: string, change: Partial<Turn>): Turn {
  return { id: `brain-turn-${order}`, speaker, source, text, atMs: ago(120 - order * 20), open: false, saved: true, delivery: null, note: null, ...change };
}

function tool(id: string, name: string, state: ToolCall["state"], change: Partial<ToolCall>): ToolCall {
  return { id, name, arguments: null, state, question: null, atMs: ago(30), measuredMs: null, reportedMs: null, result: null, ...change };
}

function logged(number: number, source: LogEntry["source"], level: LogEntry["level"], what: string, said: string | null): LogEntry {
  return { number, atMs: ago(60 - number), source, level, what, said };
}
