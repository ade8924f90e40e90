const { afterEach, expect, test } = require("@jest/globals");
const { websocket } = require("flowmaestro-websocket");

const { SOCKET_URL: url, TOKEN: token, EXECUTION: executionId } = process.env;

afterEach(() => {
  websocket.disconnect();
});

test("is disconnected at first", () => {
  expect(websocket.state).toEqual({ status: "disconnected" });
});

test("says that it needs a WebSocket", async () => {
  const original = globalThis.WebSocket;
  globalThis.WebSocket = undefined;
  websocket.configure({ url });
  await expect(websocket.connect(token)).rejects.toMatchObject({ code: "unsupported" });
  globalThis.WebSocket = original;
});

const inJsdom = typeof document === "undefined" ? test.skip : test;

inJsdom("receives events in jsdom", async () => {
  websocket.configure({ url, tokenPlacement: "subprotocol" });
  const event = new Promise((resolve) => {
    websocket.on("node:completed", resolve, { executionId });
  });
  websocket.subscribeToExecution(executionId);
  await websocket.connect(token);
  expect(await event).toMatchObject({ type: "node:completed", nodeId: "n1" });
});
