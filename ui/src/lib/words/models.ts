import type { Download, Fits, ModelRow, ModelState, Runtime } from "$lib/backend";
import type { Shown } from "$lib/ui/shapes";
import { bytes, percent } from "./measure";
import { isHere } from "./local";
import { leftWords } from "./time";

export const MODEL_STATES: Record<ModelState, Shown> = {
  absent: { shape: "off", word: "Not here" },
  downloading: { shape: "running", word: "Downloading" },
  paused: { shape: "waiting", word: "Paused" },
  checking: { shape: "running", word: "Being checked" },
  here: { shape: "well", word: "Here" },
  inCache: { shape: "well", word: "In the Hugging Face cache" },
  imported: { shape: "well", word: "Imported" },
};

export const FITS: Record<Fits, Shown> = {
  unknown: { shape: "off", word: "Not known whether it fits" },
  yes: { shape: "well", word: "Fits" },
  barely: { shape: "waiting", word: "Fits barely" },
  no: { shape: "wrong", word: "Does not fit" },
};

export function downloadShare({ done, total }: Download): number {
  return total > 0 ? Math.min(1, done / total) : 0;
}

/** "3.1 GB of 8.6 GB, 42 MB/s, about 2 min left". */
export function downloadWords(download: Download, state: ModelState): string {
  const { done, total, bytesPerS, leftS } = download;
  const parts = [`${bytes(done)} of ${bytes(total)}`, percent(downloadShare(download))];
  if (state === "downloading") {
    parts.push(bytesPerS > 0 ? `${bytes(bytesPerS)}/s` : "waiting for the server");
    if (leftS !== null) parts.push(leftWords(leftS));
  }
  return parts.join(", ");
}

/** What of a model is still to come over the line; null where its size is not known. */
export function toCome({ bytes: all, download }: ModelRow): number | null {
  if (download) return Math.max(0, download.total - download.done);
  return all;
}

/** The model to begin with: one that is here already or begun, or else the first of the catalogue that fits or may fit. */
export function modelToBegin(rows: readonly ModelRow[], runtime: Runtime): ModelRow | null {
  const able = rows.filter(({ runtimes, fits }) => runtimes.includes(runtime) && fits !== "no");
  const begun = ({ state }: ModelRow) => state !== "absent";
  return (
    able.find(({ state }) => isHere(state)) ??
    able.find(begun) ??
    able.find(({ fits, gated }) => fits === "yes" && !gated) ??
    able.find(({ fits }) => fits === "yes") ??
    able[0] ??
    null
  );
}
