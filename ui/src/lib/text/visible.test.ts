import { describe, expect, test } from "vitest";
import { visiblePieces } from "./visible";

const shown = (text: string) =>
  visiblePieces(text)
    .map((piece) => (piece.hidden ? `[${piece.text}]` : piece.text))
    .join("");

describe("is shown by its number", () => {
  test.each([
    ["a bidirectional override", "a\u202eb", "a[U+202E]b"],
    ["an isolate", "\u2066x\u2069", "[U+2066]x[U+2069]"],
    ["null and escape", "\u0000\u001b[31m", "[U+0000][U+001B][31m"],
    ["delete and the C1 controls", "\u007f\u0085", "[U+007F][U+0085]"],
    ["a lone carriage return", "over\rwritten", "over[U+000D]written"],
    ["the Unicode line separators", "a\u2028b\u2029c", "a[U+2028]b[U+2029]c"],
    ["zero-width space and byte order mark", "a\u200bb\ufeff", "a[U+200B]b[U+FEFF]"],
    ["tag characters", "x\u{e0041}", "x[U+E0041]"],
    ["half a surrogate pair", "a\ud800b", "a[U+D800]b"],
  ])("%s", (_, text, expected) => {
    expect(shown(text)).toBe(expected);
  });
});

describe("stays as it is", () => {
  test.each([
    ["plain text, with tabs and line ends", "a\tb\nc"],
    ["joined emoji", "👩‍👩‍👧‍👦 🏳️‍🌈"],
    ["Persian with its joiners and marks", "می‌خواهم\u200f 12"],
    ["markup", "<b>&amp;</b>"],
    ["nothing", ""],
  ])("%s", (_, text) => {
    expect(visiblePieces(text)).toEqual([{ text, hidden: false }]);
  });

  test("a Windows line end is a line end", () => {
    expect(visiblePieces("a\r\nb")).toEqual([{ text: "a\nb", hidden: false }]);
  });
});

test("hidden characters are named where a name helps", () => {
  expect(visiblePieces("\u202e")[0]).toEqual({ text: "U+202E", hidden: true, name: "right-to-left override" });
  expect(visiblePieces("\u0001")[0]).toEqual({ text: "U+0001", hidden: true, name: "hidden character" });
});
