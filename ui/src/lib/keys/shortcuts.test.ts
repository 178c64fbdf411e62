import { describe, expect, test } from "vitest";
import { commandFor, type Press, type Where } from "./shortcuts";

const CALM: Where = { typing: false, helpOpen: false, settingsOpen: false, canStop: false };

function press(key: string, change: Partial<Press> = {}): Press {
  return { key, ctrlKey: false, metaKey: false, altKey: false, repeat: false, isComposing: false, ...change };
}

test("each shortcut does what the list says", () => {
  expect(commandFor(press("m"), CALM)).toBe("mute");
  expect(commandFor(press("M"), CALM)).toBe("mute");
  expect(commandFor(press("?"), CALM)).toBe("help");
  expect(commandFor(press(",", { ctrlKey: true }), CALM)).toBe("settings");
});

describe("Esc does the nearest thing", () => {
  const everything = { ...CALM, settingsOpen: true, canStop: true };
  test.each([
    ["leaves the field", { ...everything, typing: true }, "leaveField"],
    ["closes the settings", everything, "closeSettings"],
    ["stops", { ...CALM, canStop: true }, "stop"],
    ["and otherwise nothing", CALM, null],
  ])("%s", (_, where, command) => {
    expect(commandFor(press("Escape"), where)).toBe(command);
  });
});

describe("nothing happens", () => {
  test.each(["m", "?", " ", "Enter"])("while typing %j", (key) => {
    expect(commandFor(press(key), { ...CALM, typing: true })).toBeNull();
  });

  test("while typing Ctrl+,", () => {
    expect(commandFor(press(",", { ctrlKey: true }), { ...CALM, typing: true })).toBeNull();
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

  test("while the help list is open: it handles its own keys", () => {
    expect(commandFor(press("Escape"), { ...CALM, helpOpen: true, canStop: true })).toBeNull();
    expect(commandFor(press("m"), { ...CALM, helpOpen: true })).toBeNull();
  });
});
