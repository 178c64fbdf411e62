const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

/** "14:02", or "3 Nov, 14:02" when it was not today. */
export function clockTime(atMs: number, nowMs: number): string {
  const at = new Date(atMs);
  const time = CLOCK.format(at);
  return at.toDateString() === new Date(nowMs).toDateString() ? time : `${DAY.format(at)}, ${time}`;
}

/** "0:12", "4:31", "1:04:31". Never negative: the two clocks may differ by a little. */
export function minutes(durationMs: number): string {
  const seconds = Math.max(0, Math.floor(durationMs / 1000));
  const two = (value: number) => String(value).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const rest = Math.floor(seconds / 60) % 60;
  return hours > 0 ? `${hours}:${two(rest)}:${two(seconds % 60)}` : `${rest}:${two(seconds % 60)}`;
}

/** Whoever waits wants to know how long already; otherwise the time of day says more. */
export function sinceWords(sinceMs: number, nowMs: number, waits: boolean): string {
  return waits ? minutes(nowMs - sinceMs) : `since ${clockTime(sinceMs, nowMs)}`;
}

/** "about 4 min left": nobody counts the seconds of a download that goes on for longer than a minute. */
export function leftWords(seconds: number): string {
  if (seconds < 60) return "less than a minute left";
  const whole = Math.round(seconds / 60);
  if (whole < 90) return `about ${whole} min left`;
  return `about ${Math.round(whole / 60)} h left`;
}

/** Like `minutes`, but rounded up: a countdown reaches 0:00 when it is over, not a second before. */
export function countdown(untilMs: number, nowMs: number): string {
  return minutes(Math.ceil((untilMs - nowMs) / 1000) * 1000);
}
