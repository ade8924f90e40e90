// The client in Node, against the real gateway: copies of the package, handlers, options.

import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { createRequire } from "node:module";
import { after, before, beforeEach, test } from "node:test";
import { WebSocketClient, websocket, wsClient } from "flowmaestro-websocket";
import * as slim from "flowmaestro-websocket/slim";
import { completeNode, newUser } from "./gateway.mjs";

const require = createRequire(import.meta.url);

let user;
let sockets = 0;

before(async () => {
  const Original = globalThis.WebSocket;
  globalThis.WebSocket = class extends Original {
    constructor(url, protocols) {
      // Node sends no Origin by itself, without which the gateway wants an Authorization header.
      super(url, { protocols, headers: { origin: "http://127.0.0.1" } });
      sockets += 1;
    }
  };
  user = await newUser();
  websocket.configure({ url: user.url, tokenPlacement: "subprotocol" });
});

beforeEach(() => websocket.off("node:completed"));

after(() => websocket.disconnect());

/** The event that the client answers a subscription with. */
const subscribed = (client) =>
  new Promise((resolve) => {
    client.once("connection:subscribed", resolve);
  });

const abortListeners = (signal) => getEventListeners(signal, "abort").length;

test("every copy of the package gives the same client", () => {
  const copies = [slim, require("flowmaestro-websocket"), require("flowmaestro-websocket/slim")];
  for (const copy of copies) {
    assert.equal(copy.websocket, websocket);
    assert.equal(copy.wsClient, wsClient);
    assert.equal(copy.WebSocketClient.getInstance(), websocket);
  }
  assert.equal(WebSocketClient.getInstance(), websocket);
});

test("the copies share one socket, through which events come", async () => {
  const copy = require("flowmaestro-websocket");
  const ready = subscribed(copy.websocket);
  await Promise.all([websocket.connect(user.token), copy.websocket.connect(user.token)]);
  slim.websocket.subscribeToExecution(user.execution);
  await ready;
  const event = new Promise((resolve) => {
    websocket.on("node:completed", resolve, { executionId: user.execution });
  });
  await completeNode(user.execution, "n1");
  assert.equal((await event).nodeId, "n1");
  assert.equal(sockets, 1);
});

test("a signal ends a handler", async () => {
  const received = [];
  const controller = new AbortController();
  const { signal } = controller;
  const stays = new Promise((resolve) => {
    websocket.on("node:completed", ({ nodeId }) => nodeId === "n2" && resolve());
  });
  websocket.on("node:completed", ({ nodeId }) => received.push(nodeId), { signal });
  const first = new Promise((resolve) => {
    websocket.once("node:completed", resolve);
  });
  await completeNode(user.execution, "n1");
  await first;
  controller.abort();
  await completeNode(user.execution, "n2");
  await stays;
  assert.deepEqual(received, ["n1"]);
  assert.equal(abortListeners(signal), 0);
});

test("a handler that has ended leaves no listener on its signal", async () => {
  const { signal } = new AbortController();
  const handler = () => {};
  const unlisten = websocket.on("node:completed", handler, { signal });
  assert.equal(abortListeners(signal), 1);
  unlisten();
  assert.equal(abortListeners(signal), 0, "after its own function");
  websocket.on("node:completed", handler, { signal });
  websocket.off("node:completed", handler);
  assert.equal(abortListeners(signal), 0, "after off()");
  const called = new Promise((resolve) => {
    websocket.once("node:completed", resolve, { signal });
  });
  await completeNode(user.execution, "n3");
  await called;
  assert.equal(abortListeners(signal), 0, "after its one call");
});

test("a signal that has aborted already registers nothing", () => {
  const signal = AbortSignal.abort();
  const unlisten = websocket.on("node:completed", () => {}, { signal });
  assert.equal(websocket.hasHandlers("node:completed"), false);
  assert.equal(abortListeners(signal), 0);
  unlisten();
});

const WRONG_OPTIONS = [
  [{ ulr: "ws://x" }, /no option ulr;.* url,/],
  [{ reconnect: { maxAttempt: 1 } }, /no option reconnect\.maxAttempt;.* maxAttempts,/],
  [{ limits: { maxQueued: 1 } }, /no option limits\.maxQueued;.* maxQueuedBytes/],
  [{ connectTimeoutMs: -1 }, /connectTimeoutMs/],
  [{ tokenPlacement: "cookie" }, /tokenPlacement should be "query" or "subprotocol"/],
  [{ url: 5 }, /url should be string/],
  [{ reconnect: { jitter: "some" } }, /reconnect\.jitter should be number or "none" or "full"/],
];

for (const [wrong, message] of WRONG_OPTIONS) {
  test(`configure(${JSON.stringify(wrong)}) changes nothing and says why`, async () => {
    const elsewhere = { url: "ws://127.0.0.1:1/elsewhere" };
    assert.throws(() => websocket.configure({ ...elsewhere, ...wrong }), {
      name: "TypeError",
      message,
    });
    websocket.disconnect();
    await websocket.connect(user.token);
  });
}

for (const wrong of [null, undefined, 5, "url"]) {
  test(`configure(${wrong}) is a TypeError that says what it wants`, () => {
    assert.throws(() => websocket.configure(wrong), { name: "TypeError", message: /option/ });
  });
}
