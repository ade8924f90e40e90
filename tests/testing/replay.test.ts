// The client and a gateway with a history: what was missed, and what is asked for.

import { RequestError, websocket } from "flowmaestro-websocket";
import { FakeGateway, type FakeGatewayOptions } from "flowmaestro-websocket/testing";
import { afterEach, expect, test } from "vitest";

let gateway: FakeGateway;
let chunks: string[];

afterEach(() => gateway.restore());

function start(options: FakeGatewayOptions = { features: ["replay"] }) {
  gateway = new FakeGateway(options);
  websocket.configure({ url: "wss://gateway.test/ws", logLevel: "silent" });
  chunks = [];
  websocket.on("node:stream", ({ chunk }) => chunks.push(chunk));
}

/** Emits a chunk per character, the first at a time of 1 ms, the second of 2 ms and so on. */
function emit(executionId: string, text: string, from = 1) {
  [...text].forEach((chunk, i) => {
    const timestamp = from + i;
    gateway.emit({ type: "node:stream", executionId, nodeId: "node_1", chunk, timestamp });
  });
}

test("the events of an execution since some time reach its handlers, subscribed or not", async () => {
  start();
  const scoped: string[] = [];
  websocket.on("node:stream", ({ chunk }) => scoped.push(chunk), { executionId: "exec_1" });
  emit("exec_1", "abcd");
  emit("exec_2", "xyz");
  await websocket.connect("token");
  expect(await websocket.replay("exec_1", 2)).toEqual({ count: 3, complete: true });
  expect([chunks, scoped]).toEqual(["bcd", "bcd"].map((text) => [...text]));
  gateway.assertReceived({ type: "replay", executionId: "exec_1", since: 2 });
  gateway.assertNotSubscribed("exec_1");

  emit("exec_1", "e", 5);
  expect(chunks).toEqual([..."bcd"]);
  expect(await websocket.replay("exec_1", new Date(5))).toEqual({ count: 1, complete: true });
  expect(chunks).toEqual([..."bcde"]);
});

test("what a subscription has delivered is not delivered again", async () => {
  start();
  emit("exec_1", "ab");
  websocket.subscribeToExecution("exec_1");
  await websocket.connect("token");
  await gateway.subscribed("exec_1");
  emit("exec_1", "c", 3);
  expect(await websocket.replay("exec_1", 0)).toEqual({ count: 3, complete: true });
  expect(chunks).toEqual([..."abc"]);
});

test("a connection that was lost meanwhile brings what was missed, and the answer", async () => {
  start({ features: ["replay"], virtualTime: true });
  websocket.subscribeToExecution("exec_1");
  await websocket.connect("token");
  await gateway.subscribed("exec_1");
  emit("exec_1", "a");
  gateway.dropConnection();
  emit("exec_1", "bc", 2);
  const replayed = websocket.replay("exec_1", 0);
  await gateway.advance(2000);
  expect(await replayed).toEqual({ count: 3, complete: true });
  expect(chunks).toEqual([..."abc"]);
});

test("a server that keeps no history rejects", async () => {
  start({});
  await websocket.connect("token");
  const error = await websocket.replay("exec_1", 0).catch((error) => error);
  expect(error).toBeInstanceOf(RequestError);
  expect(error.code).toBe("not_supported");
});

test("another's execution rejects", async () => {
  start({ features: ["replay"], authorize: () => false });
  await websocket.connect("token");
  await expect(websocket.replay("exec_1", 0)).rejects.toMatchObject({ code: "forbidden" });
});

test("whatever ends the wish for it rejects", async () => {
  start();
  await expect(websocket.replay("exec_1", 0)).rejects.toMatchObject({ code: "not_connected" });
  const outcomes: Promise<unknown>[] = [];
  const ask = () => outcomes.push(websocket.replay("exec_1", 0).catch((error) => error.code));
  websocket.connect("token");
  ask();
  websocket.connect("another");
  ask();
  websocket.disconnect();
  websocket.subscribeToExecution("exec_1");
  websocket.connect("token");
  ask();
  websocket.unsubscribeFromExecution("exec_1");
  expect(await Promise.all(outcomes)).toEqual(["superseded", "not_connected", "unsubscribed"]);
});

test.each([
  -1,
  0.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  2 ** 53,
  new Date(Number.NaN),
  new Date(-1),
  "0",
  undefined,
])("since %s is none", async (since) => {
  start();
  await websocket.connect("token");
  const replayed = websocket.replay("exec_1", since as number);
  await expect(replayed).rejects.toThrow(TypeError);
  gateway.assertNothingReceived();
});

test.each(["", "x".repeat(129), 7])("an id %s is none", async (executionId) => {
  start();
  await expect(websocket.replay(executionId as string, 0)).rejects.toThrow(TypeError);
});
