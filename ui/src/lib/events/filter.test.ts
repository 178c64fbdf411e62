import { describe, expect, test } from "vitest";
import type { LogEntry } from "$lib/backend";
import { EVERYTHING, type Filter, filtered, firstAt } from "./filter";

const entry = (number: number, change: Partial<LogEntry> = {}): LogEntry => ({
  number,
  atMs: number * 10,
  source: "brain",
  level: "info",
  what: `Event ${number}`,
  said: null,
  ...change,
});

const numbers = (entries: readonly LogEntry[], filter: Partial<Filter>) =>
  filtered(null, entries, { ...EVERYTHING, ...filter }).shown.map(({ number }) => number);

describe("a filter", () => {
  const entries = [
    entry(1, { source: "tool", what: "Called remember" }),
    entry(2, { level: "warning", said: "Too many REQUESTS" }),
    entry(3, { level: "error", source: "moshi" }),
  ];

  test("by source", () => expect(numbers(entries, { source: "tool" })).toEqual([1]));
  test("by level shows graver ones too", () => expect(numbers(entries, { level: "warning" })).toEqual([2, 3]));
  test("by text looks at what was said too, whatever its capitals", () => {
    expect(numbers(entries, { text: " requests " })).toEqual([2]);
    expect(numbers(entries, { text: "REMEMBER" })).toEqual([1]);
  });
  test("of all kinds together", () => expect(numbers(entries, { source: "tool", level: "error" })).toEqual([]));
});

describe("a list that goes on", () => {
  test("gives the same as looking through all of it, also when it was cut at its beginning", () => {
    const all = Array.from({ length: 100 }, (_, index) => entry(index, { level: index % 3 === 0 ? "warning" : "info" }));
    const filter: Filter = { ...EVERYTHING, level: "warning" };
    let step = filtered(null, all.slice(0, 40), filter);
    step = filtered(step, all.slice(20, 70), filter);
    step = filtered(step, all.slice(50, 100), filter);
    expect(step.shown).toEqual(filtered(null, all.slice(50, 100), filter).shown);
  });

  test("starts over when it is another list or another filter", () => {
    const before = filtered(null, [entry(50), entry(51)], EVERYTHING);
    expect(filtered(before, [entry(1)], EVERYTHING).shown.map(({ number }) => number)).toEqual([1]);
    expect(filtered(before, [entry(50), entry(51)], { ...EVERYTHING, text: "51" }).shown).toHaveLength(1);
  });
});

test("a number is found, and else where it would stand", () => {
  const entries = [entry(2), entry(5), entry(9)];
  expect([0, 2, 3, 5, 9, 10].map((number) => firstAt(entries, number))).toEqual([0, 0, 1, 1, 2, 3]);
});
