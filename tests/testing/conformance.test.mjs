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

const real = new TestGateway({ port: await freePort(), args: ["--features", "none"] });

const TOKEN = real.signToken({ userId: USER });

const hello = (features = []) => ({ type: "hello", features });
const subscribe = (executionId) => ({ type: "subscribe", executionId });
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
  await real.start();
  for (const executionId of [OWN, ...NUMBERED]) await register(executionId);
});

afterAll(() => real.close());

test.each(Object.entries(CONVERSATIONS))("%s", expectSameAnswers);

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
  // As a page would: the gateway refuses handshakes without an origin.
  const openReal = (...args) => new RealSocket(...args, { origin: real.httpUrl });
  const openFake = (...args) => new WebSocket(...args);
  const expected = await talk(openReal, handshake, frames);
  const authorize = (executionId) => executionId === OWN || NUMBERED.includes(executionId);
  const gateway = new FakeGateway({ authenticate: (token) => token === TOKEN, authorize });
  const found = await talk(openFake, handshake, frames).finally(() => gateway.restore());
  expect(found).toEqual(expected);
}

/** Says something on a new connection, and collects the answers and how the connection ended. */
function talk(open, { token, protocols = [], early = [] }, frames) {
  // Everything before it is answered once this one is.
  const last = "exec_last";
  const query = token === undefined ? "" : `?token=${token}`;
  const socket = open(real.wsUrl + query, protocols);
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

/** Ids of connections are random, and what is wrong with JSON is in the parser's own words. */
function normalise(data) {
  return data
    .replace(/"connectionId":"[0-9a-f-]{36}"/, '"connectionId":"…"')
    .replace(/"not valid JSON: (?:[^"\\]|\\.)*"/, '"not valid JSON"');
}

function text(frame) {
  return typeof frame === "string" ? frame : JSON.stringify(frame);
}

async function register(executionId) {
  const response = await real.post("/api/executions", { executionId, userId: USER });
  if (!response.ok) throw new Error(`the gateway refuses an execution: ${response.status}`);
}
