import type { MemoryUse } from "$lib/backend";
import { counted } from "./measure";

/** "Read 3 memories", "Wrote profile". */
export function useWords({ write, kind, count }: MemoryUse): string {
  return `${write ? "Wrote" : "Read"} ${count > 1 ? `${counted(count)} ` : ""}${kind}`;
}
