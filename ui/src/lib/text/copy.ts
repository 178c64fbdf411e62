/** Puts text on the clipboard. False where the engine does not allow it: the text has to be shown then. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
