import { expect, test } from "vitest";
import { matching } from "./match";

const titles = ["New conversation", "Settings: Host", "Settings: Brain", "Stop the echo test", "Show the events"].map((title) => ({ title }));
const found = (search: string) => matching(titles, search).map(({ title }) => title);

test("no search finds everything in its order", () => {
  expect(found("")).toEqual(titles.map(({ title }) => title));
});

test("every word has to fit, in any order and from its beginning", () => {
  expect(found("set br")).toEqual(["Settings: Brain"]);
  expect(found("brain settings")).toEqual(["Settings: Brain"]);
  expect(found("new brain")).toEqual([]);
});

test("a beginning goes before letters somewhere in a word", () => {
  expect(found("s")[0]).toBe("Settings: Host");
  expect(found("evts")).toEqual(["Show the events"]);
});

test("capitals and signs make no difference", () => {
  expect(found("SETTINGS:host")).toEqual(["Settings: Host"]);
});
