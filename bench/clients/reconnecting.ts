// Sockets that reconnect: the user's own code is that of the plain client, on top of them.

import { WebSocket as PartySocket } from "partysocket";
import ReconnectingWebSocket from "reconnecting-websocket";
import type { Contender, Handler } from "./contender.js";
import { Listeners, receiver } from "./plain.js";

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
      socket.onmessage = receiver(socket, executionIds, this.#listeners, resolve);
    });
  }

  on(type: string, executionId: string, handler: Handler): void {
    this.#listeners.on(type, executionId, handler);
  }

  close(): void {
    this.#socket?.close();
  }
}
