// What the client needs from wherever it runs (page, worker, Node): a clock, a timer, the page's signs
// of life, the console.
//
// @ts-check

/**
 * Returns `false` where a frame has to be read first.
 * @typedef {(number: number, kind: number, payload: unknown, detail: number) => boolean} Report
 */

// What is reported beside the kinds of frame in decoder.js.
const WAKE = 20;
const TICK = 21;
const NETWORK = 26; // 1 where there is one, else 0
const TOKEN = 22; // the token, or nothing; the number is that of the request; how long it lasts, in ms

/**
 * What of the WebAssembly instance lives outside of it, and has to be looked after from outside when it
 * dies: by a panic or another trap, or an exception that has crossed Rust's frames, which leaves borrowed
 * what was. Whoever started the instance is told then.
 */
export const instance = {
  /** What is to be ended. @type {Set<{ abandon(): void }>} */
  parts: new Set(),
  /** Of the last client. @type {import("./decoder.js").Decoder | undefined} */
  decoder: undefined,
  /** @type {(error: unknown) => void} */
  onCrash: (error) => {
    throw error;
  },
};

/**
 * The instance has died: nothing of it reaches anybody any more.
 * @param {unknown} error
 */
export function crashed(error) {
  for (const part of instance.parts) part.abandon();
  instance.parts.clear();
  instance.onCrash(error);
}

let offset = 0;
let latest = 0;

/**
 * Milliseconds on a clock that never runs backwards (W3C High Resolution Time), also when a test
 * replaces it by one that begins at 0: it then goes on from where it was.
 */
export function now() {
  const time = performance.now() + offset;
  if (time >= latest) {
    latest = time;
  } else {
    offset += latest - time;
  }
  return latest;
}

export class Page {
  /** @param {{ report: Report }} inbox */
  constructor(inbox) {
    /** @type {{ report: Report } | undefined} */
    this.inbox = inbox;
    /** What everything is reported to, until this client is gone. @type {Report} */
    this.report = (number, kind, payload, detail) => {
      try {
        return this.inbox?.report(number, kind, payload, detail) ?? true;
      } catch (error) {
        // Handlers' exceptions do not come here. After its end nothing more is to be said of it.
        if (this.inbox) crashed(error);
        return true;
      }
    };
    instance.parts.add(this);
    const wake = () => this.report(0, WAKE, undefined, 0);
    const wakeIfVisible = () => {
      if (globalThis.document.visibilityState === "visible") wake();
    };
    this.tellNetwork = () =>
      this.report(0, NETWORK, undefined, globalThis.navigator?.onLine === false ? 0 : 1);
    // Nothing is to be done when the page is frozen: the browser keeps the socket and what arrives, and
    // what else has happened is found out afterwards.
    /** @type {[EventTarget | undefined, string, () => void][]} */
    this.listeners = [
      [globalThis, "online", this.tellNetwork],
      [globalThis, "offline", this.tellNetwork],
      [globalThis, "pageshow", wake],
      [globalThis.document, "visibilitychange", wakeIfVisible],
      [globalThis.document, "resume", wake],
    ];
    this.watching = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
  }

  /**
   * Sets the one timer to this time, or with `Infinity` to none.
   * @param {number} deadline
   */
  arm(deadline) {
    clearTimeout(this.timer);
    if (deadline === Infinity) return;
    const delay = Math.ceil(Math.max(deadline - now(), 0));
    this.timer = setTimeout(() => this.report(0, TICK, undefined, 0), delay);
  }

  /**
   * Reports from now on whenever trying again may work, or time was lost: the page is seen again, or goes
   * on after it was kept (`pageshow`) or frozen (`resume`, WICG Page Lifecycle); and whether there is a
   * network, now and whenever that changes (WHATWG HTML, `navigator.onLine`).
   */
  watch() {
    if (this.watching) return;
    this.watching = true;
    for (const [target, type, listener] of this.listeners) {
      target?.addEventListener?.(type, listener);
    }
    this.tellNetwork();
  }

  /** Ends that. */
  unwatch() {
    this.watching = false;
    for (const [target, type, listener] of this.listeners) {
      target?.removeEventListener?.(type, listener);
    }
  }

  /**
   * Asks a provider for a token: a string, or a promise of one.
   * @param {(() => unknown) | undefined} provider
   * @param {number} request
   */
  ask(provider, request) {
    const answer = (/** @type {unknown} */ token) =>
      typeof token === "string"
        ? this.report(request, TOKEN, token, lifetime(token))
        : this.report(request, TOKEN, undefined, 0);
    Promise.resolve()
      .then(() => provider?.())
      .then(answer, () => answer(undefined));
  }

  abandon() {
    this.stop();
  }

  /** The client is gone. */
  stop() {
    instance.parts.delete(this);
    this.inbox = undefined;
    this.unwatch();
    clearTimeout(this.timer);
  }
}

/**
 * How long a token lasts from now on, in ms, as its claims `exp` and `iat` say where it is a JWT (RFC
 * 7519, section 4.1); `NaN` where it does not say. Nothing is verified: that is the server's business.
 * `iat` stands in for the clock of a device that is slow.
 * @param {string} token
 */
function lifetime(token) {
  try {
    const payload = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const { exp, iat = 0 } = JSON.parse(atob(payload));
    return exp * 1000 - Math.max(Date.now(), iat * 1000);
  } catch {
    return NaN;
  }
}

/**
 * The connection's state, as everybody sees it.
 * @param {number} status
 * @param {number} attempt
 * @param {number} retryAt on the clock above
 * @param {number} code
 * @param {string} reason
 * @param {string} connectionId
 * @param {unknown} error
 */
export function stateObject(status, attempt, retryAt, code, reason, connectionId, error) {
  return Object.freeze(
    [
      () => ({ status: "disconnected" }),
      () => ({ status: "connecting", attempt }),
      () => ({ status: "connected", connectionId }),
      () => ({
        status: "waiting",
        attempt,
        retryAt: Math.round(retryAt + Date.now() - now()),
        cause: { code, reason },
      }),
      () => ({ status: "failed", error }),
    ][status](),
  );
}

/** @param {unknown} state */
export function stateEvent(state) {
  return { type: "connection:state", state };
}

/** What the client counts, in the order of src/client.rs. */
const STATS = /** @type {const} */ ([
  "attempts",
  "connections",
  "delivered",
  "unwanted",
  "unreadable",
  "sent",
  "sendFailures",
  "handlers",
  "subscriptions",
]);

/**
 * The statistics as an object.
 * @param {Float64Array} counts
 */
export function statsObject(counts) {
  return Object.fromEntries(STATS.map((name, i) => [name, counts[i]]));
}

/** A number that no two clients share, most likely. */
export function seed() {
  return Math.random() * 2 ** 53;
}

/** Whether gzip can be undone here (WHATWG Compression Standard). */
export function canInflate() {
  return typeof DecompressionStream !== "undefined";
}

/**
 * Asks for a sign of life.
 * @param {number} id
 */
export function ping(id) {
  return JSON.stringify({ type: "ping", id });
}

/**
 * A token that replaces the one in use.
 * @param {string} token
 */
export function auth(token) {
  return JSON.stringify({ type: "auth", token });
}

/**
 * Says that an event was handled; nothing, where it has no id.
 * @param {{ eventId?: unknown }} event
 */
export function ack({ eventId }) {
  return typeof eventId === "string" ? JSON.stringify({ type: "ack", eventId }) : undefined;
}

/**
 * A line for the console, which carries no token, no URL with a query, and no payload.
 * @param {number} level
 * @param {string} line
 */
export function log(level, line) {
  const method = /** @type {const} */ (["error", "warn", "info", "debug"])[level - 1];
  console[method](`[flowmaestro] ${line}`);
}

/** @param {{ code: string, message: string }} event */
export function logError({ code, message }) {
  log(2, `${code}: ${message}`);
}
