// The fake WebSocket as the WHATWG standard has it, for what the client does not use.

import { FakeGateway } from "flowmaestro-websocket/testing";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

const URL = "ws://gateway.test/ws?token=t";

let gateway: FakeGateway;

beforeEach(() => {
  gateway = new FakeGateway();
});

afterEach(() => gateway.restore());

async function open(): Promise<WebSocket> {
  const socket = new WebSocket(URL);
  await gateway.connected();
  return socket;
}

function thrownBy(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    return (error as DOMException).name;
  }
  return "nothing";
}

test("the states and attributes of a connection", async () => {
  const socket = new WebSocket("https://gateway.test/ws", ["bearer.t", "flowmaestro.v1"]);
  expect(socket).toBeInstanceOf(WebSocket);
  expect(socket).toMatchObject({
    url: "wss://gateway.test/ws",
    readyState: WebSocket.CONNECTING,
    protocol: "",
    binaryType: "blob",
    bufferedAmount: 0,
  });
  await gateway.connected();
  expect(socket).toMatchObject({ readyState: WebSocket.OPEN, protocol: "flowmaestro.v1" });
  const closed = new Promise((resolve) => socket.addEventListener("close", resolve));
  socket.close(4000, "enough");
  expect(socket.readyState).toBe(WebSocket.CLOSING);
  expect(await closed).toMatchObject({ code: 4000, reason: "enough", wasClean: true });
  expect(socket.readyState).toBe(WebSocket.CLOSED);
  expect([socket.CONNECTING, socket.OPEN, socket.CLOSING, socket.CLOSED]).toEqual([0, 1, 2, 3]);
});

test("what the constructor refuses", () => {
  for (const url of ["//", "ftp://gateway.test/", "ws://gateway.test/#part"]) {
    expect(thrownBy(() => new WebSocket(url))).toBe("SyntaxError");
  }
  for (const protocols of ["", "a b", ["a", "a"]]) {
    expect(thrownBy(() => new WebSocket(URL, protocols))).toBe("SyntaxError");
  }
});

test("what send and close refuse", async () => {
  const connecting = new WebSocket(URL);
  expect(thrownBy(() => connecting.send("early"))).toBe("InvalidStateError");
  const socket = await open();
  for (const code of [1001, 1006, 2999, 5000]) {
    expect(thrownBy(() => socket.close(code))).toBe("InvalidAccessError");
  }
  expect(thrownBy(() => socket.close(1000, "ü".repeat(62)))).toBe("SyntaxError");
  socket.close(3000, "ü".repeat(61));
  socket.close();
  expect(thrownBy(() => socket.send('{"type":"late"}'))).toBe("nothing");
  gateway.assertNothingReceived();
});

test("a socket that is closed while it connects never opens", async () => {
  const socket = new WebSocket(URL);
  const seen: string[] = [];
  for (const type of ["open", "message", "error"]) {
    socket.addEventListener(type, () => seen.push(type));
  }
  const closed = new Promise((resolve) => socket.addEventListener("close", resolve));
  socket.close();
  expect(await closed).toMatchObject({ code: 1006, wasClean: false });
  expect(seen).toEqual(["error"]);
});

test("a connection ends once, though both ends close it", async () => {
  const socket = await open();
  const closed = vi.fn();
  socket.onclose = closed;
  socket.close();
  gateway.dropConnection({ code: 1012 });
  await Promise.resolve();
  expect(closed.mock.calls).toMatchObject([[{ code: 1012 }]]);
});

test("a socket whose subprotocols the gateway does not know fails", async () => {
  const socket = new WebSocket(URL, "mqtt");
  const closed = new Promise((resolve) => socket.addEventListener("close", resolve));
  expect(await closed).toMatchObject({ code: 1006, wasClean: false });
});

test("listeners: functions and objects, once, signals, removal, and each only once", async () => {
  const socket = await open();
  const seen: string[] = [];
  const twice = () => seen.push("twice added");
  const removed = () => seen.push("removed");
  const abort = new AbortController();
  const signal = abort.signal;
  socket.onmessage = function (this: WebSocket, { data, target }) {
    seen.push(`attribute ${data} ${target === socket && this === socket}`);
  };
  socket.addEventListener("message", twice);
  socket.addEventListener("message", twice, { once: true });
  socket.addEventListener("message", { handleEvent: () => seen.push("object") });
  socket.addEventListener("message", () => seen.push("once"), { once: true });
  socket.addEventListener("message", () => seen.push("aborted"), { signal });
  socket.addEventListener("message", () => seen.push("never"), { signal: AbortSignal.abort() });
  socket.addEventListener("message", () => socket.removeEventListener("message", removed));
  socket.addEventListener("message", removed);
  gateway.send("1");
  expect(seen).toEqual(["attribute 1 true", "twice added", "object", "once", "aborted"]);
  abort.abort();
  seen.length = 0;
  gateway.send("2");
  expect(seen).toEqual(["attribute 2 true", "twice added", "object"]);
});

test("a listener that throws is reported and stops nothing", async () => {
  const socket = await open();
  const report = vi.fn();
  vi.stubGlobal("reportError", report);
  const seen = vi.fn();
  socket.onmessage = () => {
    throw new Error("broken");
  };
  socket.addEventListener("message", seen);
  gateway.send("text");
  expect(seen).toHaveBeenCalledOnce();
  expect(report).toHaveBeenCalledWith(new Error("broken"));
  vi.unstubAllGlobals();
});

test("dispatchEvent calls the listeners of its type", async () => {
  const socket = await open();
  const seen = vi.fn();
  socket.addEventListener("message", seen);
  const event = new Event("message");
  expect(socket.dispatchEvent(event)).toBe(true);
  expect(seen).toHaveBeenCalledWith(event);
});
