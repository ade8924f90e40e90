// What the real gateway refuses, or lets wait, and what the client makes of it.

import { websocket } from "flowmaestro-websocket";
import { afterEach, expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import { freePort } from "../../scripts/lib/server-process.mjs";
import { TestGateway } from "../../scripts/lib/test-gateway.mjs";
import { OurClient } from "./support/client.mjs";

const PATIENCE_MS = 20_000;

let client;
let gateway;

/** A gateway with these limits, and a client that is not connected to it yet. */
async function start(...args) {
  gateway = new TestGateway({ port: await freePort(), args });
  await gateway.start();
  client = new OurClient();
}

const until = (check) => vi.waitFor(check, PATIENCE_MS);

/** What the open pages of the gateway's users wait for. */
function connect() {
  const connected = client.connect(gateway.wsUrl, gateway.signToken({ userId: "ada" }));
  // It is looked at through the state.
  connected.catch(() => {});
}

afterEach(async () => {
  client.close();
  await gateway.close();
});

test("one connection too many says why, and comes in as soon as there is room", async () => {
  await start("--max-user-connections", "1");
  const headers = { authorization: `Bearer ${gateway.signToken({ userId: "ada" })}` };
  const other = new WebSocket(gateway.wsUrl, { headers });
  await new Promise((resolve) => other.once("message", resolve));
  connect();
  const cause = { code: 1013, reason: "Too many connections" };
  await until(() => expect(websocket.state).toMatchObject({ status: "waiting", cause }));
  other.close();
  await until(() => expect(websocket.isConnected()).toBe(true));
});

test("a page that comes back twice with all of its subscriptions has each of them", async () => {
  await start();
  const executions = Array.from({ length: 128 }, (_, index) => `exec_${index}`);
  for (const executionId of executions) {
    await gateway.post("/api/executions", { executionId, userId: "ada" });
    client.subscribe(executionId);
  }
  const subscribed = [];
  const unlisten = websocket.on("connection:subscribed", (event) => {
    subscribed.push(event.executionId);
  });
  for (let round = 1; round <= 3; round++) {
    connect();
    await until(() => expect(subscribed.length).toBe(128 * round));
    websocket.disconnect();
  }
  unlisten();
  for (const executionId of executions) client.unsubscribe(executionId);
  expect(new Set(subscribed).size).toBe(128);
  expect(client.errors).toEqual([]);
});
