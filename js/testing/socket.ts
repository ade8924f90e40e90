// A WebSocket (WHATWG WebSockets Standard) whose other end is in the same process. Its events are
// plain objects: the classes of events are missing in Node or differ between DOM implementations.

import { reportException, soon } from "./scheduling.js";

/** What a server sees of a socket. */
export interface SocketEnd {
  readonly url: URL;
  readonly protocols: readonly string[];
  /** Completes the opening handshake. */
  open(protocol: string): void;
  /** Delivers a frame, synchronously, and says whether it did: only an open socket gets one. */
  deliver(data: string | ArrayBuffer): boolean;
  /** Ends the connection, synchronously; 1006 stands for no closing handshake. */
  close(code: number, reason: string): void;
}

/** What a socket tells its server. */
export interface Peer {
  onFrame(data: unknown): void;
  /** The connection has ended, whoever ended it. Called once. */
  onClose(): void;
}

type SocketEventType = "open" | "message" | "error" | "close";

interface SocketEvent {
  readonly type: string;
}

type Callback = (event: SocketEvent) => void;
type Listener = Callback | { handleEvent: Callback };

const CONNECTING = 0;
const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;

const NO_STATUS_CODE = 1005;
const ABNORMAL_CLOSURE = 1006;

const MAX_REASON_BYTES = 123;

/** A token of RFC 9110, section 5.6.2, as subprotocols have to be. */
const PROTOCOL = /^[!#$%&'*+\-.^_`|~\w]+$/;

export class FakeSocket {
  static readonly CONNECTING = CONNECTING;
  static readonly OPEN = OPEN;
  static readonly CLOSING = CLOSING;
  static readonly CLOSED = CLOSED;
  readonly CONNECTING = CONNECTING;
  readonly OPEN = OPEN;
  readonly CLOSING = CLOSING;
  readonly CLOSED = CLOSED;

  readonly url: string;
  readonly extensions = "";
  readonly bufferedAmount = 0;
  binaryType = "blob";
  onopen: Callback | null = null;
  onmessage: Callback | null = null;
  onerror: Callback | null = null;
  onclose: Callback | null = null;

  #readyState = CONNECTING;
  #protocol = "";
  #listeners = new Map<string, Map<Listener, { once: boolean }>>();
  #peer: Peer;

  constructor(
    url: string | URL,
    protocols: string | readonly string[],
    serve: (end: SocketEnd) => Peer,
  ) {
    const address = parseUrl(url);
    this.url = address.href;
    this.#peer = serve({
      url: address,
      protocols: checkProtocols(protocols),
      open: (protocol) => this.#open(protocol),
      deliver: (data) => this.#deliver(data),
      close: (code, reason) => this.#end(code, reason),
    });
  }

  get readyState(): number {
    return this.#readyState;
  }

  get protocol(): string {
    return this.#protocol;
  }

  send(data: unknown): void {
    if (this.#readyState === CONNECTING) {
      throw new DOMException("The socket is still connecting.", "InvalidStateError");
    }
    if (this.#readyState === OPEN) this.#peer.onFrame(data);
  }

  close(code?: number, reason = ""): void {
    checkClose(code, reason);
    if (this.#readyState >= CLOSING) return;
    const isOpen = this.#readyState === OPEN;
    this.#readyState = CLOSING;
    soon(() =>
      isOpen ? this.#end(code ?? NO_STATUS_CODE, reason) : this.#end(ABNORMAL_CLOSURE, ""),
    );
  }

  addEventListener(
    type: string,
    listener: Listener | null,
    options?: boolean | { once?: boolean; signal?: AbortSignal },
  ): void {
    const { once = false, signal } = typeof options === "object" ? options : {};
    if (listener === null || signal?.aborted) return;
    const listeners = this.#listeners.get(type) ?? new Map<Listener, { once: boolean }>();
    this.#listeners.set(type, listeners);
    if (listeners.has(listener)) return;
    listeners.set(listener, { once });
    signal?.addEventListener("abort", () => listeners.delete(listener), { once: true });
  }

  removeEventListener(type: string, listener: Listener | null): void {
    if (listener !== null) this.#listeners.get(type)?.delete(listener);
  }

  dispatchEvent(event: SocketEvent): boolean {
    this.#call(this[`on${event.type as SocketEventType}`], event);
    const listeners = this.#listeners.get(event.type);
    for (const [listener, { once }] of [...(listeners ?? [])]) {
      if (!listeners?.has(listener)) continue;
      if (once) listeners.delete(listener);
      this.#call(listener, event);
    }
    return true;
  }

  #open(protocol: string): void {
    if (this.#readyState !== CONNECTING) return;
    this.#readyState = OPEN;
    this.#protocol = protocol;
    this.#fire("open", {});
  }

  #deliver(data: string | ArrayBuffer): boolean {
    const isOpen = this.#readyState === OPEN;
    if (isOpen) this.#fire("message", { data, origin: new URL(this.url).origin });
    return isOpen;
  }

  #end(code: number, reason: string): void {
    if (this.#readyState === CLOSED) return;
    this.#readyState = CLOSED;
    this.#peer.onClose();
    const wasClean = code !== ABNORMAL_CLOSURE;
    if (!wasClean) this.#fire("error", {});
    this.#fire("close", { code, reason, wasClean });
  }

  #fire(type: SocketEventType, fields: object): void {
    this.dispatchEvent({ type, target: this, currentTarget: this, ...fields } as SocketEvent);
  }

  #call(listener: Listener | null | undefined, event: SocketEvent): void {
    try {
      if (typeof listener === "function") listener.call(this, event);
      else listener?.handleEvent(event);
    } catch (error) {
      reportException(error);
    }
  }
}

function parseUrl(url: string | URL): URL {
  let address: URL;
  try {
    address = new URL(url, globalThis.location?.href);
  } catch {
    throw new DOMException(`The URL '${url}' is invalid.`, "SyntaxError");
  }
  address.protocol = address.protocol.replace(/^http/, "ws");
  if (!/^wss?:$/.test(address.protocol) || address.hash !== "") {
    throw new DOMException(`The URL '${url}' is none of a WebSocket.`, "SyntaxError");
  }
  return address;
}

function checkProtocols(protocols: string | readonly string[]): readonly string[] {
  const list = typeof protocols === "string" ? [protocols] : [...protocols];
  const invalid = list.find((name, i) => !PROTOCOL.test(name) || list.indexOf(name) !== i);
  if (invalid !== undefined) {
    throw new DOMException(`The subprotocol '${invalid}' is invalid.`, "SyntaxError");
  }
  return list;
}

function checkClose(code: number | undefined, reason: string): void {
  if (code !== undefined && code !== 1000 && !(code >= 3000 && code <= 4999)) {
    throw new DOMException(
      `The code must be 1000, or 3000 to 4999; ${code} is neither.`,
      "InvalidAccessError",
    );
  }
  if (new TextEncoder().encode(reason).length > MAX_REASON_BYTES) {
    throw new DOMException(`The reason is over ${MAX_REASON_BYTES} bytes.`, "SyntaxError");
  }
}
