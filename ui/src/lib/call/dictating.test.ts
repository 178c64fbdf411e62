import { describe, expect, test } from "vitest";
import { Dictating } from "./dictating";

const on = (text: string) => ({ on: true, text, problem: null });
const off = (text: string) => ({ on: false, text, problem: null });

describe("while dictation goes on", () => {
  test("words grow, and are corrected, where the caret was", () => {
    const dictating = new Dictating();
    let box = { text: "Shopping: today.", caret: 9 };
    expect(dictating.heard(on(""), box), "nothing is heard yet").toBeNull();
    for (const [heard, text] of [
      ["too", "Shopping: too today."],
      ["two eggs", "Shopping: two eggs today."],
    ] as const) {
      box = dictating.heard(on(heard), box) ?? box;
      expect(box.text).toBe(text);
    }
    expect(box.caret, "behind the words").toBe("Shopping: two eggs".length);
  });

  test("what is typed into it stays, and the words go on behind it", () => {
    const dictating = new Dictating();
    dictating.heard(on("two eggs"), { text: "", caret: 0 });
    const box = { text: "two big eggs", caret: 7 };
    dictating.wrote(box);
    expect(dictating.heard(on("two eggs and milk"), box)?.text).toBe("two big and milk eggs");
  });

  test("what was sent does not come again", () => {
    const dictating = new Dictating();
    dictating.heard(on("two eggs"), { text: "", caret: 0 });
    dictating.wrote({ text: "", caret: 0 });
    expect(dictating.heard(on("two eggs and milk"), { text: "", caret: 0 })?.text).toBe("and milk");
  });
});

test("the last words come after its end, unless the person has written meanwhile", () => {
  const dictating = new Dictating();
  const box = dictating.heard(on("two"), { text: "", caret: 0 }) ?? { text: "", caret: 0 };
  expect(dictating.heard(off("two"), box)).toBeNull();
  expect(dictating.heard(off("two eggs"), box)?.text).toBe("two eggs");
  dictating.wrote({ text: "two eggs!", caret: 9 });
  expect(dictating.heard(off("two eggs and"), { text: "two eggs!", caret: 9 })).toBeNull();
});

test("the next one begins anew, at the caret of then", () => {
  const dictating = new Dictating();
  let box = dictating.heard(on("one"), { text: "", caret: 0 }) ?? { text: "", caret: 0 };
  dictating.heard(off("one"), box);
  box = { text: "one", caret: 0 };
  expect(dictating.heard(on(""), box)).toBeNull();
  expect(dictating.heard(on("zero"), box)?.text).toBe("zero one");
});
