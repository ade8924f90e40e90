// The server's end of one connection. Its answers are the real gateway's, byte for byte; a
// conformance test asks both the same.

import type { History } from "./history.js";
import { byteLength, type ClientMessage, decodeClientMessage, InvalidMessage } from "./messages.js";
import { soon } from "./scheduling.js";
import type { Peer, SocketEnd } from "./socket.js";

/** What a connection asks and tells its gateway. */
export interface Server {
  /** What has happened so far; `undefined` without the `replay` feature. */
  readonly history: History | undefined;
  /** Whether a connection is accepted now. */
  isAccepting(): boolean;
  authenticate(token: string): boolean;
  authorize(executionId: string, token: string): boolean;
  /** A frame has come, which will be acted upon in a microtask. */
  onFrame(data: unknown): void;
  /** The connection is up, or its subscriptions have changed. */
  onChange(): void;
  /** The connection has ended. */
  onClose(): void;
}

type Subscribe = Extract<ClientMessage, { type: "subscribe" }>;

type ErrorCode = "forbidden" | "invalid_message" | "too_many_subscriptions" | "too_large";

const SUBPROTOCOL = "flowmaestro.v1";
const TOKEN_SUBPROTOCOL_PREFIX = "bearer.";

/** The real gateway's limits, where no flag changes them. */
const MAX_MESSAGE_BYTES = 64 * 1024;
const MAX_SUBSCRIPTIONS = 128;

const FORBIDDEN = "The execution does not exist, or belongs to someone else";
const TOO_MANY_SUBSCRIPTIONS =
  "The connection has as many subscriptions as it may: unsubscribe from some first";

export class Connection implements Peer {
  readonly #end: SocketEnd;
  readonly #server: Server;
  readonly #id: string;
  readonly #token: string;
  readonly #subscriptions = new Set<string>();
  #state: "opening" | "up" | "closed" = "opening";
  /** Whether the client understands `error` frames: it said hello. */
  #wantsErrors = false;
  /** What has happened so far, where the client has asked for the `replay` feature. */
  #history: History | undefined;

  constructor(end: SocketEnd, id: string, server: Server) {
    this.#end = end;
    this.#server = server;
    this.#id = id;
    this.#token = tokenOf(end);
    soon(() => this.#open());
  }

  /** Whether the welcome was handed over, and the connection has not ended since. */
  get isUp(): boolean {
    return this.#state === "up";
  }

  get subscriptions(): ReadonlySet<string> {
    return this.#subscriptions;
  }

  /** Whether the connection gets the events of an execution now. */
  isSubscribed(executionId: string): boolean {
    return this.#subscriptions.has(executionId) && this.#server.authorize(executionId, this.#token);
  }

  /** Whether the client wants events with their numbers. */
  get isNumbered(): boolean {
    return this.#history !== undefined;
  }

  /** Sends a frame, and says whether the client got it. */
  deliver(frame: string | ArrayBuffer): boolean {
    return this.#end.deliver(frame);
  }

  close(code: number, reason: string): void {
    this.#end.close(code, reason);
  }

  onFrame(data: unknown): void {
    this.#server.onFrame(data);
    soon(() => {
      if (this.#state === "up") this.#handle(data);
    });
  }

  onClose(): void {
    this.#state = "closed";
    this.#server.onClose();
  }

  #open(): void {
    const { protocols } = this.#end;
    // A browser fails a connection whose server took none of the subprotocols.
    const protocol = protocols.length === 0 ? "" : protocols.find((name) => name === SUBPROTOCOL);
    if (!this.#server.isAccepting() || protocol === undefined) {
      this.close(1006, "");
      return;
    }
    // Before the answers to what the client sends as soon as it is open.
    soon(() => this.#greet());
    this.#end.open(protocol);
  }

  #greet(): void {
    if (this.#state === "closed") return;
    const refusal = this.#refusal();
    if (refusal !== undefined) {
      this.close(1008, refusal);
      return;
    }
    this.#state = "up";
    const isWelcomed = this.#send({
      type: "connected",
      connectionId: this.#id,
      message: "Connected to FlowMaestro WebSocket",
      features: this.#server.history ? ["replay"] : [],
    });
    if (isWelcomed) this.#server.onChange();
  }

  #refusal(): string | undefined {
    if (this.#token === "") return "Authentication required";
    return this.#server.authenticate(this.#token) ? undefined : "Invalid token";
  }

  #handle(data: unknown): void {
    if (sizeOf(data) > MAX_MESSAGE_BYTES) {
      this.#refuse("too_large", `The message is larger than ${MAX_MESSAGE_BYTES} bytes`);
      this.close(1009, "Message too large");
      return;
    }
    try {
      this.#act(decodeClientMessage(data));
    } catch (error) {
      if (!(error instanceof InvalidMessage)) throw error;
      this.#refuse("invalid_message", error.message);
    }
  }

  #act(message: ClientMessage): void {
    switch (message.type) {
      case "hello":
        this.#wantsErrors = true;
        if (message.features.includes("replay")) this.#history = this.#server.history;
        break;
      case "subscribe":
        this.#subscribe(message);
        break;
      case "replay":
        this.#replay(message.executionId, message.since);
        break;
      case "unsubscribe":
        this.#subscriptions.delete(message.executionId);
        this.#send({ type: "unsubscribed", executionId: message.executionId });
        this.#server.onChange();
        break;
      case "user:input:response":
        this.#checkMaySee(message.executionId);
        break;
    }
  }

  #subscribe({ executionId, after = 0, epoch }: Subscribe): void {
    if (!this.#checkMaySee(executionId)) return;
    const isFull = this.#subscriptions.size >= MAX_SUBSCRIPTIONS;
    if (isFull && !this.#subscriptions.has(executionId)) {
      this.#refuse("too_many_subscriptions", TOO_MANY_SUBSCRIPTIONS, executionId);
      return;
    }
    this.#subscriptions.add(executionId);
    this.#start(executionId, after, epoch);
    this.#server.onChange();
  }

  /** Answers a subscription, with what the client has missed where it wants that. */
  #start(executionId: string, after: number, named: string | undefined): void {
    const history = this.#history;
    if (!history) {
      this.#send({ type: "subscribed", executionId });
      return;
    }
    const { epoch } = history;
    const head = history.head(executionId);
    const recovered = (named ?? epoch) === epoch && after <= head;
    this.#send({ type: "subscribed", executionId, epoch, head, recovered });
    for (const text of history.after(executionId, recovered ? after : 0)) this.deliver(text);
  }

  #replay(executionId: string, since: number): void {
    const history = this.#history;
    if (!history) {
      this.#refuse("invalid_message", "a feature that is not switched on");
      return;
    }
    if (!this.#checkMaySee(executionId)) return;
    const events = history.since(executionId, since);
    for (const text of events) this.deliver(text);
    const count = events.length;
    this.#send({ type: "replayed", executionId, since, count, complete: true });
  }

  #checkMaySee(executionId: string): boolean {
    const maySee = this.#server.authorize(executionId, this.#token);
    if (!maySee) this.#refuse("forbidden", FORBIDDEN, executionId);
    return maySee;
  }

  #refuse(code: ErrorCode, message: string, executionId?: string): void {
    if (this.#wantsErrors) this.#send({ type: "error", code, message, executionId });
  }

  #send(message: object): boolean {
    return this.deliver(JSON.stringify(message));
  }
}

/** The token of a connection, or an empty string. */
function tokenOf({ url, protocols }: SocketEnd): string {
  const bearer = protocols.find((name) => name.startsWith(TOKEN_SUBPROTOCOL_PREFIX));
  return bearer?.slice(TOKEN_SUBPROTOCOL_PREFIX.length) ?? url.searchParams.get("token") ?? "";
}

/** In bytes. */
function sizeOf(data: unknown): number {
  if (typeof data === "string") return byteLength(data);
  const { byteLength: bytes, size } = data as { byteLength?: number; size?: number };
  return bytes ?? size ?? 0;
}
