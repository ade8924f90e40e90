// Reconnecting and scripts, in virtual time and in the test runner's own.

import { websocket } from "flowmaestro-websocket";
import { FakeGateway } from "flowmaestro-websocket/testing";
import { afterEach, expect, test, vi } from "vitest";

const HOUR_MS = 3_600_000;

const realGlobals = { setTimeout, clearTimeout, setInterval, Date, now: performance.now };

let gateway: FakeGateway;

afterEach(() => {
  gateway.restore();
  vi.useRealTimers();
});

function configure(): void {
  websocket.configure({
    url: "wss://gateway.test/ws",
    logLevel: "silent",
    reconnect: { jitter: "none" },
  });
}

/** Advances to 1 ms before a retry and over it; the retry is refused again, or not. */
async function expectRetryAfter(delayMs: number, attempts: number): Promise<void> {
  await gateway.advance(delayMs - 1);
  expect(websocket.stats().attempts).toBe(attempts - 1);
  await gateway.advance(1);
  expect(websocket.stats().attempts).toBe(attempts);
}

test("the client reconnects after exactly its delay, and resumes its subscriptions", async () => {
  gateway = new FakeGateway({ virtualTime: true });
  configure();
  const subscribed: boolean[] = [];
  websocket.on("connection:subscribed", ({ resumed }) => subscribed.push(resumed));
  websocket.subscribeToExecution("exec_1");
  websocket.connect("token");
  await gateway.subscribed("exec_1");
  await gateway.advance(HOUR_MS);

  gateway.dropConnection();
  expect(websocket.state).toMatchObject({ status: "waiting", retryAt: Date.now() + 1000 });
  await expectRetryAfter(1000, 2);
  expect(websocket.isConnected()).toBe(true);
  gateway.assertSubscribed("exec_1");
  expect(subscribed).toEqual([false, true]);
});

test("the client gives up after five retries", async () => {
  gateway = new FakeGateway({ virtualTime: true });
  configure();
  gateway.refuseConnections();
  const connected = websocket.connect("token").catch((error) => error);
  await gateway.advance(0);
  expect(websocket.stats().attempts).toBe(1);
  for (const [retry, delayMs] of [1000, 2000, 4000, 8000, 16_000].entries()) {
    await expectRetryAfter(delayMs, retry + 2);
  }
  expect(await connected).toMatchObject({ code: "retries_exhausted", closeCode: 1006 });
  expect(websocket.state.status).toBe("failed");
  await gateway.advance(HOUR_MS);
  expect(websocket.stats().attempts).toBe(6);
});

test("a script is played in virtual time", async () => {
  gateway = new FakeGateway({ virtualTime: true });
  configure();
  const start = Date.now();
  const seen: [number, number][] = [];
  websocket.on("node:stream", ({ chunk, timestamp }) => seen.push([Number(chunk), timestamp]));
  websocket.subscribeToExecution("exec_1");
  websocket.connect("token");
  await gateway.subscribed("exec_1");
  const event = { type: "node:stream", executionId: "exec_1", nodeId: "node_1" } as const;
  await gateway.play([
    { after: 100, event: { ...event, chunk: "1" } },
    { after: 0, event: { ...event, chunk: "2" } },
    { after: HOUR_MS, event: { ...event, chunk: "3" } },
  ]);
  expect(seen).toEqual([
    [1, start + 100],
    [2, start + 100],
    [3, start + 100 + HOUR_MS],
  ]);
});

test("a script is played in real time without virtualTime, and ends with restore", async () => {
  gateway = new FakeGateway();
  configure();
  const seen: string[] = [];
  websocket.on("execution:progress", ({ percentage }) => seen.push(`${percentage} %`));
  websocket.subscribeToExecution("exec_1");
  websocket.connect("token");
  await gateway.subscribed("exec_1");
  const event = { type: "execution:progress", executionId: "exec_1", total: 2 } as const;
  const start = performance.now();
  const played = gateway.play([
    { after: 30, event: { ...event, completed: 1, percentage: 50 } },
    { after: 30, event: { ...event, completed: 2, percentage: 100 } },
    { after: HOUR_MS, event: { ...event, completed: 2, percentage: 100 } },
  ]);
  await vi.waitFor(() => expect(seen).toEqual(["50 %"]));
  expect(performance.now() - start).toBeGreaterThan(25);
  gateway.restore();
  await played;
  expect(seen).toEqual(["50 %"]);
});

test("virtual time stands still, runs intervals and promises in order, and is put back", async () => {
  const before = { date: Date.now(), now: performance.now() };
  gateway = new FakeGateway({ virtualTime: true });
  const start = { date: Date.now(), now: performance.now() };
  expect(Number.isInteger(start.now)).toBe(true);
  expect(start.date).toBeGreaterThanOrEqual(before.date);
  expect(start.now).toBeGreaterThanOrEqual(before.now);
  await new Promise((resolve) => realGlobals.setTimeout(resolve, 5));
  expect({ date: Date.now(), now: performance.now() }).toEqual(start);

  const seen: string[] = [];
  const interval = setInterval(() => seen.push(`interval ${performance.now() - start.now}`), 40);
  setTimeout(() => Promise.resolve().then(() => seen.push("promise")), 50);
  setTimeout(() => seen.push("cleared"), 90).valueOf();
  const cleared = setTimeout(() => seen.push("never"), 95);
  clearTimeout(cleared);
  await gateway.advance(99);
  clearInterval(interval);
  expect(seen).toEqual(["interval 40", "promise", "interval 80", "cleared"]);
  expect(Date.now()).toBe(start.date + 99);

  gateway.restore();
  expect({ setTimeout, clearTimeout, setInterval, Date, now: performance.now }).toEqual(
    realGlobals,
  );
});

test("advance without virtual time is refused with what to do", async () => {
  gateway = new FakeGateway();
  await expect(gateway.advance(1)).rejects.toThrow("{ virtualTime: true }");
});

test("the test runner's own fake timers do as well", async () => {
  vi.useFakeTimers();
  gateway = new FakeGateway();
  configure();
  websocket.subscribeToExecution("exec_1");
  websocket.connect("token");
  await gateway.subscribed("exec_1");
  await vi.advanceTimersByTimeAsync(HOUR_MS);
  gateway.dropConnection();
  await vi.advanceTimersByTimeAsync(999);
  expect(websocket.state.status).toBe("waiting");
  await vi.advanceTimersByTimeAsync(1);
  expect(websocket.state.status).toBe("connected");

  const seen = vi.fn();
  websocket.on("node:failed", seen);
  const event = { type: "node:failed", executionId: "exec_1", nodeId: "n", error: "no" } as const;
  const played = gateway.play([{ after: 500, event }]);
  await vi.advanceTimersByTimeAsync(499);
  expect(seen).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1);
  await played;
  expect(seen).toHaveBeenCalledWith({ ...event, timestamp: Date.now() });
});

test("fake timers may start after the client's first use", async () => {
  gateway = new FakeGateway();
  configure();
  websocket.connect("token");
  await gateway.connected();
  vi.useFakeTimers();
  gateway.dropConnection();
  await vi.advanceTimersByTimeAsync(999);
  expect(websocket.state.status).toBe("waiting");
  await vi.advanceTimersByTimeAsync(1);
  expect(websocket.state.status).toBe("connected");
});

test("waiting in vain ends under the test runner's fake timers, too", async () => {
  vi.useFakeTimers();
  gateway = new FakeGateway({ waitTimeoutMs: 20 });
  await expect(gateway.connected()).rejects.toThrow("waited 20 ms for a connection");
});

test("virtual time on top of the test runner's fake timers is refused", () => {
  vi.useFakeTimers();
  expect(() => new FakeGateway({ virtualTime: true })).toThrow("the time is faked already");
  vi.useRealTimers();
  gateway = new FakeGateway({ virtualTime: true });
});
