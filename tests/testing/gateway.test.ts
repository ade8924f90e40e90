// The fake gateway with the real client: connecting, events, and how it ends.

import { ConnectionError, websocket } from "flowmaestro-websocket";
import { FakeGateway, type FakeGatewayOptions } from "flowmaestro-websocket/testing";
import { afterEach, expect, test, vi } from "vitest";

const URL = "wss://gateway.test/ws";

const RealWebSocket = globalThis.WebSocket;

let gateway: FakeGateway | undefined;

afterEach(() => {
  gateway?.restore();
  gateway = undefined;
});

function start(options?: FakeGatewayOptions): FakeGateway {
  gateway = new FakeGateway(options);
  websocket.configure({ url: URL, logLevel: "silent" });
  return gateway;
}

function stream(executionId: string, chunk: string) {
  return { type: "node:stream", executionId, nodeId: "node_1", chunk } as const;
}

test("a client connects and gets the welcome", async () => {
  const gateway = start();
  const welcome = vi.fn();
  websocket.on("connection:established", welcome);
  const connected = websocket.connect("token");
  expect(websocket.state.status).toBe("connecting");
  await gateway.connected();
  await connected;
  expect(welcome).toHaveBeenCalledWith({
    type: "connected",
    connectionId: "00000000-0000-4000-8000-000000000001",
    message: "Connected to FlowMaestro WebSocket",
    features: [],
  });
  expect(websocket.isConnected()).toBe(true);
});

test.each(["query", "subprotocol"] as const)("the token is read from the %s", async (placement) => {
  const authenticate = vi.fn(() => true);
  start({ authenticate });
  websocket.configure({ tokenPlacement: placement });
  await websocket.connect("a.token");
  expect(authenticate.mock.calls).toEqual([["a.token"]]);
});

test("a refused token is unauthorized", async () => {
  start({ authenticate: (token) => token === "good" });
  const refused = await websocket.connect("bad").catch((error) => error);
  expect(refused).toBeInstanceOf(ConnectionError);
  expect(refused).toMatchObject({
    code: "unauthorized",
    closeCode: 1008,
    reason: "Invalid token",
  });
  await websocket.connect("good");
});

test("a missing token is unauthorized, whatever authenticate says", async () => {
  start({ authenticate: () => true });
  await expect(websocket.connect()).rejects.toMatchObject({
    code: "unauthorized",
    reason: "Authentication required",
  });
});

test("an event goes to the subscribers of its execution, at once", async () => {
  const gateway = start();
  const seen: unknown[] = [];
  websocket.on("node:stream", (event) => seen.push(event));
  websocket.subscribeToExecution("exec_1");
  websocket.connect("token");
  await gateway.subscribed("exec_1");

  expect(gateway.emit(stream("exec_2", "not for us"))).toBe(0);
  expect(gateway.emit({ ...stream("exec_1", "a"), timestamp: 7 })).toBe(1);
  expect(seen).toEqual([{ ...stream("exec_1", "a"), timestamp: 7 }]);

  const before = Date.now();
  gateway.emit(stream("exec_1", "b"));
  const { timestamp } = seen[1] as { timestamp: number };
  expect(timestamp).toBeGreaterThanOrEqual(before);
  expect(timestamp).toBeLessThanOrEqual(Date.now());
});

test("an event without an execution goes to every connection", async () => {
  const gateway = start();
  const processed = vi.fn();
  websocket.on("kb:document:completed", processed);
  await websocket.connect("token");
  const other = new WebSocket(`${URL}?token=other`);
  await new Promise((resolve) => other.addEventListener("message", resolve, { once: true }));
  const event = { knowledgeBaseId: "kb_1", documentId: "doc_1", chunkCount: 3 };
  expect(gateway.emit({ type: "kb:document:completed", ...event })).toBe(2);
  expect(processed).toHaveBeenCalledOnce();
});

test("subscribing is possible before connecting", async () => {
  const gateway = start();
  const subscribed = vi.fn();
  websocket.on("connection:subscribed", subscribed);
  websocket.subscribeToExecution("exec_1");
  gateway.assertNotSubscribed("exec_1");
  websocket.connect("token");
  await gateway.subscribed("exec_1");
  expect(gateway.subscribers("exec_1")).toBe(1);
  expect(subscribed).toHaveBeenCalledWith({
    type: "connection:subscribed",
    executionId: "exec_1",
    resumed: false,
    recovered: false,
  });
});

test("an execution that authorize denies is forbidden, and its events stay away", async () => {
  const allowed = new Set(["exec_1"]);
  const gateway = start({
    authorize: (executionId, token) => token === "token" && allowed.has(executionId),
  });
  const refused = vi.fn();
  websocket.on("connection:error", refused);
  websocket.subscribeToExecution("exec_1");
  websocket.subscribeToExecution("exec_2");
  await websocket.connect("token");
  await gateway.subscribed("exec_1");
  await vi.waitFor(() => expect(refused).toHaveBeenCalledOnce());
  expect(refused.mock.calls[0][0]).toMatchObject({ code: "forbidden", executionId: "exec_2" });
  gateway.assertNotSubscribed("exec_2");
  allowed.delete("exec_1");
  expect(gateway.emit(stream("exec_1", "withdrawn"))).toBe(0);
});

test("a subscription ends with unsubscribe, and with its connection", async () => {
  const gateway = start();
  websocket.configure({ unsubscribeDelayMs: 0 });
  websocket.subscribeToExecution("exec_1");
  await websocket.connect("token");
  await gateway.subscribed("exec_1");
  websocket.unsubscribeFromExecution("exec_1");
  await vi.waitFor(() => gateway.assertNotSubscribed("exec_1"));
  gateway.assertReceived({ type: "unsubscribe", executionId: "exec_1" });

  websocket.subscribeToExecution("exec_2");
  await gateway.subscribed("exec_2");
  gateway.dropConnection();
  gateway.assertNotSubscribed("exec_2");
});

test("what the client sends is received, parsed and in order", async () => {
  const gateway = start();
  await websocket.connect("token");
  gateway.assertNothingReceived();
  websocket.subscribeToExecution("exec_1");
  await websocket.submitUserInput("exec_1", "node_1", { approved: true, by: ["ada"] });
  expect(gateway.received).toMatchObject([
    { type: "subscribe", executionId: "exec_1" },
    { type: "user:input:response", nodeId: "node_1", value: { approved: true, by: ["ada"] } },
  ]);
  gateway.clearReceived();
  expect(gateway.received).toEqual([]);
});

test("a hostile frame is a connection:error, and the connection goes on", async () => {
  const gateway = start();
  const errors: string[] = [];
  websocket.on("connection:error", ({ code, message }) => errors.push(`${code}: ${message}`));
  await websocket.connect("token");
  expect(gateway.send("no JSON")).toBe(1);
  gateway.send(new ArrayBuffer(3));
  gateway.send({ type: "node:stream", timestamp: "now" });
  expect(errors).toEqual([
    "invalid_message: not valid JSON",
    "invalid_message: a binary frame, which this client did not ask for",
    "invalid_message: node:stream.timestamp: expected number, found string",
  ]);
  expect(websocket.isConnected()).toBe(true);
});

test("a message of an unknown type reaches its handlers", async () => {
  const gateway = start();
  const seen = vi.fn();
  websocket.on("node:telemetry", seen);
  await websocket.connect("token");
  gateway.send({ type: "node:telemetry", load: 0.5 });
  expect(seen).toHaveBeenCalledWith({ type: "node:telemetry", load: 0.5 });
});

test("dropping the connection is seen at once, with its code and reason", async () => {
  const gateway = start();
  await websocket.connect("token");
  gateway.dropConnection();
  expect(websocket.state).toMatchObject({ status: "waiting", cause: { code: 1006, reason: "" } });
  websocket.reconnectNow();
  await gateway.connected();
  gateway.dropConnection({ code: 4403, reason: "Not you" });
  expect(websocket.state).toMatchObject({
    status: "failed",
    error: { code: "forbidden", closeCode: 4403, reason: "Not you" },
  });
});

test("a handler that reconnects at once does not keep dropConnection busy", async () => {
  const gateway = start();
  await websocket.connect("token");
  const stop = websocket.on("connection:state", ({ state }) => {
    if (state.status === "waiting") websocket.reconnectNow();
  });
  gateway.dropConnection();
  await gateway.connected();
  stop();
});

test("connections are refused until they are accepted again", async () => {
  const gateway = start();
  gateway.refuseConnections();
  websocket.connect("token");
  await vi.waitFor(() => expect(websocket.state.status).toBe("waiting"));
  gateway.acceptConnections();
  websocket.reconnectNow();
  await gateway.connected();
});

test("a closed connection gets nothing, from the moment that the client closes it", async () => {
  const gateway = start();
  websocket.subscribeToExecution("exec_1");
  await websocket.connect("token");
  await gateway.subscribed("exec_1");
  websocket.disconnect();
  expect(gateway.emit(stream("exec_1", "late"))).toBe(0);
  expect(gateway.send("late")).toBe(0);
});

test("what was sent on a connection that then dropped is not acted upon", async () => {
  const authorize = vi.fn(() => true);
  const gateway = start({ authorize });
  await websocket.connect("token");
  websocket.subscribeToExecution("exec_1");
  gateway.assertReceived({ type: "subscribe", executionId: "exec_1" });
  gateway.dropConnection();
  await Promise.resolve();
  expect(authorize).not.toHaveBeenCalled();
});

test("restore puts the global back, and the next gateway finds a client that was never used", async () => {
  const first = start();
  expect(globalThis.WebSocket).not.toBe(RealWebSocket);
  const seen = vi.fn();
  websocket.on("*", seen);
  websocket.subscribeToExecution("exec_1");
  await websocket.connect("token");
  await first.subscribed("exec_1");
  first.restore();
  first.restore();
  expect(globalThis.WebSocket).toBe(RealWebSocket);
  expect("WebSocket" in globalThis).toBe(RealWebSocket !== undefined);
  expect(websocket.state.status).toBe("disconnected");
  expect(websocket.hasHandlers("*")).toBe(false);
  expect(websocket.stats()).toMatchObject({ attempts: 0, handlers: 0, subscriptions: 0 });

  const second = start();
  await websocket.connect("token");
  await second.connected();
  second.assertNothingReceived();
  second.assertNotSubscribed("exec_1");
  expect(second.send({ type: "execution:paused" })).toBe(1);
  expect(seen).not.toHaveBeenCalled();
  expect(first.send({ type: "execution:paused" })).toBe(0);

  first.restore();
  expect(websocket.isConnected()).toBe(true);
  expect(globalThis.WebSocket).not.toBe(RealWebSocket);
});

test("restore ends the connections that are not the client's, too", async () => {
  const gateway = start();
  const socket = new WebSocket(`${URL}?token=other`);
  await gateway.connected();
  const closed = vi.fn();
  socket.onclose = closed;
  gateway.restore();
  expect(closed).toHaveBeenCalledOnce();
});

test("using disposes of the gateway at the end of a block", () => {
  {
    using gateway = new FakeGateway();
    expect(gateway.received).toEqual([]);
    expect(globalThis.WebSocket).not.toBe(RealWebSocket);
  }
  expect(globalThis.WebSocket).toBe(RealWebSocket);
});

test("a second gateway, or one beside a connection, is refused with what to do", async () => {
  const gateway = start();
  expect(() => new FakeGateway()).toThrow("restore() it first");
  websocket.connect("token");
  await gateway.connected();
  const FakeWebSocket = globalThis.WebSocket;
  gateway.restore();
  globalThis.WebSocket = FakeWebSocket;
  websocket.configure({ url: URL, logLevel: "silent" });
  websocket.connect("token");
  expect(() => new FakeGateway()).toThrow("the client is connecting already");
  websocket.disconnect();
  if (RealWebSocket) globalThis.WebSocket = RealWebSocket;
  else Reflect.deleteProperty(globalThis, "WebSocket");
});
