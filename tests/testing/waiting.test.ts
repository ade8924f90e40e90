// Waiting helpers and assertions: what they say when things are not as expected.

import { websocket } from "flowmaestro-websocket";
import { FakeGateway, type FakeGatewayOptions } from "flowmaestro-websocket/testing";
import { afterEach, expect, test } from "vitest";

let gateway: FakeGateway;

afterEach(() => gateway.restore());

async function startConnected(options?: FakeGatewayOptions): Promise<void> {
  gateway = new FakeGateway(options);
  websocket.configure({ url: "wss://gateway.test/ws", logLevel: "silent" });
  await websocket.connect("token");
}

test("waiting in vain ends with what was waited for and what came instead", async () => {
  await startConnected({ waitTimeoutMs: 20 });
  websocket.subscribeToExecution("exec_2");
  await gateway.subscribed("exec_2");
  await expect(gateway.subscribed("exec_1")).rejects.toThrow(
    'waited 20 ms for a subscription to "exec_1"; the gateway has 1 connection(s), ' +
      'subscribed to ["exec_2"], and has received 1 message(s)\n' +
      '  {"type":"subscribe","executionId":"exec_2"}',
  );
  websocket.disconnect();
  await Promise.resolve();
  await expect(gateway.connected()).rejects.toThrow("waited 20 ms for a connection; ");
});

test("waiting under virtual time ends as well, and says that time is virtual", async () => {
  gateway = new FakeGateway({ virtualTime: true, waitTimeoutMs: 20 });
  await expect(gateway.connected()).rejects.toThrow(/advance\(\) and play\(\) only/);
});

test("waiting for a client that has failed says why it has", async () => {
  await startConnected({ waitTimeoutMs: 20 });
  gateway.dropConnection({ code: 4403 });
  await expect(gateway.connected()).rejects.toThrow(/The client has failed: .*does not admit/);
});

test("restore rejects what is still waited for", async () => {
  gateway = new FakeGateway();
  const connected = gateway.connected();
  gateway.restore();
  await expect(connected).rejects.toThrow(
    "the FakeGateway was restored while waiting for a connection",
  );
});

test("nobody is told of a wait in vain that nobody awaits", async () => {
  // The runner fails this file for an unhandled rejection.
  gateway = new FakeGateway({ waitTimeoutMs: 1 });
  void gateway.connected();
  await new Promise((resolve) => setTimeout(resolve, 20));
});

test("assertions pass when it is so, and say what there is when not", async () => {
  await startConnected();
  gateway.assertNothingReceived();
  gateway.assertNotSubscribed("exec_1");
  expect(() => gateway.assertSubscribed("exec_1")).toThrow(
    'expected a subscription to "exec_1"; the gateway has 1 connection(s), subscribed to [], ' +
      "and has received 0 message(s)",
  );

  websocket.subscribeToExecution("exec_1");
  await gateway.subscribed("exec_1");
  gateway.assertSubscribed("exec_1");
  expect(() => gateway.assertNotSubscribed("exec_1")).toThrow(
    'expected no subscription to "exec_1"; the gateway has 1 connection(s), subscribed to ["exec_1"]',
  );
  expect(() => gateway.assertNothingReceived()).toThrow(
    'expected no message; the gateway has 1 connection(s), subscribed to ["exec_1"], and has ' +
      'received 1 message(s)\n  {"type":"subscribe","executionId":"exec_1"}',
  );
});

test("assertReceived compares the fields that are named", async () => {
  await startConnected();
  await websocket.submitUserInput("exec_1", "node_1", { choice: "b", tags: [1, 2], note: null });
  gateway.assertReceived({ type: "user:input:response" });
  gateway.assertReceived({ executionId: "exec_1", value: { choice: "b" } });
  gateway.assertReceived({ value: { tags: [1, 2], note: null } });
  for (const value of [
    { choice: "a" },
    { choice: { length: 1 } },
    { tags: [1] },
    { tags: { 0: 1 } },
    { note: {} },
    null,
  ]) {
    expect(() => gateway.assertReceived({ value })).toThrow(
      `expected a message like ${JSON.stringify({ value })}; `,
    );
  }
});
