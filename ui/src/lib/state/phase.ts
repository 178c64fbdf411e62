import type { LightState, Phase } from "$lib/backend";

/** What a phase amounts to. One table, so that the button and the shape cannot disagree. */
const PHASES: Record<Phase, { state: LightState; ends: boolean }> = {
  idle: { state: "off", ends: false },
  connecting: { state: "waiting", ends: true },
  warmingUp: { state: "waiting", ends: true },
  busy: { state: "waiting", ends: true },
  live: { state: "well", ends: true },
  reconnecting: { state: "waiting", ends: true },
  typingOnly: { state: "off", ends: false },
  failed: { state: "wrong", ends: false },
};

export function phaseState(phase: Phase): LightState {
  return PHASES[phase].state;
}

/** Whether there is something for Stop to end; otherwise the button says Talk. */
export function canStop(phase: Phase): boolean {
  return PHASES[phase].ends;
}
