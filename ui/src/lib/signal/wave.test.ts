import { expect, test } from "vitest";
import { eachBar } from "./wave";

function bars(peaks: number[], width: number, height: number, waiting: number) {
  const drawn: { x: number; y: number; height: number }[] = [];
  eachBar(peaks, width, height, waiting, (x, y, tall) => drawn.push({ x, y, height: tall }));
  return drawn;
}

test("the newest peak stands at the right edge, older ones to its left", () => {
  expect(bars([0.25, 1], 100, 40, 0)).toEqual([
    { x: 98, y: 0, height: 40 },
    { x: 95, y: 10, height: 20 },
  ]);
});

test("peaks that wait stand beyond the edge and slide in one by one", () => {
  const peaks = [1, 1, 1, 1];
  expect(bars(peaks, 100, 40, 4)).toEqual([]);
  expect(bars(peaks, 100, 40, 1).map(({ x }) => x)).toEqual([98, 95, 92]);
  expect(bars(peaks, 100, 40, 0.5).map(({ x }) => x)).toEqual([99.5, 96.5, 93.5, 90.5]);
});

test("the picture does not jump when an event brings new peaks", () => {
  const before = bars([1, 1, 1], 100, 40, 0);
  const after = bars([1, 1, 1, 0.5, 0.5], 100, 40, 2);
  expect(after).toEqual(before);
});

test("no more bars than fit, whatever is kept", () => {
  const shown = bars(Array.from({ length: 600 }, () => 1), 90, 40, 0);
  expect(shown).toHaveLength(31);
  expect(shown.at(-1)?.x).toBe(-2);
});

test("silence is a thin line, and values outside 0 to 1 stay in the lane", () => {
  const heights = bars([0, -1, 7], 100, 40, 0).map(({ height }) => height);
  expect(heights).toEqual([40, 1, 1]);
});
