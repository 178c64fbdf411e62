import type { Level } from "$lib/backend";

/** The figure when there is none. */
export const NONE = "—";

export function milliseconds(ms: number | null): string {
  return ms === null ? NONE : `${Math.round(ms)} ms`;
}

/** "8.2 GB", "552 kB", "12 MB": as disks and downloads are counted, in powers of a thousand, with two or three digits. */
export function bytes(count: number | null): string {
  if (count === null) return NONE;
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = Math.max(0, count);
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit > 0 && value < 9.95 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** 0 to 100, whole. Never 100 before it is. */
export function hundredths(share: number): number {
  return Math.floor(Math.min(1, Math.max(0, share)) * 100);
}

/** "34 %". */
export function percent(share: number): string {
  return `${hundredths(share)} %`;
}

const COUNT = new Intl.NumberFormat("en-GB");

/** "12", "10,000". */
export function counted(count: number): string {
  return COUNT.format(count);
}

/** "1 turn", "10,000 turns". */
export function amount(count: number, one: string, many = `${one}s`): string {
  return `${counted(count)} ${count === 1 ? one : many}`;
}

export function decibels(db: number): string {
  const whole = Math.round(db);
  if (whole <= -90) return "silent";
  return `${whole < 0 ? "−" : ""}${Math.abs(whole)} dB`;
}

/** 0 to 1 over the 60 dB in which speech lives. */
export function meterShare(db: number): number {
  return Math.min(1, Math.max(0, (db + 60) / 60));
}

export type LevelWord = "silent" | "quiet" | "good" | "too loud";

/** A word for the level, so that the bar is not the only one to tell. */
export function levelWord({ peakDb }: Level): LevelWord {
  if (peakDb > -3) return "too loud";
  if (peakDb > -40) return "good";
  if (peakDb > -60) return "quiet";
  return "silent";
}
