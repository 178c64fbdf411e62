import type { HostCheck, HostPlace, HostProfile, HostVerdict, StepState } from "$lib/backend";
import type { Shown } from "$lib/ui/shapes";

export const HOST_VERDICTS: Record<HostVerdict, Shown> = {
  works: { shape: "well", word: "Works" },
  tooSlow: { shape: "waiting", word: "Too slow" },
  busy: { shape: "waiting", word: "Busy" },
  notMoshi: { shape: "wrong", word: "Not Moshi" },
  unreachable: { shape: "wrong", word: "Not reached" },
  refused: { shape: "wrong", word: "Refused" },
};

/** What is known of a host, in one shape and word. */
export function checkShown(check: HostCheck | null): Shown {
  if (check?.running) return { shape: "running", word: "Being tested" };
  if (check?.verdict) return HOST_VERDICTS[check.verdict];
  return { shape: "off", word: check ? "Test cancelled" : "Not tested yet" };
}

export const STEP_STATES: Record<StepState, Shown> = {
  waiting: { shape: "off", word: "to come" },
  running: { shape: "running", word: "under way" },
  done: { shape: "well", word: "done" },
  failed: { shape: "wrong", word: "failed" },
  skipped: { shape: "off", word: "left out" },
};

export const PLACE_NAMES: Record<HostPlace["kind"], string> = {
  moshi: "Moshi server",
  ssh: "Moshi behind SSH",
  bridge: "PersonaPlex Bridge",
  thisComputer: "This computer",
};

/** "gpu-box.local:8998 · Moshi server · unencrypted", without saying the same twice. */
export function whereWords(host: HostProfile): string {
  const words = [host.shown, PLACE_NAMES[host.place.kind], isPlain(host) ? "unencrypted" : host.name];
  return words.filter((word, index) => word !== host.name && words.indexOf(word) === index).join(" · ");
}

/** Whether what is said goes unencrypted to this host, over a network. */
export function isPlain({ place }: HostProfile): boolean {
  return "address" in place && goesPlain(place.address);
}

/** Whether what is said would go out unencrypted to another computer: that takes a choice of its own. */
export function goesPlain(address: string): boolean {
  const written = address.trim();
  if (written === "") return false;
  const [, scheme, rest] = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(.*)$/i.exec(written) ?? [];
  if (scheme && /^(wss|https)$/i.test(scheme)) return false;
  const host = /^(?:[^@/]*@)?(\[[^\]]*\]|[^:/?#]*)/.exec(rest ?? "")?.[1]?.toLowerCase() ?? "";
  return host !== "" && !/^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(host);
}

/** A fingerprint's pairs of digits in groups of four, to be compared by eye and read aloud. */
export function fingerprintGroups(fingerprint: string): string[] {
  const pairs = fingerprint.split(":");
  return Array.from({ length: Math.ceil(pairs.length / 4) }, (_, group) => pairs.slice(group * 4, group * 4 + 4).join(":"));
}

/** A list with one of its items a place earlier or later; null where there is no such place. */
export function moved(ids: readonly string[], id: string, by: 1 | -1): string[] | null {
  const from = ids.indexOf(id);
  const to = from + by;
  if (from < 0 || to < 0 || to >= ids.length) return null;
  return ids.toSpliced(from, 1).toSpliced(to, 0, id);
}
