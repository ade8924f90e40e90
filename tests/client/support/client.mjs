// The package's client in Node, whose every frame can be looked at.

import { websocket } from "flowmaestro-websocket";
import { FakeGateway } from "flowmaestro-websocket/testing";
import { WebSocket } from "ws";
import { isEvent, originOf } from "./baseline.mjs";

const Original = globalThis.WebSocket;

/** The client, with a socket that Node may lack. `close()` makes it forget everything. */
export class OurClient {
  /** The frames of the server, binary ones left out. */
  frames = [];
  /** The events that handlers were called with. */
  events = [];
  errors = [];

  constructor() {
    const { frames } = this;
    globalThis.WebSocket = class extends WebSocket {
      constructor(url, protocols) {
        // As a page's browser does: it names the origin, and takes messages of any length.
        super(url, protocols, { origin: originOf(url), maxPayload: 0 });
        this.on("message", (data, isBinary) => isBinary || frames.push(data.toString()));
      }
    };
    websocket.on("*", (event) => isEvent(event) && this.events.push(event));
    websocket.on("connection:error", (error) => this.errors.push(error));
  }

  connect(url, token) {
    const reconnect = { initialDelayMs: 10, multiplier: 1, maxAttempts: 1_000, jitter: "none" };
    websocket.configure({ url, reconnect, unsubscribeDelayMs: 0, logLevel: "silent" });
    return websocket.connect(token);
  }

  /** Asks who else watches, too: a server without presence is not to hear of it. */
  subscribe(executionId) {
    websocket.subscribeToExecution(executionId, { presence: true });
  }

  unsubscribe(executionId) {
    websocket.unsubscribeFromExecution(executionId);
  }

  answer(executionId, nodeId, value) {
    return websocket.submitUserInput(executionId, nodeId, value);
  }

  close() {
    websocket.disconnect();
    if (Original) globalThis.WebSocket = Original;
    else Reflect.deleteProperty(globalThis, "WebSocket");
    new FakeGateway().restore();
  }
}
