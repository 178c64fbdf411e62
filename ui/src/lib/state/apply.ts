import type { Log, Panels, Problem, Signal, Snapshot, Turn, TurnTimes, UiEvent } from "$lib/backend";
import { continued, cutTo, merged } from "./merge";
import { flowing, KEPT_PEAKS, NO_SOUND, type Cut, type Lane, type Sound, type View } from "./view";

/** What happens to the view: what Rust reports, and what becomes of the window's own requests. */
export type ViewEvent =
  | UiEvent
  | { type: "opening" }
  | { type: "opened"; snapshot: Snapshot }
  | { type: "openingFailed"; problem: Problem }
  | { type: "refused"; problem: Problem }
  | { type: "refusalDismissed"; id: string };

/** The next view. Pure: it depends on nothing but its arguments and changes none of them. */
export function apply(view: View, event: ViewEvent, nowMs: number): View {
  switch (event.type) {
    case "opening":
      return { ...view, opening: { state: "loading" }, openingSinceMs: nowMs };
    case "opened":
      return withLog(withPanels({ ...view, ...event.snapshot, opening: { state: "ready" } }, event.snapshot.panels), event.snapshot.log);
    case "openingFailed":
      return { ...view, opening: { state: "failed", problem: event.problem } };
    case "call":
      return { ...view, call: event.call };
    case "lights":
      return { ...view, lights: event.lights };
    case "turn":
      return { ...view, turns: withTurn(view.turns, event.turn) };
    case "conversation":
      return { ...view, conversationId: event.id, turns: event.turns, times: [] };
    case "devices":
      return { ...view, devices: event.devices };
    case "settings":
      return { ...view, settings: event.settings };
    case "hosts":
      return { ...view, hosts: event.hosts };
    case "local":
      return { ...view, local: event.local };
    case "recogniser":
      return { ...view, recogniser: event.recogniser };
    case "doctor":
      return { ...view, doctor: event.doctor };
    case "models":
      return { ...view, models: event.models };
    case "signal":
      return { ...view, sound: withSignal(view.sound, event.signal, nowMs) };
    case "latency":
      return { ...view, latency: event.latency };
    case "notices":
      return { ...view, notices: event.notices };
    case "echoTest":
      return { ...view, echoTest: event.echoTest };
    case "ear":
      return { ...view, ear: event.ear };
    case "dictation":
      return { ...view, dictation: event.dictation };
    case "times":
      return { ...view, times: withTimes(view.times, event.times) };
    case "openSettings":
      return view;
    case "panels":
      return withPanels(view, event.panels);
    case "brain":
      return { ...view, panels: { ...view.panels, brain: event.brain } };
    case "tools":
      return withList(view, "tools", event.calls, { toolTotal: event.total });
    case "agents":
      return withList(view, "agents", event.agents);
    case "memory":
      return withList(view, "memory", event.uses, { memoryCounts: event.counts });
    case "injections":
      return withList(view, "injections", event.injections);
    case "consciousness":
      return { ...view, panels: { ...view.panels, consciousness: event.consciousness } };
    case "log": {
      const { list, cut } = continued(view.log.entries, event.entries);
      return { ...view, log: { entries: list, leftOut: event.leftOut }, cut: { ...view.cut, log: view.cut.log + cut } };
    }
    case "refused":
      return { ...view, refusals: withRefusal(view, event.problem, nowMs) };
    case "refusalDismissed":
      return { ...view, refusals: view.refusals.filter(({ id }) => id !== event.id) };
  }
}

function withTurn(turns: Turn[], turn: Turn): Turn[] {
  // From the end: a turn that grows is nearly always among the last.
  const known = turns.findLastIndex(({ id }) => id === turn.id);
  if (known >= 0) return turns.with(known, turn);
  // Words heard by a recogniser can arrive after the answer to them.
  const before = turns.findLastIndex(({ atMs }) => atMs <= turn.atMs);
  return turns.toSpliced(before + 1, 0, turn);
}

/** Turns whose times are kept: as many as Rust keeps. */
const MOST_TIMES = 1000;

function withTimes(known: TurnTimes[], times: TurnTimes): TurnTimes[] {
  const at = known.findLastIndex(({ turn }) => turn === times.turn);
  return at >= 0 ? known.with(at, times) : [...known.slice(1 - MOST_TIMES), times];
}

type ListName = Exclude<keyof Cut, "log">;

function withList<N extends ListName>(view: View, name: N, news: Panels[N], beside: Partial<Panels> = {}): View {
  const { list, cut } = merged<{ id: string }>(view.panels[name], news);
  return {
    ...view,
    panels: { ...view.panels, ...beside, [name]: list },
    cut: { ...view.cut, [name]: view.cut[name] + cut },
  };
}

function withPanels(view: View, panels: Panels): View {
  const [tools, agents, memory] = [cutTo(panels.tools), cutTo(panels.agents), cutTo(panels.memory)];
  const injections = cutTo(panels.injections);
  return {
    ...view,
    panels: { ...panels, tools: tools.list, agents: agents.list, memory: memory.list, injections: injections.list },
    cut: { log: view.cut.log, tools: tools.cut, agents: agents.cut, memory: memory.cut, injections: injections.cut },
  };
}

function withLog(view: View, log: Log): View {
  const { list, cut } = cutTo(log.entries);
  return { ...view, log: { ...log, entries: list }, cut: { ...view.cut, log: cut } };
}

function withSignal(sound: Sound, signal: Signal, nowMs: number): Sound {
  // After a pause the picture starts anew: joining both ends would hide that something is missing between them.
  const before = flowing(sound, nowMs) ? sound : NO_SOUND;
  return {
    mic: withPeaks(before.mic, signal.micPeaks, signal.mic),
    moshi: withPeaks(before.moshi, signal.moshiPeaks, signal.moshi),
    atMs: nowMs,
  };
}

function withPeaks(lane: Lane, peaks: number[], level: Lane["level"]): Lane {
  // In one piece: this runs fifteen times a second for as long as a call lasts.
  const before = lane.peaks.slice(Math.max(0, lane.peaks.length + peaks.length - KEPT_PEAKS));
  before.push(...peaks.slice(-KEPT_PEAKS));
  return { peaks: before, fresh: peaks.length, level };
}

/** One refusal per code: pressing Talk five times makes one sentence, not five. */
function withRefusal(view: View, problem: Problem, nowMs: number): View["refusals"] {
  const id = `refused:${problem.code}`;
  const others = view.refusals.filter((refusal) => refusal.id !== id);
  return [...others, { id, level: "error", problem, atMs: nowMs }];
}
