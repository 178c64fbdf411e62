import type { CheckStep, HostCheck, HostDraft, HostProfile, Hosts, ModelRow, Problem, Snapshot, UiEvent } from ".";
import { emptyDoctor, emptyLocal } from "$lib/state/view";
import { goesPlain } from "$lib/words/hosts";
import { CHECKS, DOCTORS, LOG_LINES, LOCALS } from "./hostScenes";
import { problem } from "./scenes";

type Door = { now: () => Snapshot; send: (...events: UiEvent[]) => void };

/** Between two steps of what takes time. */
const STEP_MS = 250;

/** Hosts, the doctor, models and the local Moshi of the scripted backend: they do what one would expect of them. */
export class ScriptedMachine {
  log: string[] = [...LOG_LINES];
  /** What a test of a host finds. */
  finds: keyof typeof CHECKS = "works";
  #count = 0;
  readonly #timers = new Map<string, ReturnType<typeof setInterval>>();

  constructor(private readonly door: Door) {}

  addHost(draft: HostDraft): string {
    this.#count += 1;
    const id = `new-${this.#count}`;
    const { profiles, chosen } = this.#hosts;
    this.#tell({ profiles: [...profiles, written(id, draft)], chosen: chosen ?? id });
    return id;
  }

  editHost(id: string, draft: HostDraft): void {
    const fresh = written(id, draft);
    this.#change(id, (known) =>
      JSON.stringify(known.place) === JSON.stringify(fresh.place) ? { ...fresh, pin: known.pin, token: known.token, check: known.check } : fresh,
    );
  }

  deleteHost(id: string): void {
    const { profiles, chosen } = this.#hosts;
    const left = profiles.filter((host) => host.id !== id);
    this.#tell({ profiles: left, chosen: chosen === id ? (left[0]?.id ?? null) : chosen });
  }

  orderHosts(ids: string[]): void {
    const place = ({ id }: HostProfile) => (ids.includes(id) ? ids.indexOf(id) : ids.length);
    this.#tell({ profiles: this.#hosts.profiles.toSorted((a, b) => place(a) - place(b)) });
  }

  chooseHost(id: string): void {
    this.#tell({ chosen: id });
  }

  pinHost(id: string, pin: string | null): void {
    this.#change(id, (host) => ({ ...host, pin, check: null }));
  }

  setHostToken(id: string, token: string | null): void {
    this.#change(id, (host) => ({ ...host, token: token !== null }));
  }

  checkHost(id: string): void {
    const end = { ...CHECKS[this.finds](), atMs: Date.now() };
    const steps = end.steps.length > 0 ? end.steps : CHECKS.works().steps;
    const begun = (at: number): CheckStep[] =>
      steps.map((step, index) => (index < at ? step : { ...step, state: index === at ? "running" : "waiting", ms: null, found: "" }));
    this.#check(id, { ...end, running: true, steps: begun(0), verdict: null, found: "", problem: null, offered: null, server: null });
    this.#every(`check ${id}`, steps.length, (at) => {
      if (at === steps.length) this.#check(id, end);
      else this.#check(id, { ...this.#checkOf(id, end), steps: begun(at) });
    });
  }

  cancelCheck(id: string): void {
    this.#stop(`check ${id}`);
    this.#change(id, (host) => ({ ...host, check: host.check && { ...host.check, running: false, steps: [] } }));
  }

  startLocal(): void {
    const stages = [LOCALS.loading(), LOCALS.warmingUp(), LOCALS.ready()].map((local) => ({ ...local, sinceMs: Date.now() }));
    this.door.send({ type: "local", local: { ...LOCALS.loading(), stage: "launching", sinceMs: Date.now() } });
    this.#every("local", stages.length, (at) => {
      const local = stages[at - 1];
      if (local) this.door.send({ type: "local", local });
    });
  }

  stopLocal(): void {
    this.#stop("local");
    this.door.send({ type: "local", local: emptyLocal(Date.now()) });
  }

  runDoctor(): void {
    const begun = { ...DOCTORS.reading(), sinceMs: Date.now() };
    this.door.send({ type: "doctor", doctor: begun });
    this.#every("doctor", 4, (at) => {
      const end = { ...DOCTORS.noGpu(), sinceMs: Date.now() };
      this.door.send({ type: "doctor", doctor: at === 4 ? end : { ...begun, phase: at > 1 ? "measuring" : "reading", progress: at / 4 } });
    });
  }

  cancelDoctor(): void {
    this.#stop("doctor");
    this.door.send({ type: "doctor", doctor: emptyDoctor(Date.now()) });
  }

  downloadModel(id: string): void {
    const bytesPerS = 430_000_000;
    const all = this.#model(id)?.bytes ?? 0;
    const step = (done: number): Partial<ModelRow> => ({
      state: "downloading",
      problem: null,
      download: { done, total: all, bytesPerS, leftS: (all - done) / bytesPerS, file: "model.q8.gguf" },
    });
    const from = this.#model(id)?.download?.done ?? 0;
    this.#row(id, step(from));
    this.#every(`model ${id}`, 20, (at) => {
      if (at === 20) this.#row(id, { state: "here", download: null, frees: all, folder: `/home/ada/.local/share/myca-voice/models/${id}` });
      else this.#row(id, step(from + ((all - from) * at) / 20));
    });
  }

  pauseDownload(id: string): void {
    this.#stop(`model ${id}`);
    const download = this.#model(id)?.download ?? null;
    this.#row(id, { state: "paused", frees: download?.done ?? null, download: download && { ...download, bytesPerS: 0, leftS: null } });
  }

  deleteModel(id: string): void {
    const { models } = this.door.now();
    if (this.#model(id)?.state !== "imported") return this.#row(id, { state: "absent", download: null, folder: null, frees: null });
    this.door.send({ type: "models", models: { ...models, rows: models.rows.filter((row) => row.id !== id) } });
  }

  importModel(folder: string): string {
    const { models } = this.door.now();
    const [first] = models.rows;
    if (!first) throw problem("models.no_model");
    const id = folder.split("/").at(-1) ?? folder;
    const row: ModelRow = { ...first, id, name: id, what: "", page: "", state: "imported", folder, frees: null, download: null };
    this.door.send({ type: "models", models: { ...models, rows: [...models.rows, row] } });
    return id;
  }

  setHubToken(token: string | null): void {
    this.door.send({ type: "models", models: { ...this.door.now().models, token: token !== null } });
  }

  get #hosts(): Hosts {
    return this.door.now().hosts;
  }

  #tell(change: Partial<Hosts>): void {
    this.door.send({ type: "hosts", hosts: { ...this.#hosts, ...change } });
    const chosen = this.#hosts.profiles.find(({ id }) => id === this.#hosts.chosen);
    const { call } = this.door.now();
    if (call.phase === "idle") this.door.send({ type: "call", call: { ...call, host: chosen?.shown ?? "" } });
  }

  #change(id: string, next: (host: HostProfile) => HostProfile): void {
    if (!this.#hosts.profiles.some((host) => host.id === id)) throw problem("host.unknown");
    this.#tell({ profiles: this.#hosts.profiles.map((host) => (host.id === id ? next(host) : host)) });
  }

  #checkOf(id: string, fallback: HostCheck): HostCheck {
    return this.#hosts.profiles.find((host) => host.id === id)?.check ?? fallback;
  }

  #check(id: string, check: HostCheck): void {
    this.#change(id, (host) => ({ ...host, check }));
  }

  #model(id: string): ModelRow | undefined {
    return this.door.now().models.rows.find((row) => row.id === id);
  }

  #row(id: string, change: Partial<ModelRow>): void {
    const { models } = this.door.now();
    this.door.send({ type: "models", models: { ...models, rows: models.rows.map((row) => (row.id === id ? { ...row, ...change } : row)) } });
  }

  /** Does something a number of times, and no longer than that. */
  #every(what: string, times: number, act: (at: number) => void): void {
    this.#stop(what);
    let at = 0;
    const timer = setInterval(() => {
      at += 1;
      if (at >= times) this.#stop(what);
      act(at);
    }, STEP_MS);
    this.#timers.set(what, timer);
  }

  #stop(what: string): void {
    clearInterval(this.#timers.get(what));
    this.#timers.delete(what);
  }
}

/** What Rust makes of a draft, or why it does not take it. */
function written(id: string, { name, place, plain }: HostDraft): HostProfile {
  const refused = refusal(place, plain);
  if (refused) throw refused;
  const shown = shownAs(place);
  return { id, name: name || shown, place, shown, plain, pin: null, token: false, check: null };
}

function refusal(place: HostDraft["place"], plain: boolean): Problem | null {
  if (place.kind === "thisComputer") return null;
  if (place.kind === "ssh") return place.target === "" || place.target.startsWith("-") ? problem("host.bad_ssh", ["openHostSettings"]) : null;
  if (!/^(wss?:\/\/)?[^\s/:]+(:\d+)?$/.test(place.address)) return problem("host.bad_address", ["openHostSettings"]);
  return goesPlain(place.address) && !plain ? problem("host.plain", ["openHostSettings"]) : null;
}

function shownAs(place: HostDraft["place"]): string {
  if (place.kind === "thisComputer") return "This computer";
  if (place.kind === "ssh") return `${place.target}, by ssh`;
  return place.address.replace(/^wss?:\/\//, "");
}
