import { describe, expect, test } from "vitest";
import { CHECKS, DOCTORS, FINGERPRINT, hosts, LOCALS, MODELS, models } from "$lib/backend/hostScenes";
import { emptyLocal } from "$lib/state/view";
import { doctorText, recommendedRow } from "./doctor";
import { checkShown, fingerprintGroups, goesPlain, moved, whereWords } from "./hosts";
import { localRuns, localWords, modelsFor } from "./local";
import { bytes, percent } from "./measure";
import { downloadWords, modelToBegin, toCome } from "./models";
import { leftWords } from "./time";

describe("an address goes out unencrypted", () => {
  test.each(["gpu-box.local:8998", "ws://gpu-box.local:8998", "192.168.0.190", "WS://me@gpu.example/", "[fe80::1]:8998", "127.0.0.1.example:8998", "localhost.example"])(
    "%s",
    (address) => expect(goesPlain(address)).toBe(true),
  );

  test.each(["", "   ", "wss://gpu-box.local:8998", "https://gpu.example", "localhost:8998", "ws://127.0.0.1:8998", "127.9.0.1", "[::1]:8998", "ws://LocalHost"])(
    "but not %s",
    (address) => expect(goesPlain(address)).toBe(false),
  );
});

describe("a host", () => {
  test("says where it is, and no word twice", () => {
    expect(hosts().profiles.map(whereWords)).toEqual([
      "gpu-box.local:8998 · Moshi server · unencrypted",
      "moshi.example:8998 · Moshi server",
      "ada@gpu.example, by ssh · Moshi behind SSH",
      "PersonaPlex Bridge · unencrypted",
      "",
    ]);
  });

  test("has a shape and a word for whatever is known of it", () => {
    expect(checkShown(null)).toEqual({ shape: "off", word: "Not tested yet" });
    expect(checkShown(CHECKS.running())).toEqual({ shape: "running", word: "Being tested" });
    expect(checkShown(CHECKS.works())).toEqual({ shape: "well", word: "Works" });
    expect(checkShown({ ...CHECKS.works(), verdict: null })).toEqual({ shape: "off", word: "Test cancelled" });
  });

  test("moves a place up or down, and no further than the ends", () => {
    expect(moved(["a", "b", "c"], "b", -1)).toEqual(["b", "a", "c"]);
    expect(moved(["a", "b", "c"], "b", 1)).toEqual(["a", "c", "b"]);
    expect(moved(["a", "b", "c"], "a", -1)).toBeNull();
    expect(moved(["a", "b", "c"], "c", 1)).toBeNull();
    expect(moved(["a"], "gone", 1)).toBeNull();
  });
});

test("a fingerprint is whole, in groups of four pairs", () => {
  const groups = fingerprintGroups(FINGERPRINT);
  expect(groups).toHaveLength(8);
  expect(groups.join(":")).toBe(FINGERPRINT);
});

describe("the local Moshi", () => {
  const now = Date.now();

  test.each([
    [emptyLocal(now), "Not started"],
    [{ ...LOCALS.loading(), sinceMs: now - 21_000 }, "Loading the model, 0:21"],
    [{ ...LOCALS.loading(), stage: null, sinceMs: now }, "Starting, 0:00"],
    [{ ...LOCALS.waiting(), retryAtMs: now + 4000 }, "It ended. Restart 2 of 3 in 0:04"],
    [{ ...LOCALS.waiting(), retryAtMs: null, restarts: 3 }, "It ended. Restart 3 of 3"],
    [LOCALS.failed(), "Does not run"],
  ])("says where it stands: %#", (local, words) => expect(localWords(local, now)).toBe(words));

  test("can be stopped while it starts, runs and waits to be started again", () => {
    expect((["off", "starting", "ready", "stopping", "waiting", "failed"] as const).filter(localRuns)).toEqual(["starting", "ready", "waiting"]);
  });

  test("is offered the models that are here and that its program runs", () => {
    const { rows } = MODELS.here();
    expect(modelsFor("mycaHost", rows).map(({ id }) => id)).toEqual(["moshika-candle-q8", "moshika-candle-bf16"]);
    expect(modelsFor("personaPlex", rows)).toEqual([]);
  });
});

describe("sizes and times", () => {
  test("are counted in powers of a thousand, with no more digits than one reads", () => {
    expect([0, 999, 1000, 552_778, 999_600, 8_600_000_000, 15_800_000_000, 9_960_000_000].map((count) => bytes(count))).toEqual([
      "0 B", "999 B", "1.0 kB", "553 kB", "1.0 MB", "8.6 GB", "16 GB", "10 GB",
    ]);
    expect(bytes(null)).toBe("—");
  });

  test("are never done before they are", () => {
    expect([-1, 0, 0.349, 0.999, 1, 2].map(percent)).toEqual(["0 %", "0 %", "34 %", "99 %", "100 %", "100 %"]);
  });

  test("left over are told as a person would", () => {
    expect([20, 61, 131, 5340, 5400, 9000].map(leftWords)).toEqual([
      "less than a minute left", "about 1 min left", "about 2 min left", "about 89 min left", "about 2 h left", "about 3 h left",
    ]);
  });
});

describe("a download", () => {
  const download = { done: 3_120_000_000, total: 8_600_000_000, bytesPerS: 42_000_000, leftS: 131, file: "model.q8.gguf" };

  test("tells its bytes, its speed and the time that is left, as far as they are known", () => {
    expect(downloadWords(download, "downloading")).toBe("3.1 GB of 8.6 GB, 36 %, 42 MB/s, about 2 min left");
    expect(downloadWords({ ...download, bytesPerS: 0, leftS: null }, "downloading")).toBe("3.1 GB of 8.6 GB, 36 %, waiting for the server");
    expect(downloadWords(download, "paused")).toBe("3.1 GB of 8.6 GB, 36 %");
    expect(downloadWords({ ...download, total: 0 }, "paused")).toBe("3.1 GB of 0 B, 0 %");
  });

  test("says what is still to come", () => {
    const [row] = models().rows;
    if (!row) throw new Error("there is none");
    expect(toCome(row)).toBe(8_600_000_000);
    expect(toCome({ ...row, download })).toBe(5_480_000_000);
    expect(toCome({ ...row, bytes: null })).toBeNull();
  });
});

describe("the model to begin with", () => {
  const begin = (rows: Parameters<typeof modelToBegin>[0], runtime: Parameters<typeof modelToBegin>[1] = "mycaHost") => modelToBegin(rows, runtime)?.id;

  test("is the first that fits, and rather one that is here or begun", () => {
    expect(begin(MODELS.fitting().rows)).toBe("moshika-candle-q8");
    expect(begin(MODELS.fitting({ "moshiko-candle-q8": { state: "paused" } }).rows)).toBe("moshiko-candle-q8");
    expect(begin(MODELS.fitting({ "moshika-candle-bf16": { state: "inCache" } }).rows)).toBe("moshika-candle-bf16");
  });

  test("is none where none fits the program or the computer", () => {
    expect(begin(MODELS.fitting().rows, "personaPlex")).toBeUndefined();
    expect(begin([])).toBeUndefined();
  });
});

describe("what the doctor says", () => {
  test("recommends nothing that would not talk", () => {
    expect(recommendedRow(DOCTORS.rtx5090())?.weights).toBe("q8");
    expect(recommendedRow(DOCTORS.noGpu())).toBeNull();
    const slow = { ...DOCTORS.rtx5090(), rows: DOCTORS.rtx5090().rows.map((row) => ({ ...row, verdict: "tooSlow" as const })) };
    expect(recommendedRow(slow)).toBeNull();
  });

  test("can be handed on as text, with the figures, the reasons and what rests on what", () => {
    const text = doctorText(DOCTORS.noGpu());
    expect(text).toMatch(/^This computer has no graphics card/);
    expect(text).toContain("Memory: 7.6 GB, 5.1 GB free; 40 GB/s measured\n");
    expect(text).toContain("myca host on the processor, q4 weights: Too slow (measured)\n  A step took 116 ms");
    expect(text).toContain("Docker image, any weights: Will not start (read)\n  Docker is not installed.\n");
    expect(text).toMatch(/Not looked at:\n {2}Vulkan: its loader is not installed\.\n$/);
    expect(doctorText(DOCTORS.rtx5090())).toContain("myca host on the GPU, q8 weights: Works (measured), recommended\n");
  });
});
