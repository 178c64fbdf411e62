/** A stretch of text: as it is, or one character that would otherwise act unseen. */
export type Piece = { text: string; hidden: false } | { text: string; hidden: true; name: string };

/**
 * Characters that change how their surroundings look, or that nobody sees: control characters but tab and line feed,
 * the Unicode line separators, bidirectional embeddings, overrides and isolates, zero-width spaces and no-break marks,
 * tag characters, and lone surrogates. Joiners and directional marks stay: emoji, Persian and Hebrew need them.
 */
const HIDDEN =
  // eslint-disable-next-line no-control-regex -- finding control characters is the point
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2060\u2066-\u2069\u200b\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]|[\ud800-\udfff]/u;

const NAMES: Record<number, string> = {
  0x00: "null",
  0x07: "bell",
  0x08: "backspace",
  0x0d: "carriage return",
  0x1b: "escape",
  0x200b: "zero-width space",
  0x2028: "line separator",
  0x2029: "paragraph separator",
  0x202a: "left-to-right embedding",
  0x202b: "right-to-left embedding",
  0x202c: "end of embedding",
  0x202d: "left-to-right override",
  0x202e: "right-to-left override",
  0x2060: "word joiner",
  0x2066: "left-to-right isolate",
  0x2067: "right-to-left isolate",
  0x2068: "first-strong isolate",
  0x2069: "end of isolate",
  0xfeff: "byte order mark",
};

/** Splits text so that every hidden character can be shown by its number. Text without any stays in one piece. */
export function visiblePieces(text: string): Piece[] {
  const clean = text.replaceAll("\r\n", "\n");
  if (!HIDDEN.test(clean)) return [{ text: clean, hidden: false }];
  const pieces: Piece[] = [];
  let plain = "";
  for (const character of clean) {
    if (!HIDDEN.test(character)) {
      plain += character;
      continue;
    }
    if (plain) pieces.push({ text: plain, hidden: false });
    plain = "";
    pieces.push(hiddenPiece(character));
  }
  if (plain) pieces.push({ text: plain, hidden: false });
  return pieces;
}

function hiddenPiece(character: string): Piece {
  const code = character.codePointAt(0) ?? 0;
  const number = `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
  return { text: number, hidden: true, name: NAMES[code] ?? "hidden character" };
}
