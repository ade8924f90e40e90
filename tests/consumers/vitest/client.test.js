import { websocket } from "flowmaestro-websocket";
import { afterEach, expect, test, vi } from "vitest";

const { SOCKET_URL: url, TOKEN: token, EXECUTION: executionId } = process.env;

afterEach(() => {
  vi.unstubAllGlobals();
  websocket.disconnect();
});

test("is disconnected at first", () => {
  expect(websocket.state).toEqual({ status: "disconnected" });
});

test("says that it needs a WebSocket", async () => {
  vi.stubGlobal("WebSocket", undefined);
  websocket.configure({ url });
  await expect(websocket.connect(token)).rejects.toMatchObject({ code: "unsupported" });
});

test.skipIf(typeof document === "undefined")("receives events in jsdom", async () => {
  websocket.configure({ url, tokenPlacement: "subprotocol" });
  const event = new Promise((resolve) => {
    websocket.on("node:completed", resolve, { executionId });
  });
  websocket.subscribeToExecution(executionId);
  await websocket.connect(token);
  expect(await event).toMatchObject({ type: "node:completed", nodeId: "n1" });
});
