import { withGlobal } from "@sinonjs/fake-timers";
import { replaceProperty } from "./globals.js";

/** A clock in place of the real one, which stands still until it is advanced. */
export class VirtualClock {
  readonly #clock;
  readonly #restorePerformance: () => void;

  /** Replaces the timers, the animation frames, `Date` and `performance.now`. */
  constructor() {
    if ((Date as { isFake?: boolean }).isFake) {
      throw new Error(
        "the time is faked already: leave virtualTime out, or go back to the real timers first",
      );
    }
    this.#clock = withGlobal(globalThis).install({
      now: Date.now(),
      toFake: [
        "setTimeout",
        "clearTimeout",
        "setInterval",
        "clearInterval",
        "requestAnimationFrame",
        "cancelAnimationFrame",
        "Date",
      ],
      ignoreMissingTimers: true,
    });
    // It goes on from where it is, since a clock that ran backwards would look stopped to whoever
    // had read it before; in whole milliseconds, so that sums are exact.
    const offset = Math.ceil(performance.now()) - this.#clock.now;
    const now = () => this.#clock.now + offset;
    this.#restorePerformance = replaceProperty(performance, "now", now);
  }

  /** Lets time pass, in ms: runs the timers that are due, and promises between them. */
  async advance(ms: number): Promise<void> {
    await this.#clock.tickAsync(ms);
  }

  /** Puts the real clock back. */
  restore(): void {
    this.#restorePerformance();
    this.#clock.uninstall();
  }
}
