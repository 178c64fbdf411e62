import { describe, expect, test } from "vitest";
import { continued, merged } from "./merge";

const item = (id: string, word = id) => ({ id, word });
const entry = (number: number) => ({ number });

describe("a list of things with names", () => {
  test("takes changes in their place and news at the end, whatever their order", () => {
    const { list, cut } = merged([item("a"), item("b"), item("c")], [item("d"), item("b", "changed"), item("e")]);
    expect(list.map(({ word }) => word)).toEqual(["a", "changed", "c", "d", "e"]);
    expect(cut).toBe(0);
  });

  test("of two changes to the same thing shows the later one, once", () => {
    const { list } = merged([item("a")], [item("b", "first"), item("b", "second")]);
    expect(list.map(({ word }) => word)).toEqual(["a", "second"]);
  });

  test("is cut at its beginning, and says by how much", () => {
    const { list, cut } = merged([item("a"), item("b")], [item("c"), item("d")], 3);
    expect(list.map(({ id }) => id)).toEqual(["b", "c", "d"]);
    expect(cut).toBe(1);
  });

  test("is the same when the same news come twice", () => {
    const once = merged([item("a")], [item("b"), item("a", "changed")]).list;
    expect(merged(once, [item("b"), item("a", "changed")]).list).toEqual(once);
  });

  test("leaves the list before it as it was", () => {
    const before = Object.freeze([item("a")]);
    merged(before, [item("a", "changed"), item("b")]);
    expect(before).toEqual([item("a")]);
  });
});

describe("a list of numbered entries", () => {
  test("goes on behind its last one and takes none twice", () => {
    const { list } = continued([entry(1), entry(2)], [entry(2), entry(3), entry(7)]);
    expect(list.map(({ number }) => number)).toEqual([1, 2, 3, 7]);
  });

  test("begins with whatever comes first, and is cut at its beginning", () => {
    const { list, cut } = continued([], [entry(0), entry(1), entry(2)], 2);
    expect(list.map(({ number }) => number)).toEqual([1, 2]);
    expect(cut).toBe(1);
  });
});
