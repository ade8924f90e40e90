// What a page notices of itself while it shows a run: how late it is, how often it paints, how long
// it is stuck, how often it renders.

/** Since `startWatching`. */
export interface Watched {
  /** The age of the oldest text at the time of its rendering, in ms. */
  behindMs: number;
  /** Frames of the page in a second. */
  framesPerSecond: number;
  /** The longest task, in ms; 0 where none took 50 ms. */
  longestTaskMs: number;
  /** How often components were rendered. */
  renders: number;
}

let behindMs = 0;
let frames = 0;
let longestTaskMs = 0;
let renders = 0;
let started = 0;

/** Stands in front of the time in a chunk. */
const STAMP = "@";

/** A component is being rendered. */
export function noteRender(): void {
  renders += 1;
}

/** The time of the last chunk in a streamed text: chunks begin with `@<ms since the epoch> `. */
export function newestStamp(text: string): number {
  const at = text.lastIndexOf(STAMP);
  return at < 0 ? 0 : Number.parseInt(text.slice(at + 1, at + 14), 10);
}

/** A text with this stamp is shown for the first time. */
export function noteShown(stamp: number): void {
  behindMs = Math.max(behindMs, Date.now() - stamp);
}

/** Counts from now on. */
export function startWatching(): void {
  behindMs = frames = longestTaskMs = renders = 0;
  started = performance.now();
}

export function watched(): Watched {
  const seconds = (performance.now() - started) / 1000;
  return { behindMs, framesPerSecond: frames / seconds, longestTaskMs, renders };
}

new PerformanceObserver((list) => {
  for (const { duration, startTime } of list.getEntries()) {
    if (startTime >= started) longestTaskMs = Math.max(longestTaskMs, duration);
  }
}).observe({ type: "longtask" });

requestAnimationFrame(function frame() {
  frames += 1;
  requestAnimationFrame(frame);
});
