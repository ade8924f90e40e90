// @vitest-environment jsdom
// What happens to the page, in a DOM: frozen, kept, hidden, without a network.

import { websocket } from "flowmaestro-websocket";
import { FakeGateway } from "flowmaestro-websocket/testing";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

let gateway: FakeGateway;
let online: boolean;

beforeEach(() => {
  online = true;
  vi.spyOn(navigator, "onLine", "get").mockImplementation(() => online);
  gateway = new FakeGateway({ virtualTime: true });
  websocket.configure({ url: "wss://gateway.test/ws", logLevel: "silent" });
});

afterEach(() => {
  gateway.restore();
  vi.restoreAllMocks();
});

function network(isThere: boolean) {
  online = isThere;
  window.dispatchEvent(new Event(isThere ? "online" : "offline"));
}

/** Waits for the next retry, of a server that is back. */
async function waitForRetry() {
  await websocket.connect("token");
  gateway.refuseConnections();
  gateway.dropConnection();
  expect(websocket.state.status).toBe("waiting");
  gateway.acceptConnections();
}

test.each([
  ["a frozen page that goes on", () => document.dispatchEvent(new Event("resume"))],
  ["a page that was kept", () => window.dispatchEvent(new Event("pageshow"))],
  ["a page that is seen again", () => document.dispatchEvent(new Event("visibilitychange"))],
  ["the network", () => network(true)],
])("%s cuts a wait short", async (_, happen) => {
  await waitForRetry();
  happen();
  await gateway.connected();
});

test("a page that is frozen keeps its connection", async () => {
  await websocket.connect("token");
  const { state } = websocket;
  document.dispatchEvent(new Event("freeze"));
  await gateway.advance(3_600_000);
  document.dispatchEvent(new Event("resume"));
  await gateway.advance(1000);
  expect(websocket.state).toBe(state);
});

test("who takes over from one who waits wakes nobody", async () => {
  await waitForRetry();
  const states: unknown[] = [];
  websocket.on("connection:state", ({ state }) => states.push(state));
  await websocket.connect("another");
  expect(states).toMatchObject([{ status: "connecting", attempt: 0 }, { status: "connected" }]);
});

test("after disconnect nothing wakes the client", async () => {
  await waitForRetry();
  websocket.disconnect();
  document.dispatchEvent(new Event("resume"));
  window.dispatchEvent(new Event("pageshow"));
  network(true);
  await gateway.advance(60_000);
  expect(websocket.state.status).toBe("disconnected");
});

test.each([
  ["from the start", true],
  ["later", false],
])("without a network, %s, retries are not counted", async (_, fromStart) => {
  gateway.refuseConnections();
  if (fromStart) online = false;
  websocket.connect("token");
  if (!fromStart) network(false);
  await gateway.advance(600_000);
  expect(websocket.state.status).toBe("waiting");
  network(true);
  await gateway.advance(600_000);
  expect(websocket.state).toMatchObject({ status: "failed", error: { code: "retries_exhausted" } });
});

test("a network that came back while nobody watched is there", async () => {
  online = false;
  websocket.connect("token");
  websocket.disconnect();
  online = true;
  gateway.refuseConnections();
  websocket.connect("token");
  await gateway.advance(600_000);
  expect(websocket.state.status).toBe("failed");
});
