import { describe, expect, test } from "vitest";
import { caretAfter, dictatedAt, filled } from "./dictated";

describe("dictated words", () => {
  test("stand where the caret was, and write over nothing", () => {
    const at = dictatedAt("Dear Ada, yours, Grace", 9);
    expect(filled(at, "").text).toBe("Dear Ada, yours, Grace");
    expect(filled(at, "thank you").text).toBe("Dear Ada, thank you yours, Grace");
    expect(filled(dictatedAt("Dear Ada\n", 9), "thank you")).toEqual({ text: "Dear Ada\nthank you", end: 18 });
    expect(filled(dictatedAt("", 0), "Hello")).toEqual({ text: "Hello", end: 5 });
  });

  test("are kept apart from what is around them, but not from its full stop", () => {
    expect(filled(dictatedAt("I will come.", 11), "tomorrow").text).toBe("I will come tomorrow.");
    expect(filled(dictatedAt("one two", 3), "and a half").text).toBe("one and a half two");
  });

  test("grow and are corrected in their place", () => {
    const at = dictatedAt("Buy ", 4);
    expect(filled(at, "too").text).toBe("Buy too");
    expect(filled(at, "two eggs").text).toBe("Buy two eggs");
  });

  test("that are the person's own by now are not touched again", () => {
    const heard = "two eggs";
    const own = dictatedAt("Buy three eggs", 14, heard.length);
    expect(filled(own, heard).text).toBe("Buy three eggs");
    expect(filled(own, `${heard} and milk`).text).toBe("Buy three eggs and milk");
    expect(filled(own, "two").text, "a correction of what was edited comes too late").toBe("Buy three eggs");
  });
});

test("a caret behind the words stays behind them, and any other stays where it is", () => {
  const at = dictatedAt("ab yz", 2);
  const [was, now] = [filled(at, "one"), filled(at, "one two")];
  expect(caretAfter(was.end, was, now)).toBe(now.end);
  expect(caretAfter(1, was, now)).toBe(1);
  expect(caretAfter(was.text.length, was, now)).toBe(now.text.length);
});
