// Events that nobody listens to are not read, but for what keeps the order.

import { websocket } from "flowmaestro-websocket";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

const EXECUTION = "exec_1";

const Original = globalThis.WebSocket;
const { parse } = JSON;

let socket;
let sent;
let parsed;

beforeEach(() => {
  sent = [];
  globalThis.WebSocket = class {
    constructor() {
      socket = this;
    }
    send(text) {
      sent.push(parse(text));
    }
    close() {}
  };
});

afterEach(() => {
  vi.restoreAllMocks();
  websocket.off("*");
  websocket.disconnect();
  websocket.unsubscribeFromExecution(EXECUTION);
  if (Original) globalThis.WebSocket = Original;
  else Reflect.deleteProperty(globalThis, "WebSocket");
});

const receive = (frame) =>
  socket.onmessage({ data: typeof frame === "string" ? frame : JSON.stringify(frame) });

/** Connects to a server that numbers its events, or to a baseline one. */
async function connect(features) {
  websocket.configure({ url: "ws://test/ws", limits: { maxReceivedLength: 10_000 } });
  const connecting = websocket.connect("a token");
  await vi.waitFor(() => expect(socket.onmessage).toBeTypeOf("function"));
  receive({ type: "connected", connectionId: "c", message: "m", features });
  await connecting;
  websocket.subscribeToExecution(EXECUTION);
  const position = features && { epoch: "e", head: 0, recovered: true };
  receive({ type: "subscribed", executionId: EXECUTION, ...position });
  parsed = vi.spyOn(JSON, "parse").mockImplementation((text) => parse(text));
}

const event = (seq, changes = {}) => ({
  type: "node:stream",
  timestamp: 1,
  executionId: EXECUTION,
  nodeId: "n",
  chunk: String(seq),
  ...(seq && { eventId: `event_${seq}`, seq }),
  ...changes,
});

const delivered = () => websocket.stats().delivered;

test("an event that nobody listens to is not parsed, and counts", async () => {
  await connect(["replay"]);
  const before = delivered();
  for (let seq = 1; seq <= 3; seq++) receive(event(seq));
  expect(parsed).not.toHaveBeenCalled();
  expect(delivered()).toBe(before + 3);
});

test("who comes to listen gets the next one, and misses none after it", async () => {
  await connect(["replay"]);
  const chunks = [];
  receive(event(1));
  const off = websocket.on("node:stream", ({ chunk }) => chunks.push(chunk));
  receive(event(2));
  off();
  receive(event(3));
  websocket.on("node:stream", ({ chunk }) => chunks.push(chunk), { once: true });
  receive(event(4));
  receive(event(5));
  expect(chunks).toEqual(["2", "4"]);
  expect(parsed).toHaveBeenCalledTimes(2);
});

test("handlers of another execution do not make it unread", async () => {
  await connect(["replay"]);
  const chunks = [];
  const handle = ({ chunk }) => chunks.push(chunk);
  const off = websocket.on("node:stream", handle, { executionId: EXECUTION });
  receive(event(1));
  off();
  expect(chunks).toEqual(["1"]);
});

test("an event is missed although nobody listens", async () => {
  await connect(["replay"]);
  receive(event(1));
  sent.length = 0;
  receive(event(3));
  expect(sent).toEqual([{ type: "subscribe", executionId: EXECUTION, after: 1, epoch: "e" }]);
});

test.each([
  ["is to be acknowledged", event(1, { ack: true })],
  ["ends the execution", event(1, { type: "execution:failed", error: "e", chunk: undefined })],
  ["names its execution later", { type: "node:stream", timestamp: 1, nodeId: "n", ...event(1) }],
  ["is of an execution nobody asked for", event(1, { executionId: "exec_2" })],
  ["is of a type that nobody knows", event(1, { type: "node:unknown" })],
  ["has no number where all have one", event(0)],
])("an event is read that %s", async (_what, frame) => {
  await connect(["replay", "ack"]);
  receive(frame);
  expect(parsed).toHaveBeenCalledTimes(1);
});

test.each([
  // In JSON the one's name begins with all of the other's: a quote that is no end.
  ["whose name is written alike", 'exec_"', "exec_\\"],
  // What stands behind the colon and one character, up to the next quote.
  ["that is no text", 5, ","],
])("an execution %s is not taken for another", async (_what, executionId, other) => {
  await connect(["replay"]);
  const before = delivered();
  websocket.subscribeToExecution(other);
  receive({ type: "subscribed", executionId: other, epoch: "e", head: 0, recovered: true });
  parsed.mockClear();
  receive(event(1, { executionId }));
  expect(parsed).toHaveBeenCalledTimes(1);
  expect(delivered()).toBe(before);
  websocket.unsubscribeFromExecution(other);
});

test("a name that JSON escapes is found again", async () => {
  await connect(undefined);
  const before = delivered();
  websocket.subscribeToExecution('exec_"');
  receive({ type: "subscribed", executionId: 'exec_"' });
  parsed.mockClear();
  for (let time = 0; time < 3; time++) receive(event(0, { executionId: 'exec_"' }));
  expect(parsed).toHaveBeenCalledTimes(1);
  expect(delivered()).toBe(before + 3);
  websocket.unsubscribeFromExecution('exec_"');
});

test("what only looks like a number at the end is none", async () => {
  await connect(["replay"]);
  const { eventId, seq, ...unnumbered } = event(1);
  receive({ ...unnumbered, chunk: `,"seq":1` });
  receive({ ...unnumbered, type: "node:completed", output: { a: 1, seq: 1 } });
  receive({ ...unnumbered, type: "node:retry", error: "e", nextRetryIn: 1, attempt: 1 });
  expect(parsed).toHaveBeenCalledTimes(3);
  receive(event(1));
  expect(parsed).toHaveBeenCalledTimes(3);
});

test("a baseline server's events need no number", async () => {
  await connect(undefined);
  const before = delivered();
  receive(event(0));
  expect(parsed).not.toHaveBeenCalled();
  expect(delivered()).toBe(before + 1);
});

test("an event over the limit is refused", async () => {
  await connect(undefined);
  websocket.configure({ limits: { maxReceivedLength: 1000 } });
  const errors = [];
  websocket.on("connection:error", ({ code }) => errors.push(code), { once: true });
  receive(event(0, { chunk: "x".repeat(1000) }));
  expect(errors).toEqual(["invalid_message"]);
});
