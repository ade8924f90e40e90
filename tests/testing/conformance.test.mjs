// The real gateway and the fake one are told the same, and have to answer the same.

import { FakeGateway } from "flowmaestro-websocket/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import RealSocket from "ws";
import { freePort } from "../../scripts/lib/server-process.mjs";
import { TestGateway } from "../../scripts/lib/test-gateway.mjs";

const USER = "ada";

/** The only execution that the user may see, but for numbered ones. */
const OWN = "exec_own";

/** As many as the gateway grants to one connection, and one more. */
const NUMBERED = Array.from({ length: 129 }, (_, i) => `exec_${i}`);

/** The gateway that offers nothing, and the one that keeps a history. */
const baseline = new TestGateway({ port: await freePort(), args: ["--features", "none"] });
const replaying = new TestGateway({ port: await freePort(), args: ["--features", "replay"] });

const TOKEN = baseline.signToken({ userId: USER });

const hello = (features = []) => ({ type: "hello", features });
const subscribe = (executionId, position = {}) => ({ type: "subscribe", executionId, ...position });
const replay = (executionId, since) => ({ type: "replay", executionId, since });
const unsubscribe = (executionId) => ({ type: "unsubscribe", executionId });
const answer = (changes = {}) => ({
  type: "user:input:response",
  timestamp: 1,
  executionId: OWN,
  nodeId: "node_1",
  value: "yes",
  ...changes,
});

/** What clients say, one connection each. Each has to be answered alike. */
const CONVERSATIONS = {
  "nothing at all": [],
  "subscribe and unsubscribe": [subscribe(OWN), unsubscribe(OWN)],
  "subscribe twice": [subscribe(OWN), subscribe(OWN), unsubscribe(OWN), unsubscribe(OWN)],
  "unsubscribe what is not held": [unsubscribe(OWN), unsubscribe("exec_unknown")],
  "subscribe to another's": [subscribe("exec_unknown"), subscribe(OWN)],
  "subscribe to another's after hello": [hello(), subscribe("exec_unknown"), subscribe(OWN)],
  "hello with features": [hello(["replay", "gzip"]), subscribe("exec_unknown")],
  "hello twice": [hello(), hello(), subscribe("exec_unknown")],
  "unknown fields": [
    { ...hello(), more: 1 },
    { ...subscribe(OWN), more: { deep: [] } },
  ],
  "an answer of the user": [hello(), answer(), answer({ value: null, more: 1 })],
  "an answer to another's": [answer({ executionId: "x" }), hello(), answer({ executionId: "x" })],
  "more subscriptions than granted": [hello(), ...NUMBERED.map(subscribe), subscribe(NUMBERED[0])],
  "a message that is too large": [hello(), "x".repeat(64 * 1024), "x".repeat(64 * 1024 + 1)],
  "a message that is too large without hello": [`"${"ü".repeat(32 * 1024)}"`],
};

/** What has happened in the user's execution where there is a history. */
const EVENTS = [1, 2, 3, 4].map((number) => ({
  type: "node:stream",
  timestamp: number * 100,
  executionId: OWN,
  nodeId: "node_1",
  chunk: `chunk ${number}`,
}));

/** The same for gateways that keep a history. */
const REPLAYING = {
  "a subscription without hello": [subscribe(OWN)],
  "a subscription from the start": [hello(["replay"]), subscribe(OWN)],
  "a subscription after what the client has": [hello(["replay"]), subscribe(OWN, { after: 2 })],
  "a subscription after all there is": [hello(["replay"]), subscribe(OWN, { after: 4 })],
  "a subscription after what never was": [hello(["replay"]), subscribe(OWN, { after: 5 })],
  "a subscription of another epoch": [
    hello(["replay"]),
    subscribe(OWN, { after: 2, epoch: "another" }),
  ],
  "positions that are none": [
    hello(["replay"]),
    ...[-1, 0.5, "1", {}].map((after) => subscribe(OWN, { after })),
    subscribe(OWN, { after: 1, epoch: 7 }),
  ],
  "positions that are null": [hello(["replay"]), subscribe(OWN, { after: null, epoch: null })],
  "a replay of everything": [hello(["replay"]), replay(OWN, 0)],
  "a replay since some time": [hello(["replay"]), replay(OWN, 300), replay(OWN, 300.5)],
  "a replay of what is subscribed": [hello(["replay"]), subscribe(OWN), replay(OWN, 400)],
  "a replay of nothing": [hello(["replay"]), replay(OWN, 401), replay(NUMBERED[0], 0)],
  "a replay of another's": [hello(["replay"]), replay("exec_unknown", 0)],
  "a replay without the feature": [hello(), replay(OWN, 0), replay("exec_unknown", 0)],
  "replays that are none": [
    hello(["replay"]),
    replay(OWN),
    replay(OWN, null),
    replay(OWN, "0"),
    replay(undefined, 0),
    replay("", 0),
  ],
};

/** Frames that are none of the protocol, told once without `hello` and once after it. */
const INVALID_FRAMES = [
  "",
  " ",
  "text",
  "null",
  "true",
  "7",
  "-7",
  '"text"',
  "[]",
  " [1]",
  "{",
  "{}x",
  "{}",
  { type: 7 },
  { type: null },
  { type: "" },
  { type: "nonsense" },
  { type: "connected" },
  { type: "execution:started", executionId: OWN },
  { type: "hello" },
  { type: "hello", features: null },
  { type: "hello", features: "replay" },
  { type: "hello", features: ["replay", 7] },
  { type: "subscribe" },
  { type: "unsubscribe" },
  subscribe(7),
  subscribe(true),
  subscribe(null),
  subscribe([OWN]),
  subscribe({ id: OWN }),
  subscribe(""),
  subscribe("x".repeat(129)),
  subscribe("ü".repeat(65)),
  unsubscribe(7),
  unsubscribe(""),
  unsubscribe("x".repeat(129)),
  answer({ timestamp: undefined }),
  answer({ timestamp: "now" }),
  answer({ executionId: undefined }),
  answer({ executionId: 7 }),
  answer({ executionId: "" }),
  answer({ nodeId: undefined }),
  answer({ nodeId: null }),
  answer({ nodeId: "x".repeat(129) }),
  answer({ value: undefined }),
  answer({ value: undefined, executionId: "" }),
  new Uint8Array([1, 2, 3]),
];

/** What comes with the opening handshake, and what becomes of it. */
const HANDSHAKES = {
  "no token": {},
  "an empty token": { token: "" },
  "a token that is none": { token: "nonsense" },
  "a token": { token: TOKEN },
  "a token as a subprotocol": { protocols: ["flowmaestro.v1", `bearer.${TOKEN}`] },
  "a subprotocol before the query": {
    token: TOKEN,
    protocols: ["flowmaestro.v1", "bearer.nonsense"],
  },
  "frames before the welcome": { token: TOKEN, early: [hello(), subscribe("exec_unknown")] },
  "frames before the refusal": { token: "nonsense", early: [hello(), subscribe("exec_unknown")] },
  "an empty token as a subprotocol": { token: TOKEN, protocols: ["bearer.", "flowmaestro.v1"] },
};

beforeAll(async () => {
  for (const gateway of [baseline, replaying]) {
    await gateway.start();
    for (const executionId of [OWN, ...NUMBERED]) {
      await post(gateway, "/api/executions", { executionId, userId: USER });
    }
  }
  for (const event of EVENTS) await post(replaying, "/api/events", event);
});

afterAll(async () => {
  await baseline.close();
  await replaying.close();
});

test.each(Object.entries(CONVERSATIONS))("%s", expectSameAnswers);

test.each(Object.entries(REPLAYING))("with a history: %s", async (_, frames) => {
  const token = replaying.signToken({ userId: USER });
  const real = await talkToReal(replaying, { token }, frames);
  const fake = await talkToFake({ features: ["replay"] }, { token: TOKEN }, frames, EVENTS);
  expect(fake).toEqual(real);
});

test.each(INVALID_FRAMES.map((frame) => [text(frame).slice(0, 60), frame]))(
  "invalid: %s",
  (_, frame) => expectSameAnswers("", [frame, hello(), frame, subscribe(OWN)]),
);

test.each(Object.entries(HANDSHAKES))("opening with %s", (_, handshake) =>
  expectSame(handshake, []),
);

function expectSameAnswers(_name, frames) {
  return expectSame({ token: TOKEN }, frames);
}

async function expectSame(handshake, frames) {
  const real = await talkToReal(baseline, handshake, frames);
  const fake = await talkToFake({}, handshake, frames);
  expect(fake).toEqual(real);
}

function talkToReal({ httpUrl, wsUrl }, handshake, frames) {
  // As a page would: the gateway refuses handshakes without an origin.
  const open = (query, protocols) => new RealSocket(wsUrl + query, protocols, { origin: httpUrl });
  return talk(open, handshake, frames);
}

async function talkToFake(options, handshake, frames, events = []) {
  const authenticate = (token) => token === TOKEN;
  const authorize = (executionId) => executionId === OWN || NUMBERED.includes(executionId);
  const gateway = new FakeGateway({ ...options, authenticate, authorize });
  for (const event of events) gateway.emit(event);
  const open = (query, protocols) => new WebSocket(`ws://gateway.test/ws${query}`, protocols);
  return talk(open, handshake, frames).finally(() => gateway.restore());
}

/** Says something on a new connection, and collects the answers and how the connection ended. */
function talk(open, { token, protocols = [], early = [] }, frames) {
  // Everything before it is answered once this one is.
  const last = "exec_last";
  const query = token === undefined ? "" : `?token=${token}`;
  const socket = open(query, protocols);
  const answers = [];
  return new Promise((resolve, reject) => {
    socket.onopen = () => early.forEach(send);
    socket.onmessage = ({ data }) => {
      answers.push(normalise(data));
      if (answers.length === 1) for (const frame of [...frames, unsubscribe(last)]) send(frame);
      if (data === JSON.stringify({ type: "unsubscribed", executionId: last })) socket.close(4000);
    };
    socket.onerror = ({ message }) => reject(new Error(`the socket failed: ${message}`));
    socket.onclose = ({ code, reason, wasClean }) => {
      resolve({ answers, code, reason, wasClean, protocol: socket.protocol });
    };
  });

  function send(frame) {
    socket.send(frame instanceof Uint8Array ? frame : text(frame));
  }
}

/** Ids of connections and histories are random, and what is wrong with JSON is in the parser's own
 *  words. Events have their fields in the order of those who emitted them. */
function normalise(data) {
  const message = JSON.parse(data);
  if ("seq" in message) {
    expect(message.eventId).toBeTypeOf("string");
    return { ...message, eventId: "…" };
  }
  return data
    .replace(/"epoch":"[^"]+"/, '"epoch":"…"')
    .replace(/"connectionId":"[0-9a-f-]{36}"/, '"connectionId":"…"')
    .replace(/"not valid JSON: (?:[^"\\]|\\.)*"/, '"not valid JSON"');
}

function text(frame) {
  return typeof frame === "string" ? frame : JSON.stringify(frame);
}

async function post(gateway, path, body) {
  const response = await gateway.post(path, body);
  if (!response.ok) throw new Error(`the gateway refuses ${path}: ${response.status}`);
}
