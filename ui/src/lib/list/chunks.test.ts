import { expect, test } from "vitest";
import { CHUNK, chunked } from "./chunks";

const rows = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);

test("all rows are there once and in order, each chunk knows its first position", () => {
  const items = rows(0, 3 * CHUNK + 5);
  const chunks = chunked(items);
  expect(chunks.flatMap((chunk) => chunk.items)).toEqual(items);
  expect(chunks.map(({ first }) => first)).toEqual([0, CHUNK, 2 * CHUNK, 3 * CHUNK]);
});

test("a row stays in its chunk when the list is cut at its beginning", () => {
  const chunkOf = (chunks: ReturnType<typeof chunked<number>>, row: number) =>
    chunks.find(({ items }) => items.includes(row))?.number;
  const whole = chunked(rows(0, 5 * CHUNK));
  const cut = chunked(rows(CHUNK + 7, 5 * CHUNK + 3), CHUNK + 7);
  for (const row of rows(CHUNK + 7, 5 * CHUNK)) expect(chunkOf(cut, row)).toBe(chunkOf(whole, row));
  expect(cut.map(({ first }) => first)).toEqual([0, CHUNK - 7, 2 * CHUNK - 7, 3 * CHUNK - 7, 4 * CHUNK - 7]);
});

test("nothing makes no chunk", () => {
  expect(chunked([])).toEqual([]);
});
