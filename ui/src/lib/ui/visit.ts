/** Takes the focus to an element. The answer gives it back to where it came from, if that is still there. */
export function visit(element: HTMLElement): () => void {
  const opener = document.activeElement;
  element.focus({ preventScroll: true });
  return () => {
    if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
  };
}
