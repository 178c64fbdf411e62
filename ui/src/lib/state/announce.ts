import { PHASE_WORDS, phaseSentence } from "$lib/words/call";
import { SPEAKER_NAMES } from "$lib/words/turn";
import type { BrainPanel, Problem, ToolCall } from "$lib/backend";
import type { ViewEvent } from "./apply";
import { isQuestion } from "./questions";
import type { View } from "./view";

/** More than this nobody listens to in one go; the whole text is in the conversation. */
const LONGEST = 300;

/**
 * What a screen reader should say about an event: changes of phase, finished turns of others, questions, a brain that
 * waits or fails, new notices.
 */
export function announcement(before: View, event: ViewEvent): string | null {
  switch (event.type) {
    case "call": {
      const { phase, problem } = event.call;
      if (phase === before.call.phase && problem?.code === before.call.problem?.code) return null;
      const reason = problem ? sentences(problem) : phaseSentence(event.call);
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
    case "tools":
      return questions(before, event.calls);
    case "brain":
      return trouble(before.panels.brain, event.brain);
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

function sentences({ what, next }: Problem): string {
  return `${what} ${next}`;
}

function shortened(text: string): string {
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST)}… The rest is in the conversation.`;
}
