// A WebSocket without a network: the page's clients open it as they would a real one, and the
// benchmark hands them their frames. Imported before any client, since some look for WebSocket once.

import { PROTOCOLS } from "./protocols.mjs";

type Listener = ((event: Event) => void) | { handleEvent(event: Event): void };

/** The sockets that are open, in the order of their opening. */
const sockets: FakeSocket[] = [];

export class FakeSocket {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;
  readonly CONNECTING = 0;
  readonly OPEN = 1;
  readonly CLOSING = 2;
  readonly CLOSED = 3;
  readonly extensions = "";
  readonly protocol: string;
  readonly server: ReturnType<NonNullable<(typeof PROTOCOLS)[string]>>;
  readonly bufferedAmount = 0;
  binaryType = "blob";
  readyState = 0;
  onopen: ((event: Event) => void) | null = null;
  onmessage: ((event: MessageEvent) => void) | null = null;
  onclose: ((event: CloseEvent) => void) | null = null;
  onerror: ((event: Event) => void) | null = null;
  readonly #listeners = new Map<string, Set<Listener>>();

  /** The last part of the path names the protocol of the server. */
  constructor(
    readonly url: string,
    protocols?: string | string[],
  ) {
    this.protocol = [protocols ?? ""].flat()[0] ?? "";
    const name = new URL(url).pathname.split("/")[1] ?? "";
    const server = PROTOCOLS[name];
    if (!server) throw new Error(`there is no protocol ${name}`);
    this.server = server();
    sockets.push(this);
    setTimeout(() => this.#open());
  }

  #open(): void {
    this.readyState = 1;
    const event = new Event("open");
    this.onopen?.(event);
    this.#tell("open", event);
    for (const text of this.server.opened()) this.deliver(messageOf(text));
  }

  addEventListener(type: string, listener: Listener): void {
    const listeners = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, listeners.add(listener));
  }

  removeEventListener(type: string, listener: Listener): void {
    this.#listeners.get(type)?.delete(listener);
  }

  send(text: string): void {
    const answers = this.server.answer(text);
    if (answers.length === 0) return;
    setTimeout(() => {
      for (const answer of answers) this.deliver(messageOf(answer));
    });
  }

  close(code = 1000): void {
    if (this.readyState >= 2) return;
    this.readyState = 3;
    const event = new CloseEvent("close", { code });
    this.onclose?.(event);
    this.#tell("close", event);
  }

  /** Hands a message to whoever listens, as the browser would. */
  deliver(event: MessageEvent): void {
    if (this.onmessage) this.onmessage(event);
    this.#tell("message", event);
  }

  #tell(type: string, event: Event): void {
    const listeners = this.#listeners.get(type);
    if (!listeners) return;
    for (const listener of listeners) {
      if (typeof listener === "function") listener.call(this, event);
      else listener.handleEvent(event);
    }
  }
}

/** A message as the browser makes it: its text is one flat string, not a rope of parts. */
export function messageOf(text: string): MessageEvent {
  const data = new TextDecoder().decode(new TextEncoder().encode(text));
  return new MessageEvent("message", { data });
}

/** The socket that was opened last. */
export function lastSocket(): FakeSocket {
  const socket = sockets.at(-1);
  if (!socket) throw new Error("no socket has been opened");
  return socket;
}

globalThis.WebSocket = FakeSocket as unknown as typeof WebSocket;
