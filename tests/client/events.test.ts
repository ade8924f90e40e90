// `for await` over events.

import { EventOverflowError, websocket } from "flowmaestro-websocket";
import { FakeGateway } from "flowmaestro-websocket/testing";
import { afterEach, beforeEach, expect, test } from "vitest";

let gateway: FakeGateway;

beforeEach(async () => {
  gateway = new FakeGateway();
  websocket.configure({ url: "wss://test/ws" });
  websocket.subscribeToExecution("exec_1");
  await websocket.connect("token");
  await gateway.subscribed("exec_1");
});

afterEach(() => gateway.restore());

function emit(...chunks: string[]) {
  for (const chunk of chunks) {
    gateway.emit({ type: "node:stream", executionId: "exec_1", nodeId: "node_1", chunk });
  }
}

async function collect(events: AsyncIterable<{ chunk: string }>, count: number) {
  const chunks: string[] = [];
  for await (const { chunk } of events) {
    chunks.push(chunk);
    if (chunks.length === count) break;
  }
  return chunks;
}

test("what came between the call and the loop is not missed", async () => {
  const events = websocket.events("node:stream");
  emit("a", "b");
  const collected = collect(events, 3);
  emit("c");
  expect(await collected).toEqual(["a", "b", "c"]);
});

test("leaving the loop ends the registration", async () => {
  const events = websocket.events("node:stream");
  expect(websocket.hasHandlers("node:stream")).toBe(true);
  emit("a");
  await collect(events, 1);
  expect(websocket.hasHandlers("node:stream")).toBe(false);
  expect(await events.next()).toEqual({ done: true, value: undefined });
});

test("only events of the execution", async () => {
  websocket.subscribeToExecution("exec_2");
  await gateway.subscribed("exec_2");
  const events = websocket.events("node:stream", { executionId: "exec_2" });
  emit("another's");
  gateway.emit({ type: "node:stream", executionId: "exec_2", nodeId: "node_1", chunk: "own" });
  expect(await collect(events, 1)).toEqual(["own"]);
});

test("the signal ends a loop that waits", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const waiting = collect(websocket.events("node:stream", { signal }), 1);
  await Promise.resolve();
  controller.abort();
  expect(await waiting).toEqual([]);
});

test("the signal drops what was not taken", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const buffering = websocket.events("node:stream", { signal });
  emit("a");
  controller.abort();
  expect(await buffering.next()).toEqual({ done: true, value: undefined });
  expect(websocket.hasHandlers("node:stream")).toBe(false);
});

test("a signal that was aborted before ends the loop before it begins", async () => {
  const signal = AbortSignal.abort();
  expect(await collect(websocket.events("node:stream", { signal }), 1)).toEqual([]);
  expect(websocket.hasHandlers("node:stream")).toBe(false);
});

test("too many events end the loop with an error, after those that fit", async () => {
  const events = websocket.events("node:stream", { maxBuffered: 2 });
  emit("a", "b", "c");
  expect(websocket.hasHandlers("node:stream")).toBe(false);
  expect((await events.next()).value).toMatchObject({ chunk: "a" });
  expect((await events.next()).value).toMatchObject({ chunk: "b" });
  await expect(events.next()).rejects.toThrow(EventOverflowError);
});

test.each([
  { overflow: "drop-oldest", kept: ["b", "c"] },
  { overflow: "drop-newest", kept: ["a", "b"] },
] as const)("with $overflow the loop goes on", async ({ overflow, kept }) => {
  const events = websocket.events("node:stream", { maxBuffered: 2, overflow });
  emit("a", "b", "c");
  expect(await collect(events, 2)).toEqual(kept);
});

test("by default a thousand events wait, and one more fails", async () => {
  const events = websocket.events("node:stream", { executionId: "exec_1" });
  const numbers = Array.from({ length: 1000 }, (_, number) => String(number));
  emit(...numbers);
  expect(websocket.hasHandlers("node:stream")).toBe(true);
  emit("one more");
  expect(websocket.hasHandlers("node:stream")).toBe(false);
  for (const chunk of numbers) expect((await events.next()).value).toMatchObject({ chunk });
  await expect(events.next()).rejects.toThrow("1000 events wait");
});

test("what a loop that waits takes at once does not count", async () => {
  const { signal } = new AbortController();
  const events = websocket.events("node:stream", { executionId: "exec_1", signal, maxBuffered: 1 });
  for (const chunk of ["a", "b", "c"]) {
    const next = events.next();
    emit(chunk);
    expect((await next).value).toMatchObject({ chunk });
  }
});

test.each([
  { options: { overflow: "drop" }, named: "overflow should be one of drop-oldest" },
  { options: { maxBuffered: 0 }, named: "maxBuffered should be a number, at least 1" },
  { options: { maxBuffered: Number.NaN }, named: "maxBuffered should be a number, at least 1" },
  { options: { maxBuffered: "10" }, named: "maxBuffered should be a number, at least 1" },
  { options: { max: 10 }, named: "there is no option max" },
])("$options is refused", ({ options, named }) => {
  expect(() => websocket.events("node:stream", options as never)).toThrow(named);
  expect(websocket.hasHandlers("node:stream")).toBe(false);
});

test("several may wait at a time, each for its own event", async () => {
  const events = websocket.events("node:stream");
  const both = Promise.all([events.next(), events.next()]);
  emit("a", "b");
  expect((await both).map(({ value }) => value.chunk)).toEqual(["a", "b"]);
});

test("a loop goes on over a reconnect", async () => {
  const collected = collect(websocket.events("node:stream"), 2);
  emit("a");
  gateway.dropConnection();
  websocket.reconnectNow();
  await gateway.subscribed("exec_1");
  emit("b");
  expect(await collected).toEqual(["a", "b"]);
});
