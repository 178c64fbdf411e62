import type { ToolCall, ToolState } from "$lib/backend";
import type { Shown } from "$lib/ui/shapes";
import { milliseconds } from "./measure";
import { minutes } from "./time";

export const TOOL_STATES: Record<ToolState, Shown> = {
  pending: { shape: "waiting", word: "Pending" },
  running: { shape: "running", word: "Running" },
  success: { shape: "well", word: "Done" },
  error: { shape: "wrong", word: "Failed" },
};

/** How long it took or takes. Beside what was measured here stands what the brain says, where that is another figure. */
export function tookWords({ state, atMs, measuredMs, reportedMs }: ToolCall, nowMs: number): string {
  if (measuredMs === null && state === "running") return minutes(nowMs - atMs);
  const said = reportedMs === null || milliseconds(reportedMs) === milliseconds(measuredMs) ? null : `says ${milliseconds(reportedMs)}`;
  return [measuredMs === null ? null : milliseconds(measuredMs), said].filter(Boolean).join(", ");
}
