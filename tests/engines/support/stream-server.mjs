// A server that sends as many events as it is asked for, and keeps none.

import { SocketServer } from "../../support/socket-server.mjs";

const FEATURES = ["replay", "ping"];

/** How many events are handed to the socket before it has to have sent them. */
const AT_ONCE = 500;

export class StreamServer extends SocketServer {
  #heads = new Map();
  #socket;

  /** Sends so many events of an execution to the page. */
  async stream(executionId, count) {
    for (let left = count; left > 0; left -= 1) {
      const seq = this.#head(executionId) + 1;
      this.#heads.set(executionId, seq);
      const event = {
        type: "node:stream",
        timestamp: seq,
        executionId,
        nodeId: "n",
        chunk: "text",
      };
      const text = JSON.stringify({ ...event, eventId: `${executionId}.${seq}`, seq });
      if (left % AT_ONCE > 0) this.#socket.send(text);
      else await new Promise((sent) => this.#socket.send(text, sent));
    }
  }

  welcome(socket) {
    this.#socket = socket;
    const answer = (message) => socket.send(JSON.stringify(message));
    socket.on("message", (data) => {
      const { type, executionId, id } = JSON.parse(data.toString());
      const head = this.#head(executionId);
      if (type === "subscribe")
        answer({ type: "subscribed", executionId, epoch: "e", head, recovered: true });
      if (type === "unsubscribe") answer({ type: "unsubscribed", executionId });
      if (type === "ping") answer({ type: "pong", id, heads: {} });
    });
    answer({ type: "connected", connectionId: "c", message: "m", features: FEATURES });
  }

  #head(executionId) {
    return this.#heads.get(executionId) ?? 0;
  }
}
