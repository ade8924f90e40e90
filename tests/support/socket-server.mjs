// What the servers of the tests have in common: where they listen, and how they end.

import { once } from "node:events";
import { WebSocketServer } from "ws";

/** Each socket that a client opens goes to `welcome(socket, request)`, which a subclass has. */
export class SocketServer {
  #server;

  async start(port = 0) {
    this.#server = new WebSocketServer({ host: "127.0.0.1", port, path: "/ws" });
    this.#server.on("connection", (socket, request) => this.welcome(socket, request));
    await once(this.#server, "listening");
  }

  get url() {
    return `ws://127.0.0.1:${this.#server.address().port}/ws`;
  }

  /** How many sockets are open. */
  get open() {
    return this.#server.clients.size;
  }

  /** Ends every connection, without a word. */
  drop() {
    for (const socket of this.#server.clients) socket.terminate();
  }

  async close() {
    this.drop();
    this.#server.close();
    await once(this.#server, "close");
  }
}
