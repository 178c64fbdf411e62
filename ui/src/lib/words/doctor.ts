import type { Basis, Doctor, DoctorRow, Verdict } from "$lib/backend";
import type { Shown } from "$lib/ui/shapes";

/** The weights of a row to which they make no difference. */
export const ANY_WEIGHTS = "any";

export const VERDICTS: Record<Verdict, Shown> = {
  works: { shape: "well", word: "Works" },
  shouldWork: { shape: "well", word: "Should work" },
  unknown: { shape: "waiting", word: "Not known" },
  tooSlow: { shape: "waiting", word: "Too slow" },
  willNotStart: { shape: "wrong", word: "Will not start" },
};

export const BASES: Record<Basis, { word: string; why: string }> = {
  read: { word: "read", why: "From what this computer says of itself. Nothing was run." },
  measured: { word: "measured", why: "Steps of the model were run and timed here." },
};

/** Whether the doctor is at work. */
export function looks({ phase }: Doctor): boolean {
  return phase === "reading" || phase === "measuring";
}

/** The best choice, where any of them can talk here. */
export function recommendedRow({ rows }: Doctor): DoctorRow | null {
  return rows.find(({ recommended, verdict }) => recommended && runs(verdict)) ?? null;
}

export function runs(verdict: Verdict): boolean {
  return verdict === "works" || verdict === "shouldWork";
}

/** Everything that the doctor found, as text to hand to somebody who helps. */
export function doctorText({ summary, facts, rows, leftOut }: Doctor): string {
  const lines = [
    summary,
    "",
    ...facts.map(({ name, value }) => `${name}: ${value}`),
    "",
    ...rows.flatMap(({ runtime, weights, verdict, basis, reasons, next, recommended }) => [
      `${runtime}, ${weights ?? ANY_WEIGHTS} weights: ${VERDICTS[verdict].word} (${BASES[basis].word})${recommended ? ", recommended" : ""}`,
      ...[...reasons, next].filter(Boolean).map((sentence) => `  ${sentence}`),
    ]),
    ...(leftOut.length > 0 ? ["", "Not looked at:", ...leftOut.map((what) => `  ${what}`)] : []),
  ];
  return `${lines.join("\n").trim()}\n`;
}
