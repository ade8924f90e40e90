import { ConnectionError, requestError } from "../src/errors.js";
import { instance, stateEvent } from "../src/platform.js";
import { WatchedExecution, WatchedKnowledgeBase } from "../src/store.js";
import { type EventIteratorOptions, iterateEvents } from "./event-iterator.js";
import type { ConnectionEstablished, EventMap, WebSocketEvent } from "./events.js";
import type { Execution, KnowledgeBase, View } from "./execution.js";
import type { ClientOptions, ClientStats, ConnectionState } from "./option-types.js";
import { guarded, type Registration, Wishes } from "./survival.js";
import { createWasmClient, prepare, type WasmClient } from "./wasm.js";
import type { WasmInitError } from "./wasm-errors.js";
import { bury } from "./wasm-instance.js";
import { Views } from "./watching.js";

/**
 * Gives a token, or a promise of one. Asked for each connection, and before a token ends that says when
 * it does (a JWT with `exp`), so it may refresh the token.
 */
export type TokenProvider = () => string | Promise<string>;

/** The state of the connection has changed. */
export interface ConnectionStateEvent {
  type: "connection:state";
  /** The new state; the same object as `websocket.state`. */
  state: ConnectionState;
}

/** The server has acknowledged a subscription, also after each reconnect. */
export interface ConnectionSubscribed {
  type: "connection:subscribed";
  /** The execution, where it is one. */
  executionId: string;
  /** The room, where it is one. */
  room?: string;
  /** The subscription was live on an earlier connection. */
  resumed: boolean;
  /**
   * Everything follows that was missed: since the earlier connection, or since the execution began.
   * A baseline server keeps no history, and sends what happens from now on: fetch the rest.
   */
  recovered: boolean;
}

/** Events of an execution are missing, and will not come. Told before the next one. */
export interface ConnectionGap {
  type: "connection:gap";
  /** The execution: fetch its state. */
  executionId: string;
  /** The number of the first missing event; `null` where it has none, or one of another history. */
  fromSeq: number | null;
  /** The number of the last missing event; `null` when that is not known yet. */
  toSeq: number | null;
  /**
   * Why: the server does not keep them any more (`evicted`), has lost its history, or may have
   * (`restarted`), or never had one (`baseline`).
   */
  reason: "evicted" | "restarted" | "baseline";
}

/** Who watches an execution, whenever it changes. Asked for with `presence: true`. */
export interface Presence {
  type: "presence";
  /** The execution. */
  executionId: string;
  /** The users who are subscribed to it. */
  viewers: readonly Viewer[];
}

/** A user who watches an execution. */
export interface Viewer {
  /** The user. */
  userId: string;
  /** On how many connections. */
  connections: number;
  /** Since when, in ms since the Unix epoch. */
  since: number;
}

/** What the server has sent of an execution's past. */
export interface ReplayResult {
  /** How many events, those included that were delivered before. */
  count: number;
  /** Whether these are all since then: the server keeps events for some time only. */
  complete: boolean;
}

/** How an execution is subscribed. */
export interface SubscriptionOptions {
  /** Whether to be told who else watches, in `presence` events. Default: `false`. */
  presence?: boolean;
}

/** Something was refused or could not be read; the connection goes on. */
export interface ConnectionErrorEvent {
  type: "connection:error";
  /**
   * What it is, for programs: `invalid_message` (a frame that could not be read),
   * `token_unavailable` (the provider failed), `token_expiring` (and no provider can be asked),
   * `renewal_failed` (no connection could be made with a new token; the present one goes on),
   * `crashed` (the client's own WebAssembly has trapped, and was started anew),
   * `subscription_unanswered`, or a code of the server's such as `forbidden`.
   */
  code: string;
  /** What it is, for people. It names the event and field, and never repeats content. */
  message: string;
  /** The execution that it is about, where it is about one. */
  executionId?: string;
  /** The room that it is about, where it is about one. */
  room?: string;
}

/** A message of a type that this version does not know. */
export interface UnknownEvent {
  type: string;
  [field: string]: unknown;
}

/** What handlers can be registered for: the events, and what the client itself tells. */
export interface ClientEventMap extends EventMap {
  "connection:state": ConnectionStateEvent;
  "connection:subscribed": ConnectionSubscribed;
  "connection:gap": ConnectionGap;
  "connection:error": ConnectionErrorEvent;
  presence: Presence;
  /**
   * Every event but the welcome, after its own handlers; also a message of a type that is not
   * listed here.
   */
  "*": Exclude<WebSocketEvent, ConnectionEstablished>;
}

/** How a handler is registered. */
export interface HandlerOptions {
  /** Only events of this execution. */
  executionId?: string;
  /** End the registration before the first call. */
  once?: boolean;
  /** End the registration when this signal aborts. */
  signal?: AbortSignal;
}

/**
 * A function that takes an event. It may be written for a more particular one, such as
 * `NodeCompleted<Invoice>`, when its author knows what the workflow's nodes produce.
 */
export type EventHandler<E> = {
  /** Takes the event. */
  handle(event: E): void;
}["handle"];

/** Ends a registration. Calling it again does nothing. */
export type Unlisten = () => void;

// Two copies of this package on one page share one client, and with it one socket.
const SINGLETON = Symbol.for("flowmaestro-websocket");
const RESET = Symbol.for("flowmaestro-websocket.reset");
const shared = globalThis as { [SINGLETON]?: WebSocketClient };

/** The state before the first use, when there is no WebAssembly to ask. */
const DISCONNECTED: ConnectionState = Object.freeze({ status: "disconnected" });

/** An instance that dies more often than so many times in so many ms is not replaced any more. */
const MAX_CRASHES = 3;
const CRASHES_MS = 60_000;

/** What becomes of an answer and of a replay, as src/errors.js counts it. */
const UNCONFIRMED = 8;
const CONNECTION_LOST = 15;

function crashError(): ConnectionError {
  return new ConnectionError(
    "crashed",
    "The client's WebAssembly has crashed: please report it with what the page did.",
  );
}

/** A promise that may be left alone: its rejection is never reported as unhandled. */
function handled<T>(work: () => Promise<T>): Promise<T> {
  const promise = work();
  promise.catch(() => {});
  return promise;
}

/**
 * The one connection of this page to a FlowMaestro server.
 *
 * Every method may be called at any time, in any order, from within any handler, right after the
 * import. Nothing happens at import: the WebAssembly module is instantiated at the first call.
 */
export class WebSocketClient {
  #wasm: WasmClient | undefined;
  #wishes = new Wishes();
  /** When instances have died of late, in ms. */
  #crashes: number[] = [];
  /** What becomes of the calls that wait for an instance which has died. */
  readonly #unsettled = new Set<() => void>();
  /** The module could not be made ready: each use fails alike, until `init` has succeeded. */
  #failure: { error: WasmInitError | ConnectionError; state: ConnectionState } | undefined;
  /** The calls of `init` so far: one that fails late must not undo one that succeeded. */
  #prepared: Promise<void> = Promise.resolve();
  readonly #executions = new Views<WatchedExecution, Execution>(
    () => new WatchedExecution(),
    (id, watched) => this.#watchExecution(id, watched),
  );
  readonly #knowledgeBases = new Views<WatchedKnowledgeBase, KnowledgeBase>(
    () => new WatchedKnowledgeBase(),
    (id, watched) => this.#watchKnowledgeBase(id, watched),
  );

  /** There is one: {@link WebSocketClient.getInstance}. */
  private constructor() {}

  /** The client of this page. */
  static getInstance(): WebSocketClient {
    shared[SINGLETON] ??= new WebSocketClient();
    return shared[SINGLETON];
  }

  get #client(): WasmClient {
    if (this.#failure) throw this.#failure.error;
    return this.#wasm ?? this.#attempt(() => this.#begin());
  }

  /** A client in a fresh instance, which takes over from the last one if that has died. */
  #begin(): WasmClient {
    instance.onCrash = () => this.#crashed();
    const client = guarded(createWasmClient(), crashError);
    this.#wasm = client;
    if (this.#crashes.length === 0) return client;
    this.#wishes.restore(client, () => {
      // Before what is watched asks for its past, for which there has to be a connection to wait for.
      if (this.#wishes.isConnectionWanted) this.connect();
      this.#executions.reopen();
      this.#knowledgeBases.reopen();
    });
    return client;
  }

  /**
   * The instance has died. The next begins once nothing of the dead one is on the stack, or with the
   * next use.
   */
  #crashed(): void {
    this.#wasm = undefined;
    this.#wishes.note(instance.decoder?.positions() ?? []);
    bury();
    const now = performance.now();
    this.#crashes = [...this.#crashes.filter((at) => now - at < CRASHES_MS), now];
    if (this.#crashes.length > MAX_CRASHES) this.#fail(crashError());
    queueMicrotask(() => this.#goOn());
  }

  #goOn(): void {
    const { code, message } = crashError();
    this.#wishes.tell("connection:error", { type: "connection:error", code, message });
    try {
      void this.#client;
    } catch {
      this.#wishes.tell("connection:state", stateEvent(this.state));
    }
    const unsettled = [...this.#unsettled];
    this.#unsettled.clear();
    for (const settle of unsettled) settle();
  }

  /** The promise of a call; `otherwise` is what becomes of it when the instance dies before that. */
  #promised<T>(work: () => Promise<T>, otherwise: () => Promise<T>): Promise<T> {
    return handled(
      () =>
        new Promise((resolve, reject) => {
          const settle = () => resolve(otherwise());
          this.#unsettled.add(settle);
          const done = (async () => work())().then(resolve, reject);
          done.then(() => this.#unsettled.delete(settle));
        }),
    );
  }

  #attempt<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw this.#fail(error as WasmInitError);
    }
  }

  #fail<E extends WasmInitError | ConnectionError>(error: E): E {
    this.#failure = { error, state: Object.freeze({ status: "failed", error }) };
    return error;
  }

  /** @internal The `init` of the entries, here so that it serves every copy of the package. */
  prepare(input?: unknown): Promise<void> {
    const next = () => this.#prepare(input);
    this.#prepared = handled(() => this.#prepared.then(next, next));
    return this.#prepared;
  }

  async #prepare(input: unknown): Promise<void> {
    if (this.#wasm) return;
    try {
      await prepare(input);
      // In the meantime the main entry may have been used, which has needed no `init`.
      if (!this.#wasm) this.#begin();
      this.#failure = undefined;
    } catch (error) {
      throw this.#fail(error as WasmInitError);
    }
  }

  /** @internal Forgets everything, for the next test of a suite. */
  [RESET](): void {
    this.#executions.clear();
    this.#knowledgeBases.clear();
    this.#wasm?.disconnect();
    this.#wasm = undefined;
    this.#failure = undefined;
    this.#wishes = new Wishes();
    this.#crashes = [];
    this.#unsettled.clear();
  }

  /**
   * Changes options; those that are left out keep their values.
   *
   * @throws TypeError naming the option that is unknown, of another type, or out of its range;
   * nothing is changed.
   */
  configure(options: ClientOptions): void {
    this.#client.configure(options);
    this.#wishes.configure(options);
  }

  /**
   * Connects, and stays connected: after a connection has ended it is tried again as the
   * `reconnect` options say.
   *
   * With the token already in use this does nothing; with another one the new identity replaces the
   * old, whose unsent messages fail. Subscriptions and handlers stay.
   *
   * @param token - A token, or a function that gives one for each connection and before it ends. Left
   * out: the one of the last call.
   * @returns A promise that resolves at the server's welcome. It may be left alone: its rejection
   * is never reported as unhandled.
   * @throws ConnectionError (as a rejection) when the server refuses the token, no attempt
   * succeeds, or `disconnect()` or another `connect()` came first.
   */
  connect(token?: string | TokenProvider): Promise<void> {
    this.#wishes.connect(token);
    const work = () => this.#client.connect(this.#wishes.token);
    return this.#promised(work, () => this.connect());
  }

  /**
   * Ends the connection for good, until `connect()` is called. Unsent messages fail, the token is
   * forgotten; subscriptions and handlers are remembered.
   */
  disconnect(): void {
    this.#wishes.disconnect();
    this.#wasm?.disconnect();
  }

  /** Tries again now instead of waiting, also after all attempts have failed. */
  reconnectNow(): void {
    this.#client.reconnectNow();
  }

  /** Whether the connection is up: the server has welcomed it. */
  isConnected(): boolean {
    return this.state.status === "connected";
  }

  /** The state of the connection: the same frozen object until it changes. */
  get state(): ConnectionState {
    return this.#failure?.state ?? this.#wasm?.state ?? DISCONNECTED;
  }

  /**
   * Registers a handler for an event type. Handlers run in the order of registration; one that
   * throws is reported to the page (`reportError`) and stops nothing. The same function for the
   * same type and execution counts once.
   *
   * @param type - An event type, `"*"`, one of the client's own `connection:*` events, or the name
   * of an event that this version does not know.
   * @returns A function that ends the registration.
   * @throws TypeError when an argument is not what it should be.
   */
  on<K extends keyof ClientEventMap>(
    type: K,
    handler: EventHandler<ClientEventMap[K]>,
    options?: HandlerOptions,
  ): Unlisten;
  on(type: string, handler: EventHandler<UnknownEvent>, options?: HandlerOptions): Unlisten;
  on(type: string, handler: EventHandler<never>, options: HandlerOptions = {}): Unlisten {
    const { executionId, once = false, signal } = options;
    if (signal?.aborted) return () => {};
    const { registrations } = this.#wishes;
    const unlisten = () => {
      // Another instance may have given its number to another.
      if (registrations.get(registration.id) === registration) {
        this.#client.removeHandler(registration.id);
      }
    };
    const removed = () => {
      registrations.delete(registration.id);
      signal?.removeEventListener("abort", unlisten);
    };
    const id = this.#client.on(type, handler, executionId, once, removed);
    let registration: Registration = { id, type, handler, executionId, once, removed, unlisten };
    const same = registrations.get(id);
    if (same) registration = same;
    else registrations.set(id, registration);
    signal?.addEventListener("abort", unlisten, { once: true });
    return unlisten;
  }

  /** Registers a handler for one event: `on` with `once: true`. */
  once<K extends keyof ClientEventMap>(
    type: K,
    handler: EventHandler<ClientEventMap[K]>,
    options?: Omit<HandlerOptions, "once">,
  ): Unlisten;
  once(
    type: string,
    handler: EventHandler<UnknownEvent>,
    options?: Omit<HandlerOptions, "once">,
  ): Unlisten;
  once(type: string, handler: EventHandler<UnknownEvent>, options?: HandlerOptions): Unlisten {
    return this.on(type, handler, { ...options, once: true });
  }

  /**
   * Ends the registrations of a handler for an event type; without a handler, all of that type's.
   *
   * @throws TypeError when an argument is not what it should be.
   */
  off<K extends keyof ClientEventMap>(type: K, handler?: EventHandler<ClientEventMap[K]>): void;
  off(type: string, handler?: EventHandler<UnknownEvent>): void;
  off(type: string, handler?: EventHandler<never>): void {
    this.#client.off(type, handler);
  }

  /** Whether any handler is registered for this event type (`"*"` handlers count for `"*"`). */
  hasHandlers(type: string): boolean {
    return this.#client.hasHandlers(type);
  }

  /**
   * Asks for the events of an execution. Calls are counted: each wants its own
   * `unsubscribeFromExecution`. It is remembered in every state of the connection and asked for
   * again after each reconnect. After the execution's terminal event the server is told that
   * nothing more is expected.
   *
   * @param executionId - 1 to 128 bytes of UTF-8.
   * @throws TypeError when the id is not one; RequestError (`too_many_subscriptions`) over the
   * limit.
   */
  subscribeToExecution(executionId: string, { presence }: SubscriptionOptions = {}): void {
    this.#client.subscribeToExecution(executionId);
    if (presence) this.#client.watchPresence(executionId);
    this.#wishes.subscribe(executionId, presence);
  }

  /**
   * Takes one `subscribeToExecution` back. After the last one no event of the execution is
   * delivered any more. Without a subscription it does nothing.
   *
   * @throws TypeError when the id is not one.
   */
  unsubscribeFromExecution(executionId: string): void {
    this.#client.unsubscribeFromExecution(executionId);
    this.#wishes.unsubscribe(executionId);
  }

  /**
   * Asks for the events of every execution in a room. Calls are counted, as those of
   * `subscribeToExecution` are. What happens while the connection is down is not sent again.
   *
   * @param room - `workspace:<id>` or `project:<id>`.
   * @throws TypeError when the room is none; RequestError (`too_many_subscriptions`) over the limit.
   */
  subscribeToRoom(room: string): void {
    this.#client.subscribeToRoom(room);
    this.#wishes.subscribeToRoom(room);
  }

  /** Takes one `subscribeToRoom` back. */
  unsubscribeFromRoom(room: string): void {
    this.#client.unsubscribeFromRoom(room);
    this.#wishes.unsubscribeFromRoom(room);
  }

  /**
   * Events for a `for await` loop, from this call on until the loop is left or the signal aborts.
   *
   * ```ts
   * for await (const { chunk } of websocket.events("node:stream", { executionId, signal })) {
   *   output.append(chunk);
   * }
   * ```
   *
   * @throws TypeError when an argument is not what it should be; EventOverflowError from the loop,
   * when it is too slow and `overflow` is `"fail"`.
   */
  events<K extends keyof ClientEventMap>(
    type: K,
    options?: EventIteratorOptions,
  ): AsyncIterableIterator<ClientEventMap[K]>;
  events(type: string, options?: EventIteratorOptions): AsyncIterableIterator<UnknownEvent>;
  events(type: string, options: EventIteratorOptions = {}): AsyncIterableIterator<UnknownEvent> {
    const { executionId } = options;
    return iterateEvents((handler) => this.on(type, handler, { executionId }), options);
  }

  /**
   * Asks a server that keeps a history for what has happened in an execution since some time. The
   * events reach the same handlers as others, in their order, whether the execution is subscribed or
   * not; of one that is, those that were delivered before are left out. Live events wait behind them.
   *
   * Waits for a connection if there is none, and is asked again on the next if it is lost.
   *
   * @param executionId - 1 to 128 bytes of UTF-8.
   * @param since - Ms since the Unix epoch, or a `Date`; 0 for all there is.
   * @returns A promise that resolves when the server has sent them. It may be left alone, like that of
   * `connect`.
   * @throws TypeError when an argument is not what it should be; RequestError when the server keeps no
   * history (`not_supported`), refuses (`forbidden`, `rejected`) or is silent for half a minute
   * (`timeout`), or the replay was ended (`unsubscribed`, `not_connected`, `superseded`,
   * `connection_lost`). As rejections.
   */
  replay(executionId: string, since: number | Date): Promise<ReplayResult> {
    const work = () => this.#client.replay(executionId, since);
    return this.#promised(work, () => Promise.reject(requestError(CONNECTION_LOST, 0, 0)));
  }

  /**
   * Answers a `user:input:required`. Waits for a connection if there is none.
   *
   * @param value - The answer: anything that has a JSON form.
   * @returns A promise that resolves once the server has taken the answer, or with a baseline server
   * once it was handed to an open connection. Handlers of `user:input:response` get the event then.
   * It may be left alone, like that of `connect`.
   * @throws TypeError or RequestError, as a rejection; but for `unconfirmed` the server has not taken
   * the answer.
   */
  submitUserInput(executionId: string, nodeId: string, value: unknown): Promise<void> {
    const work = () => this.#client.submitUserInput(executionId, nodeId, value);
    return this.#promised(work, () => Promise.reject(requestError(UNCONFIRMED, 0, 0)));
  }

  /**
   * What an execution looks like, kept up to date while anybody subscribes to it: status, progress,
   * nodes, streamed text, questions, log. Watching subscribes to the execution, as
   * `subscribeToExecution` does; handlers need not be registered.
   *
   * ```ts
   * const run = websocket.execution(executionId);
   * const end = run.subscribe(() => console.log(run.getSnapshot().status));
   * ```
   *
   * @returns The same view for everybody while it is watched.
   */
  execution(executionId: string): View<Execution> {
    return this.#executions.view(executionId);
  }

  /**
   * Adds what is known from elsewhere, such as an HTTP API, of an execution that is watched: for
   * servers that keep no history, and executions whose history is gone. It counts as complete from
   * then on, until events are lost. Unwatched it does nothing.
   *
   * Ask for it once the subscription is acknowledged (`connection:subscribed`). Events that arrived
   * as well count once. Only chunks of `node:stream` without a `seq` cannot be told apart: those
   * given here take the place of what was streamed before.
   *
   * @param events - All its events, in any order. Those of others are left out.
   * @throws TypeError naming the field that is not as declared; nothing is changed.
   */
  restoreExecution(executionId: string, events: readonly object[]): void {
    this.#wasm?.restoreExecution(executionId, [...events]);
  }

  /**
   * What the documents of a knowledge base look like, kept up to date while anybody subscribes to
   * it. The server tells of them without being asked.
   *
   * @returns The same view for everybody while it is watched.
   */
  documents(knowledgeBaseId: string): View<KnowledgeBase> {
    return this.#knowledgeBases.view(knowledgeBaseId);
  }

  #watchExecution(executionId: string, watched: WatchedExecution) {
    const client = this.#client;
    if (client.watchExecution(executionId, watched)) this.#catchUp(client, executionId, watched);
    const close = () => this.#client.unwatchExecution(executionId);
    return { delayMs: client.unsubscribeDelayMs, close };
  }

  /** Somebody else has subscribed before, and so some of it has passed. */
  async #catchUp(client: WasmClient, executionId: string, watched: WatchedExecution) {
    try {
      const { complete } = await this.replay(executionId, 0);
      if (complete && this.#executions.has(watched)) client.completeExecution(executionId);
    } catch {
      // The server keeps no history, or refuses: it stays incomplete, which its snapshots say.
    }
  }

  #watchKnowledgeBase(knowledgeBaseId: string, watched: WatchedKnowledgeBase) {
    const client = this.#client;
    client.watchKnowledgeBase(knowledgeBaseId, watched);
    const close = () => this.#client.unwatchKnowledgeBase(knowledgeBaseId);
    return { delayMs: client.unsubscribeDelayMs, close };
  }

  /** What the client has counted since the page was loaded. */
  stats(): ClientStats {
    return this.#client.stats();
  }
}
