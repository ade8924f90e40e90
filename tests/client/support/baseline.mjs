// A server and a client of the baseline protocol, as the original ones were: whatever was added to
// the protocol since, they have never heard of.

import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { WebSocket } from "ws";
import { SocketServer } from "../../support/socket-server.mjs";

/** Sends events to those who subscribed, and ignores what it does not know. */
export class BaselineServer extends SocketServer {
  /** Every frame of every client, in order. */
  frames = [];
  #subscriptions = new Map();

  get answers() {
    return this.frames.map((text) => JSON.parse(text)).filter(isAnswer);
  }

  /** Sends an event as it is: one of an execution to its subscribers, any other to everybody. */
  emit(text) {
    const { executionId } = JSON.parse(text);
    for (const [socket, executions] of this.#subscriptions) {
      if (executionId === undefined || executions.has(executionId)) socket.send(text);
    }
  }

  welcome(socket, { url }) {
    const { searchParams } = new URL(url, this.url);
    if (!searchParams.get("token")) return socket.close(1008, "Authentication required");
    this.#subscriptions.set(socket, new Set());
    socket.on("message", (data) => this.#take(socket, data.toString()));
    socket.on("close", () => this.#subscriptions.delete(socket));
    const message = "Connected to FlowMaestro WebSocket";
    socket.send(JSON.stringify({ type: "connected", connectionId: randomUUID(), message }));
  }

  #take(socket, text) {
    this.frames.push(text);
    const { type, executionId } = JSON.parse(text);
    if (typeof executionId !== "string") return;
    const executions = this.#subscriptions.get(socket);
    if (type === "subscribe") {
      executions.add(executionId);
      socket.send(JSON.stringify({ type: "subscribed", executionId }));
    } else if (type === "unsubscribe") {
      executions.delete(executionId);
      socket.send(JSON.stringify({ type: "unsubscribed", executionId }));
    }
  }
}

/** Knows nothing but what the baseline has, and keeps every frame that it gets. */
export class BaselineClient {
  frames = [];
  #socket;

  async connect(url, token) {
    this.#socket = new WebSocket(`${url}?token=${token}`, { origin: originOf(url) });
    this.#socket.on("message", (data) => this.frames.push(data.toString()));
    await once(this.#socket, "message");
  }

  get events() {
    return this.frames.map((text) => JSON.parse(text)).filter(isEvent);
  }

  subscribe(executionId) {
    this.#send({ type: "subscribe", executionId });
  }

  unsubscribe(executionId) {
    this.#send({ type: "unsubscribe", executionId });
  }

  answer(executionId, nodeId, value) {
    const type = "user:input:response";
    this.#send({ type, timestamp: Date.now(), executionId, nodeId, value });
  }

  close() {
    this.#socket.terminate();
  }

  #send(message) {
    this.#socket.send(JSON.stringify(message));
  }
}

/** That of a page which the server itself has served. */
export function originOf(url) {
  return new URL(url.replace(/^ws/, "http")).origin;
}

/** Nothing else has a time. */
export function isEvent({ timestamp }) {
  return timestamp !== undefined;
}

function isAnswer({ type }) {
  return type === "user:input:response";
}
