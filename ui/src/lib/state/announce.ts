import { PHASE_WORDS, phaseSentence } from "$lib/words/call";
import { looks } from "$lib/words/doctor";
import { HOST_VERDICTS } from "$lib/words/hosts";
import { isHere } from "$lib/words/local";
import { SPEAKER_NAMES } from "$lib/words/turn";
import type { BrainPanel, Doctor, Hosts, Local, Models, Problem, ToolCall } from "$lib/backend";
import type { ViewEvent } from "./apply";
import { isQuestion } from "./questions";
import type { View } from "./view";

/** More than this nobody listens to in one go; the whole text is in the conversation. */
const LONGEST = 300;

/**
 * What a screen reader should say about an event: changes of phase, finished turns of others, questions, a brain that
 * waits or fails, new notices, and what a test, the doctor, a download or a start came to.
 */
export function announcement(before: View, event: ViewEvent): string | null {
  switch (event.type) {
    case "call": {
      const { phase, problem } = event.call;
      if (phase === before.call.phase && problem?.code === before.call.problem?.code) return null;
      const { profiles, chosen } = before.hosts;
      const here = profiles.some(({ id, place }) => id === chosen && place.kind === "thisComputer");
      const reason = problem ? sentences(problem) : phaseSentence(event.call, here);
      return `${PHASE_WORDS[phase]}. ${reason}`.trim();
    }
    case "turn": {
      const { turn } = event;
      if (turn.open || turn.speaker === "person") return null;
      const known = before.turns.find(({ id }) => id === turn.id);
      // Saving a turn sends it again.
      if (known && !known.open) return null;
      return `${SPEAKER_NAMES[turn.speaker]}: ${shortened(turn.text)}`;
    }
    case "notices": {
      const known = new Set(before.notices.map(({ id }) => id));
      const fresh = event.notices.filter(({ id }) => !known.has(id));
      return fresh.length > 0 ? fresh.map(({ problem }) => sentences(problem)).join(" ") : null;
    }
    case "ear": {
      // Nothing is wrong with a host that has none.
      const { phase, problem, ofHost } = event.ear;
      return phase === "failed" && before.ear.phase !== "failed" && problem && !ofHost ? sentences(problem) : null;
    }
    case "dictation": {
      // The words are in the box, and are read there.
      const { on, problem } = event.dictation;
      if (on === before.dictation.on) return null;
      return on ? "Dictation has begun." : problem ? null : "Dictation has ended.";
    }
    case "tools":
      return questions(before, event.calls);
    case "brain":
      return trouble(before.panels.brain, event.brain);
    case "hosts":
      return tested(before.hosts, event.hosts);
    case "local":
      return started(before.local, event.local);
    case "doctor":
      return looked(before.doctor, event.doctor);
    case "models":
      return downloaded(before.models, event.models);
    case "refused":
      return sentences(event.problem);
    default:
      return null;
  }
}

function questions(before: View, calls: ToolCall[]): string | null {
  const asking = calls.filter(isQuestion);
  if (asking.length === 0) return null;
  const known = new Set(before.panels.tools.filter(isQuestion).map(({ id }) => id));
  const fresh = asking.filter(({ id }) => !known.has(id));
  if (fresh.length === 0) return null;
  return `${fresh.map(({ question }) => shortened(question ?? "")).join(" ")} Allow or do not allow it in the conversation.`;
}

function trouble(before: BrainPanel, now: BrainPanel): string | null {
  if (now.state === "failed" && before.state !== "failed" && now.problem) return sentences(now.problem);
  if (now.waitsUntilMs !== null && before.waitsUntilMs === null) return "The brain has had too many requests and waits.";
  return null;
}

function tested(before: Hosts, { profiles }: Hosts): string | null {
  const ran = new Set(before.profiles.filter(({ check }) => check?.running).map(({ id }) => id));
  const said = profiles.flatMap(({ id, name, check }) => {
    if (!ran.has(id) || !check?.verdict || check.running) return [];
    return [`${name}: ${HOST_VERDICTS[check.verdict].word}. ${check.problem ? sentences(check.problem) : check.found}`.trim()];
  });
  return said.length > 0 ? said.join(" ") : null;
}

function started(before: Local, { phase, problem }: Local): string | null {
  if (phase === before.phase) return null;
  if (phase === "ready") return "Moshi on this computer is ready.";
  if (phase === "waiting") return "Moshi on this computer ended, and is started again.";
  if (phase === "failed") return problem ? sentences(problem) : "Moshi on this computer does not run.";
  return null;
}

function looked(before: Doctor, now: Doctor): string | null {
  if (!looks(before) || looks(now)) return null;
  if (now.phase === "failed" && now.problem) return sentences(now.problem);
  return now.phase === "done" ? now.summary : null;
}

function downloaded(before: Models, { rows }: Models): string | null {
  const known = new Map(before.rows.map((row) => [row.id, row]));
  const said = rows.flatMap(({ id, name, state, problem }) => {
    const was = known.get(id);
    if (!was || (was.state !== "downloading" && was.state !== "checking")) return [];
    if (isHere(state)) return [`${name} is here.`];
    return problem && problem.code !== was.problem?.code ? [sentences(problem)] : [];
  });
  return said.length > 0 ? said.join(" ") : null;
}

function sentences({ what, next }: Problem): string {
  return `${what} ${next}`;
}

function shortened(text: string): string {
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST)}… The rest is in the conversation.`;
}
