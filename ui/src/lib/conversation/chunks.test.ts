import { expect, test } from "vitest";
import { CHUNK, chunked } from "./chunks";

test("every item is in one chunk, in order, and each chunk knows where it starts", () => {
  const items = Array.from({ length: 2 * CHUNK + 5 }, (_, index) => index);
  const chunks = chunked(items);
  expect(chunks.map(({ first }) => first)).toEqual([0, CHUNK, 2 * CHUNK]);
  expect(chunks.flatMap((chunk) => chunk.items)).toEqual(items);
});

test("nothing makes no chunk", () => {
  expect(chunked([])).toEqual([]);
});
