// Socket.IO's client over a WebSocket: every event of a run is a message named "event".

import { io, type Socket } from "socket.io-client";
import type { Contender, Handler } from "./contender.js";
import { Listeners } from "./plain.js";

export class SocketIoClient implements Contender {
  readonly name = "socket.io-client";
  readonly protocol = "socket.io";
  readonly #listeners = new Listeners();
  #socket: Socket | undefined;

  connect(url: string, executionIds: string[]): Promise<void> {
    return new Promise((resolve) => {
      const socket = io(new URL(url).origin, { transports: ["websocket"], forceNew: true });
      this.#socket = socket;
      let unanswered = executionIds.length;
      socket.on("event", (event) => this.#listeners.emit(event));
      socket.on("subscribed", () => {
        if (--unanswered === 0) resolve();
      });
      for (const executionId of executionIds) socket.emit("subscribe", executionId);
    });
  }

  on(type: string, executionId: string, handler: Handler): void {
    this.#listeners.on(type, executionId, handler);
  }

  close(): void {
    this.#socket?.disconnect();
  }
}
