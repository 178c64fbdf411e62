import type { Local, LocalPhase, LocalStage, ModelRow, Runtime } from "$lib/backend";
import type { ShapeName } from "$lib/ui/shapes";
import { countdown, minutes, sinceWords } from "./time";

/** Each program that can be Moshi here, with what a person should know before choosing it. */
export const RUNTIMES: Record<Runtime, { name: string; honest: string }> = {
  mycaHost: { name: "myca host", honest: "Comes with MYCA Voice and needs nothing but the graphics driver." },
  pythonMoshi: { name: "Kyutai's moshi.server", honest: "Python on Linux with an NVIDIA card of 24 GB. Windows is not supported by its makers." },
  personaPlex: { name: "NVIDIA's moshi.server", honest: "Has persona and voices. Needs 18 to 19 GB on the card and the licence accepted on Hugging Face." },
  moshiBackend: { name: "moshi-backend", honest: "Kyutai's server in Rust, for cards from the RTX 30 series on. A call ends after six minutes." },
  docker: { name: "Docker image", honest: "The Python server in a container. Needs Docker with NVIDIA's runtime and about 15 GB for the model." },
};

export const LOCAL_SHAPES: Record<LocalPhase, ShapeName> = {
  off: "off",
  starting: "waiting",
  ready: "well",
  stopping: "waiting",
  waiting: "waiting",
  failed: "wrong",
};

const STAGE_WORDS: Record<LocalStage, string> = {
  launching: "Launching",
  downloading: "Downloading the model",
  loading: "Loading the model",
  warmingUp: "Warming up",
};

/** It is started again this often in five minutes, and no more. */
const RESTARTS = 3;

/** Where the local Moshi stands, in a few words. */
export function localWords({ phase, stage, sinceMs, restarts, retryAtMs }: Local, nowMs: number): string {
  switch (phase) {
    case "off":
      return "Not started";
    case "starting":
      return `${stage ? STAGE_WORDS[stage] : "Starting"}, ${minutes(nowMs - sinceMs)}`;
    case "ready":
      return `Ready, ${sinceWords(sinceMs, nowMs, false)}`;
    case "stopping":
      return "Stopping";
    case "waiting":
      return `It ended. Restart ${Math.min(restarts + 1, RESTARTS)} of ${RESTARTS}${retryAtMs === null ? "" : ` in ${countdown(retryAtMs, nowMs)}`}`;
    case "failed":
      return "Does not run";
  }
}

/** Whether there is something to stop. */
export function localRuns(phase: LocalPhase): boolean {
  return phase === "starting" || phase === "ready" || phase === "waiting";
}

/** The models that are here and that a runtime can run. */
export function modelsFor(runtime: Runtime, rows: readonly ModelRow[]): ModelRow[] {
  return rows.filter(({ runtimes, state }) => runtimes.includes(runtime) && isHere(state));
}

export function isHere(state: ModelRow["state"]): boolean {
  return state === "here" || state === "inCache" || state === "imported";
}
