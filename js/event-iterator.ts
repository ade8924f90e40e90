import type { Unlisten } from "./client.js";

/** What to do with an event when `maxBuffered` of them wait for the loop. */
export type OverflowPolicy = "drop-oldest" | "drop-newest" | "fail";

/** Options of `websocket.events`. */
export interface EventIteratorOptions {
  /** Only events of this execution. */
  executionId?: string;
  /** End the loop when this signal aborts. */
  signal?: AbortSignal;
  /** How many events may wait while the body of the loop runs, from 1 on. Default: 1,000. */
  maxBuffered?: number;
  /**
   * Which event is lost when more come than the loop takes: the oldest that waits, the one that
   * comes, or none: the loop ends with an `EventOverflowError`. Default: `"fail"`, so that nothing is
   * lost in silence.
   */
  overflow?: OverflowPolicy;
}

/** More events came than a `for await` loop took. */
export class EventOverflowError extends Error {
  /** For tests: the client makes its own. */
  constructor(maxBuffered: number) {
    super(
      `${maxBuffered} events wait for the loop already: take them faster, raise maxBuffered, ` +
        "or choose an overflow policy that drops some",
    );
    this.name = "EventOverflowError";
  }
}

/**
 * Events for a `for await` loop. Registers at once, so that no event between the call and the first
 * turn of the loop is missed.
 *
 * @throws TypeError naming an option that is not what it should be.
 */
export function iterateEvents<E>(
  listen: (handler: (event: E) => void) => Unlisten,
  options: EventIteratorOptions,
): AsyncIterableIterator<E> {
  const { signal, maxBuffered, overflow } = checked(options);
  const buffer: E[] = [];
  let failure: EventOverflowError | undefined;
  let ended = signal?.aborted ?? false;
  let waiting: (() => void)[] = [];
  const wake = () => {
    for (const resolve of waiting) resolve();
    waiting = [];
  };

  const end = () => {
    ended = true;
    unlisten();
    signal?.removeEventListener("abort", end);
    wake();
  };
  const take = (event: E) => {
    if (buffer.length < maxBuffered) buffer.push(event);
    else if (overflow === "drop-oldest") {
      buffer.shift();
      buffer.push(event);
    } else if (overflow === "fail") {
      failure = new EventOverflowError(maxBuffered);
      end();
    }
    wake();
  };
  const unlisten = ended ? () => {} : listen(take);
  signal?.addEventListener("abort", end, { once: true });

  return {
    async next(): Promise<IteratorResult<E>> {
      while (buffer.length === 0 && !ended) {
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
      if (signal?.aborted) buffer.length = 0;
      const event = buffer.shift();
      if (event !== undefined) return { done: false, value: event };
      if (failure) throw failure;
      return { done: true, value: undefined };
    },
    async return(): Promise<IteratorResult<E>> {
      end();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

const OPTIONS = ["executionId", "signal", "maxBuffered", "overflow"];
const OVERFLOW_POLICIES = ["drop-oldest", "drop-newest", "fail"];

/** The options with their defaults. One that is none would do nothing, or drop events in silence. */
function checked(options: EventIteratorOptions) {
  const stranger = Object.keys(options).find((name) => !OPTIONS.includes(name));
  if (stranger !== undefined) {
    throw new TypeError(
      `there is no option ${stranger}; the options there are ${OPTIONS.join(", ")}`,
    );
  }
  const { signal } = options;
  const maxBuffered = options.maxBuffered ?? 1000;
  const overflow = options.overflow ?? "fail";
  // Not as `< 1`: that would let NaN pass.
  if (typeof maxBuffered !== "number" || !(maxBuffered >= 1)) {
    throw new TypeError("the option maxBuffered should be a number, at least 1");
  }
  if (!OVERFLOW_POLICIES.includes(overflow)) {
    throw new TypeError(`the option overflow should be one of ${OVERFLOW_POLICIES.join(", ")}`);
  }
  if (signal !== undefined && typeof signal !== "object") {
    throw new TypeError("the option signal should be an AbortSignal");
  }
  return { signal, maxBuffered, overflow };
}
