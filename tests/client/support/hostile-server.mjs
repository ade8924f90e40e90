// A server that speaks the protocol but for what the tests send, and nonsense for it to send.

import { gzipSync } from "node:zlib";
import { SocketServer } from "../../support/socket-server.mjs";

export const EXECUTION = "exec_1";
export const EPOCH = "epoch_1";

const FEATURES = ["replay", "ack", "batch", "gzip", "presence", "rooms", "ping", "auth"];

export const MIB = 1024 * 1024;

/** Speaks the protocol, but for what the tests send. */
export class HostileServer extends SocketServer {
  connections = 0;
  /** What the client has sent, parsed. */
  received = [];
  /** It answers nothing but subscriptions. */
  isSilent = false;
  #history = [];
  #socket;

  /** Sends a frame as it is; an object as JSON. */
  send(frame) {
    const isObject = typeof frame === "object" && !Buffer.isBuffer(frame);
    this.#socket.send(isObject ? JSON.stringify(frame) : frame);
  }

  /** The next event of the execution, as it should be but for the changes. */
  sendNext(changes) {
    const next = event(this.#history.length + 1, changes);
    this.#history.push(next);
    this.send(next);
    return next;
  }

  welcome(socket) {
    this.connections += 1;
    this.#socket = socket;
    socket.on("message", (data) => this.#take(JSON.parse(data.toString())));
    this.send({ type: "connected", connectionId: "c", message: "m", features: FEATURES });
  }

  #take(message) {
    this.received.push(message);
    const { type, executionId, id, after = 0 } = message;
    const [head, epoch] = [this.#history.length, EPOCH];
    if (type === "subscribe" && executionId) {
      this.send({ type: "subscribed", executionId, epoch, head, recovered: true });
      for (const missed of this.#history.slice(after)) this.send(missed);
    }
    if (this.isSilent) return;
    if (type === "replay" && executionId) {
      const since = message.since;
      for (const past of this.#history) this.send(past);
      const count = this.#history.length;
      this.send({ type: "replayed", executionId, since, count, complete: true });
    }
    if (type === "ping") this.send({ type: "pong", id, heads: { [EXECUTION]: head } });
  }
}

/** An event of the execution, as it should be but for the changes. */
export function event(seq, changes = {}) {
  const [chunk, eventId] = [String(seq), `event_${seq}`];
  const about = { executionId: EXECUTION, nodeId: "n", chunk, eventId, seq };
  return { type: "node:stream", timestamp: 1, ...about, ...changes };
}

/** What no number, list or text should be. */
export const ABSURD = {
  0: 0,
  "-1": -1,
  1.5: 1.5,
  "2^53": 2 ** 53,
  "-2^53": -(2 ** 53),
  "1e308": 1e308,
  "a string": "2",
  "an empty string": "",
  null: null,
  true: true,
  "an array": [2],
  "an object": { valueOf: 2 },
};

/** What cannot be read: its name, the frame, and what is said of it. */
export const UNREADABLE = [
  ["not JSON", "{", "not valid JSON"],
  ["an array", "[]", "expected an object, found array"],
  ["no type", "{}", "type: expected string, found nothing"],
  ["a type that is none", '{"type":7}', "type: expected string, found number"],
  ["a number out of range", '{"type":1e400}', "type: expected string, found a number out of range"],
  ["depth", "[".repeat(MIB) + "]".repeat(MIB), "expected an object, found array"],
  ["bytes", Buffer.from([1, 2, 3]), "a binary frame, which this client did not ask for"],
  ["half of a gzip", gzipSync("{}").subarray(0, 15), "a binary frame, which this client did not"],
  ["a gzip of no text", gzipSync(Buffer.from([0xff])), "a binary frame, which this client did not"],
  ["a gzip of nonsense", gzipSync("nonsense"), "not valid JSON"],
  ["a gzip of a gzip", gzipSync(gzipSync("{}")), "a binary frame, which this client did not ask"],
  ["a batch of nothing", { type: "batch" }, "batch.events: expected array"],
  ["a batch of one thing", { type: "batch", events: {} }, "batch.events: expected array"],
  ["a missing field", event(2, { chunk: undefined }), "node:stream.chunk: missing"],
];
