// Either end works with a baseline one, which cannot tell the difference: not one byte.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { ROOT } from "../../scripts/lib/run.mjs";
import { freePort } from "../../scripts/lib/server-process.mjs";
import { TestGateway } from "../../scripts/lib/test-gateway.mjs";
import { BaselineClient, BaselineServer } from "./support/baseline.mjs";
import { OurClient } from "./support/client.mjs";

const USER = "ada";
const EXECUTION = "exec_abc123";

/** The bytes of the reference's own examples. */
const example = (name) =>
  readFileSync(join(ROOT, "crates/protocol/tests/fixtures", `${name}.json`), "utf8").trim();

const SUBSCRIBE = example("subscribe");
const SUBSCRIBED = example("subscribed");
const UNSUBSCRIBE = example("unsubscribe");
const UNSUBSCRIBED = example("unsubscribed");

const EVENTS = [
  "execution-started",
  "execution-progress",
  "node-started",
  "node-stream",
  "node-retry",
  "node-failed",
  "node-completed",
  "kb-document-processing",
  "kb-document-completed",
  "kb-document-failed",
  "user-input-required",
].map(example);

/** What happens while the client is not subscribed. */
const MISSED = EVENTS[0];

/** Nothing follows them: a subscription ends with them. */
const ENDS = ["execution-completed", "execution-failed"].map(example);

const ANSWER = JSON.parse(example("user-input-response"));

const WELCOME =
  /^\{"type":"connected","connectionId":"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}","message":"Connected to FlowMaestro WebSocket"(.*)\}$/;

/** What the welcome of a server with features may say beyond that. */
const FEATURES =
  ',"features":["replay","ack","batch","gzip","presence","rooms","ping","auth"],"heartbeatMs":25000';

/** The gateway, with the face of the baseline server. */
class OurGateway {
  #gateway;

  async start(port) {
    this.#gateway = new TestGateway({ port: port ?? (await freePort()) });
    await this.#gateway.start();
    await this.#post("/api/executions", { executionId: EXECUTION, userId: USER });
  }

  get url() {
    return this.#gateway.wsUrl;
  }

  get token() {
    return this.#gateway.signToken({ userId: USER });
  }

  get answers() {
    return this.#gateway.userInput;
  }

  emit(text) {
    const event = JSON.parse(text);
    return this.#post("/api/events", event.executionId ? event : { userId: USER, event });
  }

  close() {
    return this.#gateway.close();
  }

  async #post(path, body) {
    const response = await this.#gateway.post(path, body);
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  }
}

const open = [];

afterEach(async () => {
  for (const end of open.splice(0).reverse()) await end.close();
});

async function start(Server, port) {
  const server = new Server();
  await server.start(port);
  open.push(server);
  return server;
}

async function connect(Client, { url, token = "a token" }) {
  const client = new Client();
  open.push(client);
  await client.connect(url, token);
  return client;
}

/** Waits until the server has said something about the execution so many times, at least. */
function heard(client, type, times = 1) {
  const about = (text) => {
    const message = JSON.parse(text);
    return message.type === type && message.executionId === EXECUTION;
  };
  return vi.waitFor(() => expect(client.frames.filter(about).length).toBeGreaterThanOrEqual(times));
}

/** Waits for an event of this type, however it has travelled. */
function happened(client, type) {
  return vi.waitFor(() => expect(client.events.map((event) => event.type)).toContain(type));
}

/** Everything that the baseline has, once, and an event while the client is not subscribed. */
async function converse(client, server) {
  client.subscribe(EXECUTION);
  await heard(client, "subscribed");
  for (const event of EVENTS) await server.emit(event);
  await vi.waitFor(() => expect(client.events).toHaveLength(EVENTS.length));
  await client.answer(EXECUTION, ANSWER.nodeId, ANSWER.value);
  await vi.waitFor(() => expect(server.answers).toHaveLength(1));
  client.unsubscribe(EXECUTION);
  await heard(client, "unsubscribed");
  await server.emit(MISSED);
  for (const [index, end] of ENDS.entries()) {
    client.subscribe(EXECUTION);
    await heard(client, "subscribed", index + 2);
    await server.emit(end);
    await happened(client, JSON.parse(end).type);
    client.unsubscribe(EXECUTION);
    await heard(client, "unsubscribed", index + 2);
  }
}

const parsed = (texts) => texts.map((text) => JSON.parse(text));

/** The answer is the client's own: its handlers hear it, too. */
const isAnswer = ({ type }) => type === ANSWER.type;

function checkAnswer({ answers: [answer] }) {
  const { timestamp: _, ...expected } = ANSWER;
  expect(answer).toMatchObject(expected);
}

test.each([
  ["a baseline server", BaselineServer, ""],
  ["our gateway", OurGateway, FEATURES],
])("a baseline client with %s", async (_name, Server, addition) => {
  const server = await start(Server);
  const client = await connect(BaselineClient, server);
  await converse(client, server);
  expect(client.events).toEqual(parsed([...EVENTS, ...ENDS]));
  checkAnswer(server);
  const [welcome, ...frames] = client.frames;
  expect(WELCOME.exec(welcome)?.[1]).toBe(addition);
  expect(frames).toEqual([
    SUBSCRIBED,
    ...EVENTS,
    UNSUBSCRIBED,
    ...ENDS.flatMap((end) => [SUBSCRIBED, end, UNSUBSCRIBED]),
  ]);
});

test("our client with a baseline server", async () => {
  const server = await start(BaselineServer);
  const client = await connect(OurClient, server);
  await converse(client, server);
  expect(client.events.filter((event) => !isAnswer(event))).toEqual(parsed([...EVENTS, ...ENDS]));
  const { timestamp } = client.events.find(isAnswer);
  expect(server.frames).toEqual([
    SUBSCRIBE,
    JSON.stringify({ ...ANSWER, timestamp }),
    UNSUBSCRIBE,
    ...ENDS.flatMap(() => [SUBSCRIBE, UNSUBSCRIBE]),
  ]);
  expect(client.errors).toEqual([]);
});

test("our client with our gateway: each subscription gets the run from its start", async () => {
  const server = await start(OurGateway);
  const client = await connect(OurClient, server);
  await converse(client, server);
  const seen = client.events.filter((event) => !isAnswer(event));
  const run = [...EVENTS.filter((text) => text.includes(EXECUTION)), MISSED];
  const expected = parsed([...EVENTS, ...run, ENDS[0], ...run, ...ENDS]);
  expect(seen).toEqual(expected.map((event) => expect.objectContaining(event)));
  checkAnswer(server);
  expect(client.errors).toEqual([]);
});

test("after a reconnect a baseline server is asked as before", async () => {
  const server = await start(BaselineServer);
  const client = await connect(OurClient, server);
  client.subscribe(EXECUTION);
  await heard(client, "subscribed");
  server.emit(EVENTS[0]);
  await happened(client, "execution:started");
  server.drop();
  await heard(client, "subscribed", 2);
  expect(server.frames).toEqual([SUBSCRIBE, SUBSCRIBE]);
});

test("a baseline server in the place of our gateway is asked as if there had been none", async () => {
  const port = await freePort();
  const gateway = new OurGateway();
  await gateway.start(port);
  const client = await connect(OurClient, gateway);
  client.subscribe(EXECUTION);
  await heard(client, "subscribed");
  await gateway.emit(EVENTS[0]);
  await happened(client, "execution:started");
  await gateway.close();
  const server = await start(BaselineServer, port);
  await vi.waitFor(() => expect(server.frames).toHaveLength(1));
  await client.answer(EXECUTION, ANSWER.nodeId, ANSWER.value);
  const { timestamp } = client.events.find(isAnswer);
  await vi.waitFor(() => expect(server.frames).toHaveLength(2));
  expect(server.frames).toEqual([SUBSCRIBE, JSON.stringify({ ...ANSWER, timestamp })]);
});
