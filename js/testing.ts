/// <reference lib="esnext.disposable" preserve="true" />
/**
 * A gateway for tests: no server, no network, and time as the test wants it. It works in Node, in
 * DOM implementations and in browsers, with any test runner.
 *
 * @module flowmaestro-websocket/testing
 */

import { type EventMap, websocket } from "./index.js";
import { Connection } from "./testing/connection.js";
import { replaceProperty } from "./testing/globals.js";
import { History } from "./testing/history.js";
import { matches } from "./testing/matching.js";
import { type ReceivedMessage, readMessage } from "./testing/messages.js";
import { FakeSocket, type SocketEnd } from "./testing/socket.js";
import { VirtualClock } from "./testing/virtual-clock.js";
import { Waiting } from "./testing/waiting.js";

export type { ReceivedMessage };

/** How a {@link FakeGateway} behaves. */
export interface FakeGatewayOptions {
  /** Whether a token is valid. A missing one is always refused. Default: every token is. */
  authenticate?: (token: string) => boolean;
  /**
   * Whether the user with this token may see an execution. Asked for each subscription, each answer
   * and each event, as the real gateway does. Default: always.
   */
  authorize?: (executionId: string, token: string) => boolean;
  /**
   * What the gateway offers beyond the baseline. With `"replay"` it numbers and keeps the events of
   * executions: a client gets what it has missed, and may ask for it. Default: nothing.
   */
  features?: readonly "replay"[];
  /**
   * Replace the timers, `Date` and `performance.now` until `restore()`: time stands still until
   * `advance()`. Leave it out with a test runner's own fake timers. Default: `false`.
   */
  virtualTime?: boolean;
  /**
   * How long the waiting methods wait before they reject, in ms of real time, also with
   * `virtualTime`. Default: 3,000.
   */
  waitTimeoutMs?: number;
}

/** The names of the events that a server sends. */
export type ServerEventType = Exclude<
  keyof EventMap,
  "connection:established" | "user:input:response"
>;

/** An event as a test writes it: a `timestamp` (in ms since the Unix epoch) may be left out. */
export type EmittedEvent = {
  [K in ServerEventType]: Omit<EventMap[K], "timestamp"> & { timestamp?: number };
}[ServerEventType];

/** One step of {@link FakeGateway.play}. */
export interface ScriptedEvent {
  /** How long after the step before, in ms. */
  after: number;
  /** What is emitted then. */
  event: EmittedEvent;
}

/** How a connection is lost. */
export interface DropOptions {
  /** The close code. Default: 1006, which stands for no closing handshake. */
  code?: number;
  /** The close reason. Default: empty. */
  reason?: string;
}

/** What the client offers to tests: it forgets everything, as if it had never been used. */
const RESET = Symbol.for("flowmaestro-websocket.reset");

const DISPOSE: typeof Symbol.dispose = Symbol.dispose ?? Symbol.for("Symbol.dispose");

let installed: FakeGateway | undefined;

/**
 * A gateway in this process. From its construction to `restore()` every `new WebSocket` connects to
 * it, whatever the URL.
 *
 * It does as the real one does: connections open, are welcomed and get answers in microtasks, never
 * at once and never after a timer. What the test makes it do happens at once: handlers have run
 * when `emit`, `send` and `dropConnection` return.
 */
export class FakeGateway {
  readonly #options: FakeGatewayOptions;
  readonly #connections = new Set<Connection>();
  readonly #waiting: Waiting;
  readonly #clock: VirtualClock | undefined;
  readonly #history: History | undefined;
  readonly #restoreWebSocket: () => void;
  #received: ReceivedMessage[] = [];
  #isAccepting = true;
  #lastConnection = 0;
  #isRestored = false;

  /**
   * Puts the gateway in place of `globalThis.WebSocket`.
   *
   * @throws Error when another one is in place, or the client has a connection already.
   */
  constructor(options: FakeGatewayOptions = {}) {
    checkNothingInstalled();
    this.#options = options;
    this.#waiting = new Waiting(options.waitTimeoutMs ?? 3000, () => this.#describe());
    this.#history = options.features?.includes("replay") ? new History() : undefined;
    this.#clock = options.virtualTime ? new VirtualClock() : undefined;
    this.#restoreWebSocket = replaceProperty(globalThis, "WebSocket", this.#socketClass());
    installed = this;
  }

  /**
   * Waits until a client is connected: it has the welcome. Resolves at once if one is.
   *
   * @throws Error, as a rejection, when none is in time.
   */
  connected(): Promise<void> {
    return this.#waiting.until(() => this.#up().length > 0, "a connection");
  }

  /**
   * Waits until a connection is subscribed to an execution. Resolves at once if one is.
   *
   * @throws Error, as a rejection, when none is in time.
   */
  subscribed(executionId: string): Promise<void> {
    const isSubscribed = () => this.subscribers(executionId) > 0;
    return this.#waiting.until(isSubscribed, `a subscription to "${executionId}"`);
  }

  /**
   * Sends an event: one of an execution to the connections subscribed to it, any other to every
   * connection.
   *
   * @returns How many connections got it.
   */
  emit(event: EmittedEvent): number {
    const stamped = { ...event, timestamp: event.timestamp ?? Date.now() };
    const frame = JSON.stringify(stamped);
    if (!("executionId" in stamped)) return deliver(this.#up(), frame);
    const numbered = this.#history?.append(stamped) ?? frame;
    const receivers = this.#subscribersOf(stamped.executionId);
    return receivers.filter((receiver) => receiver.deliver(receiver.isNumbered ? numbered : frame))
      .length;
  }

  /**
   * Emits events one after another. With `virtualTime` it advances the clock itself; otherwise it
   * waits for `setTimeout`, real or faked by the test.
   */
  async play(script: readonly ScriptedEvent[]): Promise<void> {
    for (const { after, event } of script) {
      await this.#pass(after);
      if (this.#isRestored) return;
      this.emit(event);
    }
  }

  /**
   * Sends a frame as it is to every connection, for what a server should not send or this version
   * does not know.
   *
   * @param frame - The text of a text frame, the bytes of a binary one, or an object to send as
   * JSON.
   * @returns How many connections got it.
   */
  send(frame: string | ArrayBuffer | object): number {
    const isRaw = typeof frame === "string" || frame instanceof ArrayBuffer;
    return deliver(this.#up(), isRaw ? frame : JSON.stringify(frame));
  }

  /** Ends every connection, as if the server or the network were gone. New ones are accepted. */
  dropConnection({ code = 1006, reason = "" }: DropOptions = {}): void {
    for (const connection of [...this.#connections]) connection.close(code, reason);
  }

  /** From now on connecting fails, with 1006. Connections that are up stay up. */
  refuseConnections(): void {
    this.#isAccepting = false;
  }

  /** From now on connecting succeeds again. */
  acceptConnections(): void {
    this.#isAccepting = true;
  }

  /** What clients have sent, in order, but for the `hello` that answers a welcome. */
  get received(): readonly ReceivedMessage[] {
    return this.#received;
  }

  /** Forgets what clients have sent so far. */
  clearReceived(): void {
    this.#received = [];
  }

  /** How many connections are subscribed to an execution. */
  subscribers(executionId: string): number {
    return this.#subscribersOf(executionId).length;
  }

  /**
   * Lets virtual time pass: runs the timers that are due, in order, and what promises they settle.
   *
   * @param ms - How long, in ms; 0 runs what is due now.
   * @throws Error, as a rejection, without `virtualTime`.
   */
  async advance(ms: number): Promise<void> {
    if (!this.#clock) {
      throw new Error("time is real here: construct the FakeGateway with { virtualTime: true }");
    }
    await this.#clock.advance(ms);
  }

  /** @throws Error unless a connection is subscribed to the execution. */
  assertSubscribed(executionId: string): void {
    this.#assert(this.subscribers(executionId) > 0, `a subscription to "${executionId}"`);
  }

  /** @throws Error when a connection is subscribed to the execution. */
  assertNotSubscribed(executionId: string): void {
    this.#assert(this.subscribers(executionId) === 0, `no subscription to "${executionId}"`);
  }

  /**
   * @param expected - The fields that count; a message may have others, also in objects inside.
   * @throws Error unless a message like this was received.
   */
  assertReceived(expected: Partial<ReceivedMessage>): void {
    const isReceived = this.#received.some((message) => matches(message, expected));
    this.#assert(isReceived, `a message like ${JSON.stringify(expected)}`);
  }

  /** @throws Error when a message was received since the start or `clearReceived()`. */
  assertNothingReceived(): void {
    this.#assert(this.#received.length === 0, "no message");
  }

  /**
   * Puts `WebSocket` and the clock back, ends every connection, and resets the client: its
   * handlers, subscriptions and options are gone. Whoever still waits gets a rejection. Calling it
   * again does nothing.
   */
  restore(): void {
    if (this.#isRestored) return;
    this.#isRestored = true;
    resetClient();
    this.dropConnection();
    this.#waiting.cancel("the FakeGateway was restored");
    this.#clock?.restore();
    this.#restoreWebSocket();
    installed = undefined;
  }

  /** The same as {@link restore}, for `using`. */
  [DISPOSE](): void {
    this.restore();
  }

  #socketClass(): unknown {
    const connect = (end: SocketEnd) => this.#connect(end);
    return class WebSocket extends FakeSocket {
      constructor(url: string | URL, protocols: string | string[] = []) {
        super(url, protocols, connect);
      }
    };
  }

  #connect(end: SocketEnd): Connection {
    const { authenticate = () => true, authorize = () => true } = this.#options;
    this.#lastConnection += 1;
    const connection = new Connection(end, uuid(this.#lastConnection), {
      history: this.#history,
      isAccepting: () => this.#isAccepting,
      authenticate,
      authorize,
      onFrame: (data) => this.#record(data),
      onChange: () => this.#waiting.check(),
      onClose: () => this.#connections.delete(connection),
    });
    this.#connections.add(connection);
    return connection;
  }

  #record(data: unknown): void {
    const message = readMessage(data);
    if (message && message.type !== "hello") this.#received.push(message);
  }

  #up(): Connection[] {
    return [...this.#connections].filter((connection) => connection.isUp);
  }

  #subscribersOf(executionId: string): Connection[] {
    return this.#up().filter((connection) => connection.isSubscribed(executionId));
  }

  async #pass(ms: number): Promise<void> {
    if (this.#clock) return this.#clock.advance(ms);
    await new Promise((resolve) => setTimeout(resolve, ms));
  }

  #assert(isAsExpected: boolean, expected: string): void {
    if (!isAsExpected) throw new Error(`expected ${expected}; ${this.#describe()}`);
  }

  /** What there is, for errors. */
  #describe(): string {
    const up = this.#up();
    const ids = new Set(up.flatMap((connection) => [...connection.subscriptions]));
    const received = this.#received.map((message) => `\n  ${JSON.stringify(message)}`);
    const clock = this.#clock ? `\nTime is virtual: it passes with advance() and play() only.` : "";
    const { state } = websocket;
    const failure =
      state.status === "failed" ? `\nThe client has failed: ${state.error.message}` : "";
    return (
      `the gateway has ${up.length} connection(s), subscribed to ${JSON.stringify([...ids])}, ` +
      `and has received ${received.length} message(s)${received.join("")}${clock}${failure}`
    );
  }
}

function checkNothingInstalled(): void {
  if (installed) {
    throw new Error("a FakeGateway is in place already: restore() it first, say in afterEach");
  }
  const { status } = websocket.state;
  if (status === "disconnected" || status === "failed") return;
  throw new Error(
    `the client is ${status} already: construct the FakeGateway before anything connects, ` +
      "or call websocket.disconnect() first",
  );
}

function deliver(connections: Connection[], frame: string | ArrayBuffer): number {
  return connections.filter((connection) => connection.deliver(frame)).length;
}

function resetClient(): void {
  const client = websocket as unknown as { [RESET]?: () => void };
  client[RESET]?.();
}

/** A UUID v4 that is the same in each run. */
function uuid(number: number): string {
  return `00000000-0000-4000-8000-${number.toString(16).padStart(12, "0")}`;
}
