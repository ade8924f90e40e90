import type { ClientOptions, LimitOptions, ReconnectOptions } from "./wasm/types.js";

type Names<T> = Record<keyof Required<T>, true>;

const CLIENT: Names<ClientOptions> = {
  url: true,
  tokenPlacement: true,
  reconnect: true,
  connectTimeoutMs: true,
  unsubscribeDelayMs: true,
  pingIntervalMs: true,
  pongTimeoutMs: true,
  limits: true,
  logLevel: true,
};

const RECONNECT: Names<ReconnectOptions> = {
  maxAttempts: true,
  initialDelayMs: true,
  multiplier: true,
  maxDelayMs: true,
  jitter: true,
  stableAfterMs: true,
};

const LIMITS: Names<LimitOptions> = {
  maxReceivedLength: true,
  maxMessageBytes: true,
  maxSubscriptions: true,
  maxQueuedMessages: true,
  maxQueuedBytes: true,
  maxMessageAgeMs: true,
};

/**
 * Refuses an option that is none, such as a misspelt one, which would otherwise do nothing.
 *
 * @throws TypeError naming the option.
 */
export function checkOptionNames(options: ClientOptions): void {
  check(options, CLIENT, "");
  check(options.reconnect, RECONNECT, "reconnect.");
  check(options.limits, LIMITS, "limits.");
}

function check(options: object | undefined, known: Record<string, true>, prefix: string): void {
  for (const name of Object.keys(options ?? {})) {
    if (Object.hasOwn(known, name)) continue;
    const names = Object.keys(known).join(", ");
    throw new TypeError(`there is no option ${prefix}${name}; the options there are ${names}`);
  }
}
