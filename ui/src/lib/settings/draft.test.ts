import { expect, test } from "vitest";
import type { Problem } from "$lib/backend";
import { problem } from "$lib/backend/scenes";
import { Draft } from "./draft.svelte";

function field(start: string, answer: (value: string) => Problem | null = () => null) {
  const asked: string[] = [];
  const held = { saved: start };
  const draft = new Draft(
    () => held.saved,
    async (value) => {
      asked.push(value);
      return answer(value);
    },
  );
  return { draft, held, asked };
}

test("shows what is saved until it is edited", () => {
  const { draft, held } = field("one");
  held.saved = "two";
  expect(draft.value).toBe("two");
  draft.value = "three";
  held.saved = "four";
  expect(draft.value).toBe("three");
});

test("leaving an untouched field saves nothing", async () => {
  const { draft, asked } = field("one");
  await draft.commit();
  draft.value = "one";
  await draft.commit();
  expect(asked).toEqual([]);
});

test("an accepted value stays in sight until the settings come back, and then follows them", async () => {
  const { draft, held } = field("one");
  draft.value = " two ";
  await draft.commit();
  expect(draft.value).toBe(" two ");
  held.saved = "two";
  expect(draft.value).toBe("two");
});

test("follows the settings also back to where they were", async () => {
  const { draft, held } = field("one");
  draft.value = "two";
  await draft.commit();
  held.saved = "two";
  expect(draft.value).toBe("two");
  held.saved = "one";
  expect(draft.value).toBe("one");
  draft.value = "three";
  expect(draft.value).toBe("three");
});

test("a refused value stays with its reason until it is put right", async () => {
  const { draft, asked } = field("one", (value) => (value === "bad" ? problem("host.bad_address") : null));
  draft.value = "bad";
  await draft.commit();
  expect(draft.value).toBe("bad");
  expect(draft.problem?.code).toBe("host.bad_address");
  draft.value = "one";
  await draft.commit();
  expect(draft.problem).toBeNull();
  expect(asked).toEqual(["bad"]);
});

test("an answer about a value that was edited again is not shown", async () => {
  const { draft } = field("one", () => problem("host.bad_address"));
  draft.value = "bad";
  const saving = draft.commit();
  draft.value = "better";
  await saving;
  expect(draft.problem).toBeNull();
  expect(draft.value).toBe("better");
});
