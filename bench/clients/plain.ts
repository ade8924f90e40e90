// The client that a user writes in an afternoon: JSON.parse, a Map of Sets, handlers that look
// whether an event is theirs. And the same with every event checked by a schema.

import type { RunEvent } from "../events.mjs";
import type { Contender, Handler } from "./contender.js";

/** Calls handlers by event type. */
export class Listeners {
  readonly #byType = new Map<string, Set<Handler>>();

  on(type: string, executionId: string, handler: Handler): void {
    const ofExecution: Handler = (event) => {
      if (event.executionId === executionId) handler(event);
    };
    const handlers = this.#byType.get(type) ?? new Set();
    this.#byType.set(type, handlers.add(ofExecution));
  }

  emit(event: RunEvent): void {
    const handlers = this.#byType.get(event.type);
    if (!handlers) return;
    for (const handler of handlers) {
      try {
        handler(event);
      } catch (error) {
        console.error("a handler failed", error);
      }
    }
  }
}

/** What a user does with the messages of a socket: subscribe at the welcome, then call handlers. */
export function receiver(
  socket: Pick<WebSocket, "send">,
  executionIds: string[],
  listeners: Listeners,
  onSubscribed: () => void,
  decode: (text: string) => RunEvent = JSON.parse,
): (message: MessageEvent) => void {
  let unanswered = executionIds.length;
  return (message) => {
    const event = decode(message.data);
    if (event.type === "connected") {
      for (const executionId of executionIds) {
        socket.send(JSON.stringify({ type: "subscribe", executionId }));
      }
    } else if (event.type === "subscribed") {
      if (--unanswered === 0) onSubscribed();
    } else {
      listeners.emit(event);
    }
  };
}

export class PlainClient implements Contender {
  readonly name: string = "plain JS";
  readonly protocol = "baseline";
  readonly #listeners = new Listeners();
  #socket: WebSocket | undefined;

  connect(url: string, executionIds: string[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(url);
      this.#socket = socket;
      socket.onerror = () => reject(new Error("the socket failed"));
      socket.onmessage = receiver(socket, executionIds, this.#listeners, resolve, (text) =>
        this.decode(text),
      );
    });
  }

  on(type: string, executionId: string, handler: Handler): void {
    this.#listeners.on(type, executionId, handler);
  }

  close(): void {
    this.#socket?.close();
  }

  /** The event of a frame. */
  protected decode(text: string): RunEvent {
    return JSON.parse(text);
  }
}
