import { describe, expect, test } from "vitest";
import type { Turn, TurnTimes } from "$lib/backend";
import { lapse, parts, steps, stepWords, timelineSentence, wholeWay } from "./timeline";

const TURN: Turn = { id: "4", speaker: "person", source: "heard", text: "How warm is it?", atMs: 0, open: false, saved: true, delivery: "delivered", note: null };
const NOTHING: TurnTimes = {
  turn: "4",
  saidMs: null,
  knownMs: null,
  wordsLateMs: null,
  askedMs: null,
  firstTokenMs: null,
  sayableMs: null,
  givenMs: null,
  soundsMs: null,
  repliedMs: null,
};
const SAID: TurnTimes = { ...NOTHING, saidMs: 1000, knownMs: 1120, wordsLateMs: 30, askedMs: 1121, firstTokenMs: 1640, sayableMs: 1700, givenMs: 1900, soundsMs: 2300, repliedMs: 2200 };

const line = (turn: Turn, times: TurnTimes) => steps(turn, times).map(stepWords).join(" · ");

test("a turn that was heard, asked and said is told from the end of the last word on", () => {
  expect(line(TURN, SAID)).toBe("heard +120 ms · asked · first word 640 ms · said 1.3 s");
  expect(timelineSentence(steps(TURN, SAID))).toBe(
    "Times of this turn: heard after 120 milliseconds, the brain was asked, first word after 640 milliseconds, said after 1.3 seconds.",
  );
  expect(wholeWay(steps(TURN, SAID))).toBe("1.3 s");
});

test("each part of the bar belongs to whoever took the time, and together they are the whole", () => {
  const bar = parts(steps(TURN, SAID));
  expect(bar).toEqual([
    { voice: "person", ms: 120 },
    { voice: "person", ms: 1 },
    { voice: "brain", ms: 519 },
    { voice: "moshi", ms: 660 },
  ]);
});

describe("only what was measured is told", () => {
  test("nothing of a turn of which nothing is known", () => {
    expect(steps(TURN, NOTHING)).toEqual([]);
  });

  test("no brain where Moshi alone answers", () => {
    expect(line(TURN, { ...NOTHING, saidMs: 1000, knownMs: 1500 })).toBe("heard +500 ms");
  });

  test("no ear where it was typed, and no voice where it is answered in text", () => {
    const typed: Turn = { ...TURN, source: "typed" };
    expect(line(typed, { ...NOTHING, saidMs: 1000, knownMs: 1000, askedMs: 1000, firstTokenMs: 1200, repliedMs: 3100 })).toBe(
      "asked · first word 200 ms · answered 2.1 s",
    );
  });

  test("a dash where it is still waited for, with the reason", () => {
    const waits = steps({ ...TURN, delivery: "sent" }, { ...SAID, firstTokenMs: null, sayableMs: null, givenMs: null, soundsMs: null, repliedMs: null });
    expect(waits.map(stepWords)).toEqual(["heard +120 ms", "asked", "first word —"]);
    expect(waits.at(-1)?.why).toBe("Not yet.");
    expect(steps({ ...TURN, delivery: "failed" }, { ...SAID, firstTokenMs: null, soundsMs: null }).find(({ id }) => id === "first")?.why).toBe("It did not come to this.");
  });
});

test("nothing comes before it was said, whatever the clocks say", () => {
  expect(line(TURN, { ...NOTHING, saidMs: 1000, knownMs: 940 })).toBe("heard +0 ms");
});

test("a lapse has its unit and no more digits than can be told apart", () => {
  expect([lapse(0), lapse(639.6), lapse(1000), lapse(12_340), lapse(null)]).toEqual(["0 ms", "640 ms", "1.0 s", "12.3 s", "—"]);
});
