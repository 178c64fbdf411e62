import type { Consciousness } from "$lib/backend";
import { amount } from "./measure";

/** Counts that the agent system gives of itself; what it does not say is left out. */
export function selfCounts({ thoughts, memories, agents, worldUpdates }: Consciousness): string[] {
  const counts: [number | null, string, string?][] = [
    [thoughts, "thought"],
    [memories, "memory", "memories"],
    [agents, "agent"],
    [worldUpdates, "world update"],
  ];
  return counts.flatMap(([count, one, many]) => (count === null ? [] : [amount(count, one, many)]));
}

/** "0.82": as it is said, with no more digits than mean something. */
export function strength(share: number): string {
  return share.toFixed(2);
}
