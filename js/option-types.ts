// Generated from src/types.rs by `npm run types`. Do not edit.

import type { ConnectionError } from "../src/errors.js";
import type { WasmInitError } from "./wasm-errors.js";

/**
 * Options of the client. Each one that is left out keeps its value.
 */
export interface ClientOptions {
    /**
     * The server's address, absolute or relative to the page; `http:` counts as `ws:`, `https:` as
     * `wss:`. Takes effect at the next connection. Default: `/ws` on the page's own host.
     */
    url?: string;
    /**
     * How the token travels, since a browser cannot set headers on a WebSocket. Default: `"query"`.
     */
    tokenPlacement?: TokenPlacement;
    /**
     * When to try again after a connection has ended.
     */
    reconnect?: ReconnectOptions;
    /**
     * How long to wait for a token, and then for the server's welcome, before the attempt counts
     * as failed, in ms. Default: 10,000.
     */
    connectTimeoutMs?: number;
    /**
     * How long an unsubscribed execution is still held, in ms, so that a component that unmounts
     * and mounts again costs no message. Default: 250.
     */
    unsubscribeDelayMs?: number;
    /**
     * How often a server that answers pings is asked for a sign of life, in ms. Default: 10,000.
     */
    pingIntervalMs?: number;
    /**
     * How long its answer may take before the connection counts as dead, in ms. Default: 5,000. While
     * messages come, which it may be behind: twice `pingIntervalMs`.
     */
    pongTimeoutMs?: number;
    /**
     * What is refused.
     */
    limits?: LimitOptions;
    /**
     * What is written to the console, never with a token or a payload. Default: `"warn"`.
     */
    logLevel?: LogLevel;
    /**
     * How long before the end of a token that a function has given the next one is asked for, in ms;
     * at most half of the token's life. Default: 60,000.
     */
    renewTokenBeforeMs?: number;
    /**
     * Where tickets are had with `tokenPlacement: "ticket"`, absolute or relative to the page.
     * Default: `/ticket` under the server's address, such as `https://example.com/ws/ticket`.
     */
    ticketUrl?: string;
    /**
     * How much is kept of what is watched with `websocket.execution()`, `websocket.documents()` and
     * their hooks.
     */
    execution?: ExecutionOptions;
}

/**
 * How the token travels.
 *
 * - `query`: in `?token=`, which every FlowMaestro server understands, but proxies may log.
 * - `subprotocol`: as the subprotocol `bearer.<token>` beside `flowmaestro.v1`, which no log shows.
 * - `ticket`: in the `Authorization` header of a POST to `ticketUrl` before each connection, which
 *   changes it into a one-time ticket. That is in `?token=` then.
 */
export type TokenPlacement = "query" | "subprotocol" | "ticket";

/**
 * When to try again: `initialDelayMs × multiplier^(attempt − 1)`, at most `maxDelayMs`, jittered.
 */
export interface ReconnectOptions {
    /**
     * How many retries before giving up; `Infinity` never gives up. Default: 5.
     */
    maxAttempts?: number;
    /**
     * The delay before the first retry, in ms. Default: 1,000.
     */
    initialDelayMs?: number;
    /**
     * By how much each delay is longer than the one before. Default: 2.
     */
    multiplier?: number;
    /**
     * The longest delay, in ms, before jitter. Default: 30,000.
     */
    maxDelayMs?: number;
    /**
     * How delays are spread, so that the pages of a restarted server do not return all at once:
     * a fraction to either side, `"full"` (anything from 0 to the delay) or `"none"`. Default: 0.3.
     */
    jitter?: JitterOption;
    /**
     * How long a connection must have lasted for the attempts to be counted from zero again, in
     * ms. Default: 5,000.
     */
    stableAfterMs?: number;
}

/**
 * How delays are spread.
 */
export type JitterOption = NamedJitter | number;

/**
 * How delays are spread, by name.
 */
export type NamedJitter = "none" | "full";

/**
 * What is refused.
 */
export interface LimitOptions {
    /**
     * The longest message that is read, in UTF-16 code units. A longer one is dropped and told in
     * `connection:error`. Default: 16,777,216.
     */
    maxReceivedLength?: number;
    /**
     * The largest message that is sent, in bytes. Default: 65,536.
     */
    maxMessageBytes?: number;
    /**
     * How many executions may be subscribed at a time. Default: 128.
     */
    maxSubscriptions?: number;
    /**
     * How many messages may wait for the connection. Default: 100.
     */
    maxQueuedMessages?: number;
    /**
     * How many bytes of messages may wait for the connection. Default: 1,048,576.
     */
    maxQueuedBytes?: number;
    /**
     * How long a message may wait for the connection and the server's acknowledgement, in ms.
     * Default: 600,000.
     */
    maxMessageAgeMs?: number;
}

/**
 * How much is kept of each execution that is watched. What was cut is said in `truncated` and
 * `textDropped`. A change holds for what is watched from then on.
 */
export interface ExecutionOptions {
    /**
     * How many entries of its log: the latest. Default: 1,000.
     */
    maxLogEntries?: number;
    /**
     * How much of what a node streams, in UTF-16 code units: the end. Default: 262,144.
     */
    maxTextLength?: number;
    /**
     * How large an event may be to be kept, its output among it, in UTF-16 code units of JSON. Of a
     * larger one it is only known that it happened. In the log it is 4,096 at most. Default:
     * 1,048,576.
     */
    maxOutputLength?: number;
}

/**
 * What is written to the console: this and everything more serious.
 */
export type LogLevel = "silent" | "error" | "warn" | "info" | "debug";

/**
 * The state of the connection, told apart by `status`. The object stays the same until the state
 * changes, so it can serve as a snapshot.
 *
 * - `disconnected`: no connection, nor the wish for one.
 * - `connecting`: asking for a token, opening the socket, waiting for the server's welcome.
 *   `attempt` says how many retries it took so far: 0 for the first attempt.
 * - `connected`: the server's welcome arrived. `connectionId` is the server's id of it.
 * - `waiting`: the last attempt or connection ended with `cause`; retry number `attempt` (from 1)
 *   follows by itself at `retryAt`, in ms since the Unix epoch.
 * - `failed`: the connection is not tried again by itself; `error` says why, and what to do.
 */
export type ConnectionState = { status: "disconnected" } | { status: "connecting"; attempt: number } | { status: "connected"; connectionId: string } | { status: "waiting"; attempt: number; retryAt: number; cause: CloseCause } | { status: "failed"; error: ConnectionError | WasmInitError };

/**
 * How a connection ended.
 */
export interface CloseCause {
    /**
     * The close code (RFC 6455, section 7.4): the server's, 1006 for none (the network), 4000 when
     * no welcome came in time, 4001 when the token provider gave no token.
     */
    code: number;
    /**
     * The server's reason, or an empty string.
     */
    reason: string;
}

/**
 * What the client counted since the page was loaded.
 */
export interface ClientStats {
    /**
     * Sockets that were opened.
     */
    attempts: number;
    /**
     * Welcomes that arrived.
     */
    connections: number;
    /**
     * Events handed to handlers.
     */
    delivered: number;
    /**
     * Events dropped because nobody wants their execution any more.
     */
    unwanted: number;
    /**
     * Frames that could not be read, each told in `connection:error`.
     */
    unreadable: number;
    /**
     * Messages handed to the socket by `submitUserInput`.
     */
    sent: number;
    /**
     * Messages of `submitUserInput` that were not sent.
     */
    sendFailures: number;
    /**
     * Registered handlers.
     */
    handlers: number;
    /**
     * Executions that are subscribed, or still held.
     */
    subscriptions: number;
}
