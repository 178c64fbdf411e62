export type Command =
  | "mute"
  | "stop"
  | "settings"
  | "history"
  | "events"
  | "panels"
  | "palette"
  | "closePane"
  | "closeEvents"
  | "help"
  | "leaveField"
  | "dictate"
  | "endDictation";

export type Press = {
  key: string;
  ctrlKey: boolean;
  shiftKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  repeat: boolean;
  isComposing: boolean;
};

export type Where = {
  typing: boolean;
  dialogOpen: boolean;
  paneOpen: boolean;
  eventsOpen: boolean;
  canStop: boolean;
  dictates: boolean;
};

const LETTERS: Record<string, Command> = { m: "mute", h: "history", e: "events", p: "panels" };
const WITH_CONTROL: Record<string, Command> = { ",": "settings", k: "palette" };

/** What a key press means, if anything. While typing only Esc means something, and what dictates into the field. */
export function commandFor(press: Press, where: Where): Command | null {
  // An open dialog handles its own keys: the engine closes it on Esc. A held key is one wish, not many.
  if (where.dialogOpen || press.isComposing || press.repeat) return null;
  if (press.key === "Escape") return escape(where);
  if (press.altKey) return null;
  const key = press.key.toLowerCase();
  if (press.shiftKey && (press.ctrlKey || press.metaKey)) return key === "d" ? "dictate" : null;
  if (where.typing) return null;
  if (press.ctrlKey || press.metaKey) return WITH_CONTROL[key] ?? null;
  return press.key === "?" ? "help" : (LETTERS[key] ?? null);
}

function escape(where: Where): Command | null {
  if (where.dictates) return "endDictation";
  if (where.typing) return "leaveField";
  if (where.paneOpen) return "closePane";
  if (where.eventsOpen) return "closeEvents";
  return where.canStop ? "stop" : null;
}

/** For the help list and the buttons' titles. */
export const SHORTCUTS: readonly { keys: string[]; does: string }[] = [
  { keys: ["M"], does: "Mute or unmute the microphone" },
  { keys: ["Esc"], does: "End dictation, leave a field, close what is open, or stop the conversation" },
  { keys: ["Ctrl", "Shift", "D"], does: "Dictate into the text box, also while typing" },
  { keys: ["Ctrl", "K"], does: "Find and run any command" },
  { keys: ["Ctrl", ","], does: "Open or close the settings" },
  { keys: ["P"], does: "Go to the panels" },
  { keys: ["H"], does: "Open or close the history" },
  { keys: ["E"], does: "Open or close the events" },
  { keys: ["?"], does: "Show this list" },
  { keys: ["Enter"], does: "Send what is in the text box" },
  { keys: ["Shift", "Enter"], does: "Start a new line in the text box" },
];

const NO_TEXT = new Set(["button", "checkbox", "radio", "range", "submit", "reset", "color", "file", "image"]);

/** Whether key presses on this element write text or choose an option by its letter. */
export function takesText(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !NO_TEXT.has(target.type);
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement || target.isContentEditable;
}
