import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { problem } from "$lib/backend/scenes";
import { Paged } from "./paged.svelte";

type Item = { id: string };

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const items = (from: number, to: number): Item[] =>
  Array.from({ length: to - from }, (_, index) => ({ id: String(from + index) }));

function paged(total: number) {
  const asked: [string, number][] = [];
  const list = new Paged<Item>(async (query, offset) => {
    asked.push([query, offset]);
    return { problem: null, value: { items: items(offset, Math.min(total, offset + 50)), total } };
  });
  return { list, asked };
}

test("letters that come quickly make one search", async () => {
  const { list, asked } = paged(3);
  list.query = "h";
  list.query = "hu";
  await vi.advanceTimersByTimeAsync(100);
  list.query = "hut";
  await vi.advanceTimersByTimeAsync(1000);
  expect(asked).toEqual([["hut", 0]]);
  expect(list.items).toHaveLength(3);
});

test("pages follow each other and none of their items stands twice", async () => {
  const { list, asked } = paged(70);
  await list.reload();
  await list.more();
  expect(asked.map(([, offset]) => offset)).toEqual([0, 50]);
  expect(new Set(list.items.map(({ id }) => id)).size).toBe(70);
});

test("the answer to an earlier search is not shown under a later one", async () => {
  const answers: ((page: Item[]) => void)[] = [];
  const list = new Paged<Item>(
    () => new Promise((resolve) => answers.push((page) => resolve({ problem: null, value: { items: page, total: page.length } }))),
  );
  const first = list.reload();
  const second = list.reload();
  answers[1]?.(items(5, 6));
  answers[0]?.(items(0, 2));
  await Promise.all([first, second]);
  expect(list.items.map(({ id }) => id)).toEqual(["5"]);
  expect(list.loading).toBe(false);
});

test("a refused page leaves what is there and says why", async () => {
  let refuse = false;
  const list = new Paged<Item>(async () =>
    refuse
      ? { problem: problem("history.disk_full"), value: null }
      : { problem: null, value: { items: items(0, 50), total: 90 } },
  );
  await list.reload();
  refuse = true;
  await list.more();
  expect(list.items).toHaveLength(50);
  expect(list.problem?.code).toBe("history.disk_full");
});

test("what is removed is no longer counted, and the next page begins where it should", async () => {
  const { list, asked } = paged(60);
  await list.reload();
  list.remove("7");
  expect(list.total).toBe(59);
  await list.more();
  expect(asked.at(-1)).toEqual(["", 49]);
});
