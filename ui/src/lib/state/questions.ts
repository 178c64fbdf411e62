import type { ToolCall } from "$lib/backend";

/** The calls that wait for the person's word. */
export function openQuestions(calls: readonly ToolCall[]): ToolCall[] {
  return calls.filter(isQuestion);
}

export function isQuestion(call: ToolCall): boolean {
  return call.question !== null && call.state === "pending";
}
