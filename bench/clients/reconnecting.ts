// Sockets that reconnect: the user's own code is that of the plain client, on top of them.

import { WebSocket as PartySocket } from "partysocket";
import ReconnectingWebSocket from "reconnecting-websocket";
import type { Contender, Handler } from "./contender.js";
import { Listeners } from "./plain.js";

const SOCKETS = {
  "reconnecting-websocket": ReconnectingWebSocket,
  partysocket: PartySocket,
};

export class ReconnectingClient implements Contender {
  readonly protocol = "baseline";
  readonly #listeners = new Listeners();
  #socket: ReconnectingWebSocket | PartySocket | undefined;

  constructor(readonly name: keyof typeof SOCKETS) {}

  connect(url: string, executionIds: string[]): Promise<void> {
    return new Promise((resolve) => {
      const socket = new SOCKETS[this.name](url);
      this.#socket = socket;
      let unanswered = executionIds.length;
      socket.onmessage = (message: MessageEvent) => {
        const event = JSON.parse(message.data);
        if (event.type === "connected") {
          for (const executionId of executionIds) {
            socket.send(JSON.stringify({ type: "subscribe", executionId }));
          }
        } else if (event.type === "subscribed") {
          if (--unanswered === 0) resolve();
        } else {
          this.#listeners.emit(event);
        }
      };
    });
  }

  on(type: string, executionId: string, handler: Handler): void {
    this.#listeners.on(type, executionId, handler);
  }

  close(): void {
    this.#socket?.close();
  }
}
