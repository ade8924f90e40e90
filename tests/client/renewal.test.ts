// A token that ends: the client knows from the token itself, and connects with the next one before.

import { type ConnectionState, websocket } from "flowmaestro-websocket";
import { FakeGateway } from "flowmaestro-websocket/testing";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

let gateway: FakeGateway;
let tokens: string[];
let authenticate: (token: string) => boolean;
let states: ConnectionState[];

beforeEach(() => {
  tokens = [];
  states = [];
  authenticate = () => true;
  gateway = new FakeGateway({
    virtualTime: true,
    features: ["replay"],
    authenticate: (token) => {
      tokens.push(token);
      return authenticate(token);
    },
  });
  websocket.configure({ url: "wss://gateway.test/ws", logLevel: "silent" });
});

afterEach(() => gateway.restore());

/** An unsigned JWT with these claims. */
function jwt(claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return [part({ alg: "none" }), part(claims), "signature"].join(".");
}

/** A provider of tokens that last so many seconds, each another. */
function provider(seconds: number) {
  let number = 0;
  return vi.fn(async () => {
    number += 1;
    return jwt({ sub: "ädä?>", number, exp: Math.floor(Date.now() / 1000) + seconds });
  });
}

async function connect(ask: () => string | Promise<string>) {
  await websocket.connect(ask);
  websocket.on("connection:state", ({ state }) => states.push(state));
}

test("the next token is asked for a minute before the end, and a new connection takes over", async () => {
  const ask = provider(600);
  await connect(ask);
  const { state } = websocket;
  const chunks: string[] = [];
  const gap = vi.fn();
  websocket.on("node:stream", ({ chunk }) => chunks.push(chunk));
  websocket.on("connection:gap", gap);
  websocket.subscribeToExecution("exec_1");
  await gateway.subscribed("exec_1");
  const emit = (chunk: string) =>
    gateway.emit({ type: "node:stream", executionId: "exec_1", nodeId: "node_1", chunk });

  await gateway.advance(535_000);
  expect(ask).toHaveBeenCalledTimes(1);
  emit("before");
  await gateway.advance(10_000);
  emit("after");
  expect(ask).toHaveBeenCalledTimes(2);
  expect(new Set(tokens).size).toBe(2);
  expect(chunks).toEqual(["before", "after"]);
  expect(gateway.subscribers("exec_1")).toBe(1);
  expect(gap).not.toHaveBeenCalled();
  // The one thing that a page sees is another id.
  expect(states).toEqual([{ status: "connected", connectionId: expect.any(String) }]);
  expect(websocket.state).toBe(states[0]);
  expect(websocket.state).not.toEqual(state);
});

test("a new connection that is refused leaves the old one alone", async () => {
  const errors = vi.fn();
  await connect(provider(600));
  const { state } = websocket;
  authenticate = () => false;
  websocket.on("connection:error", errors);
  await gateway.advance(545_000);
  expect(errors).toHaveBeenCalledWith(expect.objectContaining({ code: "renewal_failed" }));
  expect([websocket.state, states]).toEqual([state, []]);
});

test("disconnect ends both, also while the next one is being made", async () => {
  const ask = provider(600);
  await connect(ask);
  let sockets = 0;
  const NativeSocket = globalThis.WebSocket;
  vi.stubGlobal(
    "WebSocket",
    class extends NativeSocket {
      constructor(...args: ConstructorParameters<typeof WebSocket>) {
        super(...args);
        sockets += 1;
        websocket.disconnect();
      }
    },
  );
  await gateway.advance(545_000);
  vi.unstubAllGlobals();
  expect(sockets).toBe(1);
  expect(websocket.state.status).toBe("disconnected");
  expect(tokens.length).toBe(1);
  expect(ask).toHaveBeenCalledTimes(2);
});

test("the margin is an option", async () => {
  websocket.configure({ renewTokenBeforeMs: 5000 });
  const ask = provider(600);
  await connect(ask);
  await gateway.advance(593_000);
  expect(ask).toHaveBeenCalledTimes(1);
  await gateway.advance(3000);
  expect(ask).toHaveBeenCalledTimes(2);
  const option = "renewTokenBeforeMs must be a number of milliseconds from 0 to 2147483647";
  expect(() => websocket.configure({ renewTokenBeforeMs: -1 })).toThrow(option);
});

test("a device whose clock is slow goes by when the token was made", async () => {
  const now = Math.floor(Date.now() / 1000) + 3600;
  const ask = vi.fn(() => jwt({ iat: now, exp: now + 600, number: ask.mock.calls.length }));
  await connect(ask);
  await gateway.advance(545_000);
  expect(ask).toHaveBeenCalledTimes(2);
});

test.each([
  "opaque",
  "a.b.c",
  "a..c",
  `a.${btoa("null")}.c`,
  jwt({}),
  jwt({ exp: "soon" }),
  jwt({ exp: 1 }),
])("whoever gives %s is asked once", async (token) => {
  const ask = vi.fn(() => token);
  await connect(ask);
  await gateway.advance(7_200_000);
  expect(ask).toHaveBeenCalledOnce();
  expect(states).toEqual([]);
});
