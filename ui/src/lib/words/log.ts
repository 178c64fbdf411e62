import type { LogEntry, LogLevel, LogSource } from "$lib/backend";
import { visiblePieces } from "$lib/text/visible";

export const SOURCE_NAMES: Record<LogSource, string> = {
  app: "App",
  sound: "Sound",
  moshi: "Moshi",
  ear: "Hearing",
  brain: "Brain",
  tool: "Tool",
  agent: "Agent",
  memory: "Memory",
};

export const LEVEL_NAMES: Record<LogLevel, string> = { info: "Note", warning: "Warning", error: "Problem" };

/** An entry as a line to copy. What was said from outside stays on its line, hidden characters by their number. */
export function logLine({ atMs, source, level, what, said }: LogEntry): string {
  const words = [what, said].filter((part) => part !== null).join(": ");
  const visible = visiblePieces(words)
    .map(({ text }) => text)
    .join("");
  return `${new Date(atMs).toISOString()} ${LEVEL_NAMES[level]} ${SOURCE_NAMES[source]} ${visible.replaceAll(/\s*\n\s*/g, " ")}`;
}

const PRECISE = new Intl.DateTimeFormat("en-GB", {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
  hourCycle: "h23",
});

/** "14:02:09.120" */
export function preciseTime(atMs: number): string {
  return PRECISE.format(atMs);
}
