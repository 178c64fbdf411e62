export type Command = "mute" | "stop" | "settings" | "closeSettings" | "help" | "leaveField";

export type Press = {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  repeat: boolean;
  isComposing: boolean;
};

export type Where = { typing: boolean; helpOpen: boolean; settingsOpen: boolean; canStop: boolean };

/** What a key press means, if anything. While typing only Esc means something: it leaves the field. */
export function commandFor(press: Press, where: Where): Command | null {
  // An open help list is a dialog of its own: the engine closes it on Esc. A held key is one wish, not many.
  if (where.helpOpen || press.isComposing || press.repeat) return null;
  if (press.key === "Escape") return escape(where);
  if (where.typing || press.altKey) return null;
  const command = press.ctrlKey || press.metaKey;
  if (command) return press.key === "," ? "settings" : null;
  if (press.key === "?") return "help";
  return press.key.toLowerCase() === "m" ? "mute" : null;
}

function escape(where: Where): Command | null {
  if (where.typing) return "leaveField";
  if (where.settingsOpen) return "closeSettings";
  return where.canStop ? "stop" : null;
}

/** For the help list and the buttons' titles. */
export const SHORTCUTS: readonly { keys: string[]; does: string }[] = [
  { keys: ["M"], does: "Mute or unmute the microphone" },
  { keys: ["Esc"], does: "Leave a field, close the settings, or stop the conversation" },
  { keys: ["Ctrl", ","], does: "Open or close the settings" },
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
