// A server that sends nonsense: it is refused frame by frame, and the next good frame is delivered.

import { gzipSync } from "node:zlib";
import { websocket } from "flowmaestro-websocket";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { OurClient } from "./support/client.mjs";
import {
  ABSURD,
  EPOCH,
  EXECUTION,
  event,
  HostileServer,
  MIB,
  UNREADABLE,
} from "./support/hostile-server.mjs";

/** The longest text that a client reads unless it is told otherwise, in characters. */
const LIMIT = 16 * MIB;

let client;
let server;

beforeEach(async () => {
  server = new HostileServer();
  await server.start();
  client = new OurClient();
  await client.connect(server.url, "a token");
  client.subscribe(EXECUTION);
  server.sendNext();
  await delivered("1");
});

afterEach(async () => {
  client.close();
  await server.close();
});

const chunks = () => client.events.map(({ chunk }) => chunk);

const delivered = (chunk) =>
  vi.waitFor(() => expect(chunks()).toContain(chunk), { timeout: 10_000, interval: 5 });

/** Sends something, and then what a client has to take. */
async function survive(...frames) {
  for (const frame of frames) server.send(frame);
  const good = server.sendNext();
  await delivered(good.chunk);
  expect(chunks().filter((chunk) => chunk === good.chunk)).toHaveLength(1);
  expect(server.connections).toBe(1);
  expect(websocket.isConnected()).toBe(true);
}

const messages = () => client.errors.map(({ code, message }) => `${code}: ${message}`);

test("an optional field that is null is absent, and another stays null", async () => {
  const events = [];
  const off = websocket.on("node:completed", (completed) => events.push(completed));
  const { seq: _, chunk: __, ...node } = event(2, { type: "node:completed", duration: 1 });
  await survive({ ...node, output: null, metadata: null });
  off();
  expect(events).toHaveLength(1);
  expect(events[0]).toMatchObject({ output: null });
  expect(events[0]).not.toHaveProperty("metadata");
});

test.each(Object.entries(ABSURD))("an event whose seq is %s has none", async (_name, seq) => {
  await survive(event(2, { seq, chunk: "unnumbered" }));
  expect(chunks()).toEqual(["1", "unnumbered", "2"]);
  expect(client.errors).toEqual([]);
});

test("an event of the farthest future is not waited for", async () => {
  await survive(event(Number.MAX_SAFE_INTEGER));
  expect(chunks()).toEqual(["1", "2"]);
  const asked = server.received.filter(({ type }) => type === "subscribe");
  expect(asked.at(-1)).toMatchObject({ executionId: EXECUTION, after: 1, epoch: EPOCH });
});

test.each(Object.entries(ABSURD))("a head of %s means nothing", async (_name, head) => {
  const answer = { type: "subscribed", executionId: EXECUTION, epoch: EPOCH, recovered: true };
  await survive({ ...answer, head }, { type: "pong", id: 1, heads: { [EXECUTION]: head } });
  expect(chunks()).toEqual(["1", "2"]);
});

test.each(Object.entries(ABSURD))("heads may be %s", async (_name, heads) => {
  await survive({ type: "pong", id: 1, heads }, { type: "pong", id: heads, heads: {} });
  expect(client.errors).toEqual([]);
});

test("a head that no event follows is asked about", async () => {
  const heads = { [EXECUTION]: Number.MAX_SAFE_INTEGER, exec_unknown: 7, __proto__: null };
  await survive({ type: "pong", id: 1, heads });
  expect(chunks()).toEqual(["1", "2"]);
});

test("a hundred thousand heads are read", async () => {
  const heads = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`exec_${i}x`, i]));
  await survive({ type: "pong", id: 1, heads });
});

test.each([...Object.entries(ABSURD), ["a megabyte", "e".repeat(MIB)]])(
  "an epoch may be %s",
  async (_name, epoch) => {
    const answer = { type: "subscribed", executionId: EXECUTION, head: 1, recovered: true };
    await survive({ ...answer, epoch }, { ...answer, epoch: EPOCH });
  },
);

test("acknowledgements of what was never sent settle nothing", async () => {
  const settled = vi.fn();
  const answer = client.answer(EXECUTION, "n", "yes").then(settled);
  const isAnswer = ({ type }) => type === "user:input:response";
  await vi.waitFor(() => expect(server.received.filter(isAnswer)).toHaveLength(1));
  const { messageId } = server.received.find(isAnswer);
  const [prefix, number] = messageId.split(".");
  const foreign = [
    `${prefix}.${Number(number) + 1}`,
    `${prefix}.${Number(number) + 2 ** 32}`,
    `${prefix}.0${number}`,
    `${prefix}.${number}.0`,
    `${prefix}.`,
    `${prefix}.-${number}`,
    `nobody.${number}`,
    "",
    ...Object.values(ABSURD),
  ];
  for (const messageId of [...foreign, undefined]) {
    server.send({ type: "ack", messageId });
    server.send({ type: "error", code: "forbidden", message: "no", messageId });
  }
  await survive();
  expect(settled).not.toHaveBeenCalled();
  server.send({ type: "ack", messageId });
  await answer;
});

test.each(UNREADABLE)("%s is a connection:error", async (_name, frame, message) => {
  await survive(frame);
  expect(messages()).toEqual([expect.stringContaining(`invalid_message: ${message}`)]);
});

test("a batch within a batch is refused, and the rest of it is read", async () => {
  const inner = { type: "batch", events: [event(2, { chunk: "inner", seq: undefined })] };
  const around = ["before", "after"].map((chunk) => event(2, { chunk, seq: undefined }));
  await survive({ type: "batch", events: [around[0], inner, null, [], around[1]] });
  expect(chunks()).toEqual(["1", "before", "after", "2"]);
  expect(messages()).toHaveLength(3);
  expect(new Set(messages())).toEqual(new Set(["invalid_message: batch.events: expected events"]));
});

test("a batch over the limit is refused by its length", async () => {
  const text = JSON.stringify(event(2));
  const count = 1_000_000;
  await survive(`{"type":"batch","events":[${Array(count).fill(text).join()}]}`);
  expect(messages()).toEqual([expect.stringContaining(`over the limit of ${LIMIT}`)]);
  expect(chunks()).toEqual(["1", "2"]);
});

test("of a million events that are none not each is told", async () => {
  await survive(`{"type":"batch","events":[${Array(1_000_000).fill("{}").join()}]}`);
  expect(messages()).toHaveLength(101);
  expect(messages().at(-1)).toBe("invalid_message: batch.events: 999900 more are invalid");
});

test("a gzip bomb is not unpacked beyond the limit", async () => {
  const bomb = gzipSync(Buffer.alloc(256 * MIB, "0"));
  expect(bomb.length).toBeLessThan(MIB);
  const unpacked = countUnpacked();
  await survive(bomb);
  expect(messages()).toEqual([expect.stringContaining(`over the limit of ${LIMIT}`)]);
  expect(unpacked()).toBeGreaterThan(LIMIT);
  expect(unpacked()).toBeLessThan(LIMIT + MIB);
  vi.unstubAllGlobals();
});

/** Returns how many bytes were unpacked since. */
function countUnpacked() {
  let bytes = 0;
  const Native = DecompressionStream;
  vi.stubGlobal(
    "DecompressionStream",
    class {
      constructor(format) {
        const { readable, writable } = new Native(format);
        const counter = new TransformStream({
          transform(chunk, controller) {
            bytes += chunk.byteLength;
            controller.enqueue(chunk);
          },
        });
        this.writable = writable;
        this.readable = readable.pipeThrough(counter);
      }
    },
  );
  return () => bytes;
}

test("compressed text arrives as it was, wherever it is cut while it is unpacked", async () => {
  const chunk = "aü€😀".repeat(200_000);
  await survive(gzipSync(JSON.stringify(event(2, { chunk, seq: undefined }))));
  expect(chunks()[1] === chunk).toBe(true);
  expect(client.errors).toEqual([]);
});

test("a room that is refused is told by its name", async () => {
  websocket.subscribeToRoom("workspace:w");
  const isRoom = ({ room }) => room === "workspace:w";
  await vi.waitFor(() => expect(server.received.filter(isRoom)).toHaveLength(1));
  await survive({ type: "error", code: "forbidden", message: "closed", room: "workspace:w" });
  expect(client.errors).toEqual([
    { type: "connection:error", code: "forbidden", message: "closed", room: "workspace:w" },
  ]);
});

test("no execution stands for a room, whatever it is called", async () => {
  websocket.subscribeToRoom("workspace:w");
  const isRoom = ({ room }) => room === "workspace:w";
  await vi.waitFor(() => expect(server.received.filter(isRoom)).toHaveLength(1));
  const executionId = "\0room:workspace:w";
  await survive({ type: "error", code: "forbidden", message: "closed", executionId });
  expect(client.errors).toEqual([
    { type: "connection:error", code: "forbidden", message: "closed" },
  ]);
});
