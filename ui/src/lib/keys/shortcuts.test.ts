import { describe, expect, test } from "vitest";
import { commandFor, type Press, type Where } from "./shortcuts";

const CALM: Where = { typing: false, dialogOpen: false, paneOpen: false, eventsOpen: false, canStop: false, dictates: false };

function press(key: string, change: Partial<Press> = {}): Press {
  return { key, ctrlKey: false, shiftKey: false, metaKey: false, altKey: false, repeat: false, isComposing: false, ...change };
}

test("each shortcut does what the list says", () => {
  expect(commandFor(press("m"), CALM)).toBe("mute");
  expect(commandFor(press("M"), CALM)).toBe("mute");
  expect(commandFor(press("?"), CALM)).toBe("help");
  expect(commandFor(press(",", { ctrlKey: true }), CALM)).toBe("settings");
  expect(commandFor(press("k", { ctrlKey: true }), CALM)).toBe("palette");
  expect(commandFor(press("p"), CALM)).toBe("panels");
  expect(commandFor(press("h"), CALM)).toBe("history");
  expect(commandFor(press("e"), CALM)).toBe("events");
});

describe("Esc does the nearest thing", () => {
  const everything = { ...CALM, paneOpen: true, eventsOpen: true, canStop: true };
  test.each([
    ["leaves the field", { ...everything, typing: true }, "leaveField"],
    ["ends dictation", { ...everything, typing: true, dictates: true }, "endDictation"],
    ["closes the pane", everything, "closePane"],
    ["closes the events", { ...everything, paneOpen: false }, "closeEvents"],
    ["stops", { ...CALM, canStop: true }, "stop"],
    ["and otherwise nothing", CALM, null],
  ])("%s", (_, where, command) => {
    expect(commandFor(press("Escape"), where)).toBe(command);
  });
});

test("Ctrl+Shift+D dictates, also while typing, and a letter alone never does", () => {
  for (const typing of [true, false]) {
    expect(commandFor(press("D", { ctrlKey: true, shiftKey: true }), { ...CALM, typing })).toBe("dictate");
    expect(commandFor(press("d", { ctrlKey: true }), { ...CALM, typing })).toBeNull();
    expect(commandFor(press("D", { shiftKey: true }), { ...CALM, typing })).toBeNull();
    expect(commandFor(press("d"), { ...CALM, typing })).toBeNull();
  }
});

describe("nothing happens", () => {
  test.each(["m", "p", "h", "e", "?", " ", "Enter"])("while typing %j", (key) => {
    expect(commandFor(press(key), { ...CALM, typing: true })).toBeNull();
  });

  test.each([",", "k"])("while typing Ctrl+%s", (key) => {
    expect(commandFor(press(key, { ctrlKey: true }), { ...CALM, typing: true })).toBeNull();
  });

  test("on Space: it belongs to the focused button", () => {
    expect(commandFor(press(" "), { ...CALM, canStop: true })).toBeNull();
  });

  test.each([{ ctrlKey: true }, { metaKey: true }, { altKey: true }, { repeat: true }, { isComposing: true }])(
    "on M with %j",
    (change) => {
      expect(commandFor(press("m", change), CALM)).toBeNull();
    },
  );

  test("while a dialog is open: it handles its own keys", () => {
    expect(commandFor(press("Escape"), { ...CALM, dialogOpen: true, canStop: true })).toBeNull();
    expect(commandFor(press("m"), { ...CALM, dialogOpen: true })).toBeNull();
  });
});
