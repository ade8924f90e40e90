// What a page's test does with the kit, to be run in each DOM implementation.

import { websocket } from "flowmaestro-websocket";
import { FakeGateway } from "flowmaestro-websocket/testing";
import { expect } from "vitest";

export async function playInPage(): Promise<void> {
  const realSetTimeout = setTimeout;
  using gateway = new FakeGateway({ virtualTime: true });
  websocket.configure({ url: "wss://gateway.test/ws", reconnect: { jitter: "none" } });
  const output = document.createElement("output");
  websocket.on("node:stream", ({ chunk }) => output.append(chunk));
  websocket.subscribeToExecution("exec_1");
  websocket.connect("token");
  await gateway.subscribed("exec_1");

  const event = { type: "node:stream", executionId: "exec_1", nodeId: "node_1" } as const;
  await gateway.play([
    { after: 60_000, event: { ...event, chunk: "Hello, " } },
    { after: 60_000, event: { ...event, chunk: "world" } },
  ]);
  expect(output.textContent).toBe("Hello, world");

  let frames = 0;
  requestAnimationFrame(() => {
    frames += 1;
  });
  await new Promise((resolve) => realSetTimeout(resolve, 50));
  expect(frames).toBe(0);
  gateway.dropConnection();
  await gateway.advance(1000);
  expect(websocket.isConnected()).toBe(true);
  expect(frames).toBe(1);
}
