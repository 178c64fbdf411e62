/** One peak stands for 20 ms and takes a bar of 2 px and a gap of 1 px. */
export const PEAK_MS = 20;
const PITCH = 3;
const BAR = 2;

/**
 * Draws the bars of a lane, the newest at its right edge. `waiting` peaks have not slid in yet: events bring several at
 * once, and showing them one by one at the pace they were heard makes the picture flow instead of jump.
 *
 * No bar becomes an object: this runs thirty times a second for as long as a call lasts, and what it left behind would be
 * a megabyte every few seconds.
 */
export function eachBar(
  peaks: readonly number[],
  width: number,
  height: number,
  waiting: number,
  draw: (x: number, y: number, height: number) => void,
): void {
  for (let age = 0; age < peaks.length; age += 1) {
    const x = width - BAR - (age - waiting) * PITCH;
    if (x < -BAR) break;
    if (x > width) continue;
    const tall = Math.max(1, shareOf(peaks[peaks.length - 1 - age] ?? 0) * height);
    draw(x, (height - tall) / 2, tall);
  }
}

/** The square root keeps quiet speech visible without letting the noise of a room look like speech. */
function shareOf(peak: number): number {
  return Math.sqrt(Math.min(1, Math.max(0, peak)));
}

export function paint(canvas: HTMLCanvasElement, peaks: readonly number[], waiting: number): void {
  const context = canvas.getContext("2d");
  if (!context) return;
  const scale = devicePixelRatio;
  const width = Math.round(canvas.clientWidth * scale);
  const height = Math.round(canvas.clientHeight * scale);
  // Setting a canvas's size clears it and costs memory, so only when it changed.
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
  context.fillStyle = getComputedStyle(canvas).color;
  eachBar(peaks, canvas.clientWidth, canvas.clientHeight, waiting, (x, y, tall) => context.fillRect(x, y, BAR, tall));
}
