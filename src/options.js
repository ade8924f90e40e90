// Reads the options that a user gives, and refuses those that are none. Their ranges are checked in
// Rust, which gets each number under the place of its option in the tables below.
//
// @ts-check

/** @import { ClientOptions, ExecutionOptions, LimitOptions, ReconnectOptions } from "../js/option-types.js" */

/**
 * What `typeof` says of a value, or where only some strings will do, one of them in quotes.
 * @template V
 * @typedef {V extends string ? string extends V ? "string" : `"${V}"` : V extends number ? "number" : "object"} Kind
 */

/**
 * The options there are, each with what it may be.
 * @template T
 * @typedef {{ readonly [K in keyof Required<T>]: readonly Kind<Required<T>[K]>[] }} Kinds
 */

/** @type {Kinds<ClientOptions>} */
const CLIENT = {
  url: ["string"],
  tokenPlacement: ['"query"', '"subprotocol"', '"ticket"'], // as socket.js counts them
  reconnect: ["object"],
  connectTimeoutMs: ["number"],
  unsubscribeDelayMs: ["number"],
  pingIntervalMs: ["number"],
  pongTimeoutMs: ["number"],
  limits: ["object"],
  logLevel: ['"silent"', '"error"', '"warn"', '"info"', '"debug"'],
  renewTokenBeforeMs: ["number"],
  ticketUrl: ["string"],
  execution: ["object"],
};

/** @type {Kinds<ReconnectOptions>} */
const RECONNECT = {
  maxAttempts: ["number"],
  initialDelayMs: ["number"],
  multiplier: ["number"],
  maxDelayMs: ["number"],
  jitter: ["number", '"none"', '"full"'],
  stableAfterMs: ["number"],
};

/** @type {Kinds<LimitOptions>} */
const LIMITS = {
  maxReceivedLength: ["number"],
  maxMessageBytes: ["number"],
  maxSubscriptions: ["number"],
  maxQueuedMessages: ["number"],
  maxQueuedBytes: ["number"],
  maxMessageAgeMs: ["number"],
};

/** @type {Kinds<ExecutionOptions>} */
const EXECUTION = {
  maxLogEntries: ["number"],
  maxTextLength: ["number"],
  maxOutputLength: ["number"],
};

/**
 * The numbers among the options, each behind the number of its option: its place in its table, counted
 * from 0, 16, 32 or 48. A string counts as its place among those allowed: as -1, -2 and so on, where a
 * number is allowed too.
 *
 * Refuses an option that is none, such as a misspelt one, which would otherwise do nothing; and one
 * of another type than it should be.
 *
 * @param {ClientOptions} options
 * @throws {TypeError} naming the option.
 */
export function readOptions(options) {
  if (typeof options !== "object" || options === null) {
    throw new TypeError("the options should be an object");
  }
  return [
    ...read(options, CLIENT, 0, ""),
    ...read(options.reconnect, RECONNECT, 16, "reconnect."),
    ...read(options.limits, LIMITS, 32, "limits."),
    ...read(options.execution, EXECUTION, 48, "execution."),
  ];
}

/**
 * @param {ClientOptions} options
 * @param {"url" | "ticketUrl"} name
 */
export function textOption(options, name) {
  return options[name] ?? undefined;
}

/**
 * The refusal of an option that is out of its range.
 * @param {string} option as Rust writes it
 * @param {string} expected
 */
export function invalidOption(option, expected) {
  const name = option.replace(/_./g, (start) => start[1].toUpperCase());
  return new TypeError(`${name} must be ${expected}`);
}

/**
 * @param {object | null | undefined} options
 * @param {Record<string, readonly string[]>} kinds
 * @param {number} first
 * @param {string} prefix
 */
function read(options, kinds, first, prefix) {
  const names = Object.keys(kinds);
  /** @type {number[]} */
  const numbers = [];
  for (const [name, value] of Object.entries(options ?? {})) {
    if (!Object.hasOwn(kinds, name)) {
      throw new TypeError(
        `there is no option ${prefix}${name}; the options there are ${names.join(", ")}`,
      );
    }
    // `null` counts as left out.
    if (value === undefined || value === null) continue;
    const allowed = kinds[name];
    const place = typeof value === "string" ? allowed.indexOf(`"${value}"`) : -1;
    if (place < 0 && !allowed.includes(typeof value)) {
      throw new TypeError(`the option ${prefix}${name} should be ${allowed.join(" or ")}`);
    }
    if (typeof value === "number") numbers.push(first + names.indexOf(name), value);
    else if (place >= 0) {
      const word = allowed[0] === "number" ? -place : place;
      numbers.push(first + names.indexOf(name), word);
    }
  }
  return numbers;
}
