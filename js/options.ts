import type { ClientOptions, LimitOptions, ReconnectOptions } from "./wasm/types.js";

/** What `typeof` says of a value, or where only some strings will do, one of them in quotes. */
type Kind<V> = V extends string
  ? string extends V
    ? "string"
    : `"${V}"`
  : V extends number
    ? "number"
    : "object";

/** The options there are, each with what it may be. Ranges are checked in Rust. */
type Kinds<T> = { readonly [K in keyof Required<T>]: readonly Kind<Required<T>[K]>[] };

const CLIENT: Kinds<ClientOptions> = {
  url: ["string"],
  tokenPlacement: ['"query"', '"subprotocol"'],
  reconnect: ["object"],
  connectTimeoutMs: ["number"],
  unsubscribeDelayMs: ["number"],
  pingIntervalMs: ["number"],
  pongTimeoutMs: ["number"],
  limits: ["object"],
  logLevel: ['"silent"', '"error"', '"warn"', '"info"', '"debug"'],
};

const RECONNECT: Kinds<ReconnectOptions> = {
  maxAttempts: ["number"],
  initialDelayMs: ["number"],
  multiplier: ["number"],
  maxDelayMs: ["number"],
  jitter: ["number", '"none"', '"full"'],
  stableAfterMs: ["number"],
};

const LIMITS: Kinds<LimitOptions> = {
  maxReceivedLength: ["number"],
  maxMessageBytes: ["number"],
  maxSubscriptions: ["number"],
  maxQueuedMessages: ["number"],
  maxQueuedBytes: ["number"],
  maxMessageAgeMs: ["number"],
};

/**
 * Refuses an option that is none, such as a misspelt one, which would otherwise do nothing; and one
 * of another type than it should be, which Rust would refuse without its name.
 *
 * @throws TypeError naming the option.
 */
export function checkOptions(options: ClientOptions): void {
  if (typeof options !== "object" || options === null) {
    throw new TypeError("the options should be an object");
  }
  check(options, CLIENT, "");
  check(options.reconnect, RECONNECT, "reconnect.");
  check(options.limits, LIMITS, "limits.");
}

function check(
  options: object | undefined,
  kinds: Record<string, readonly string[]>,
  prefix: string,
): void {
  for (const [name, value] of Object.entries(options ?? {})) {
    if (!Object.hasOwn(kinds, name)) {
      const names = Object.keys(kinds).join(", ");
      throw new TypeError(`there is no option ${prefix}${name}; the options there are ${names}`);
    }
    if (!isOneOf(kinds[name], value)) {
      throw new TypeError(`the option ${prefix}${name} should be ${kinds[name].join(" or ")}`);
    }
  }
}

/** `null` counts as left out. */
function isOneOf(kinds: readonly string[], value: unknown): boolean {
  if (value === undefined || value === null || kinds.includes(typeof value)) return true;
  return typeof value === "string" && kinds.includes(`"${value}"`);
}
