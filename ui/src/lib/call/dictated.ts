/**
 * Where dictated words stand in the text box: between what was there before and after them. `taken` counts the letters of
 * the dictated text that are the person's own by now: they were edited, or sent, and are not corrected any more.
 */
export type Dictated = { before: string; after: string; taken: number };

/** The text of the box with what was heard in it, and where the words end. */
export type Filled = { text: string; end: number };

/** Begins at the caret. Nothing is written over, what is selected neither. */
export function dictatedAt(text: string, caret: number, taken = 0): Dictated {
  return { before: text.slice(0, caret), after: text.slice(caret), taken };
}

export function filled({ before, after, taken }: Dictated, heard: string): Filled {
  const words = heard.slice(taken).trim();
  if (words === "") return { text: before + after, end: before.length };
  const start = before + (before === "" || /\s$/.test(before) ? "" : " ") + words;
  return { text: start + (after === "" || /^[\s.,;:!?)]/.test(after) ? "" : " ") + after, end: start.length };
}

/** Where a caret is to stand after the box was filled anew: at the end of the words if it was there, else where it was. */
export function caretAfter(caret: number, was: Filled, now: Filled): number {
  if (caret === was.end) return now.end;
  return caret < was.end ? Math.min(caret, now.text.length) : caret + now.text.length - was.text.length;
}
