// One-time tickets, from the real gateway and from servers that have none.

import { createServer } from "node:http";
import { websocket } from "flowmaestro-websocket";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { freePort } from "../../scripts/lib/server-process.mjs";
import { TestGateway } from "../../scripts/lib/test-gateway.mjs";
import { OurClient } from "./support/client.mjs";

const gateway = new TestGateway({ port: await freePort() });

let client;
let stub;
let urls;

beforeAll(() => gateway.start());

afterAll(() => gateway.close());

afterEach(async () => {
  client?.close();
  await new Promise((resolve) => (stub ? stub.close(resolve) : resolve()));
  stub = undefined;
});

/** A client that notes the addresses of its sockets. */
function start(options = {}) {
  client = new OurClient();
  urls = [];
  const Native = globalThis.WebSocket;
  globalThis.WebSocket = class extends Native {
    constructor(url, protocols) {
      super(url, protocols);
      urls.push(url);
    }
  };
  websocket.configure({ tokenPlacement: "ticket", ...options });
}

/** Answers requests for tickets, and remembers them. */
async function stubTickets(answer) {
  const requests = [];
  stub = createServer((request, response) => {
    requests.push(`${request.method} ${request.url} ${request.headers.authorization}`);
    answer(response);
  });
  await new Promise((resolve) => stub.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${stub.address().port}/tickets?of=us`;
  return { requests, url };
}

const status = (code) => (response) => response.writeHead(code).end("{}");

test("each connection has a ticket of its own, and no URL has the token", async () => {
  start();
  const token = gateway.signToken({ userId: "ada" });
  await client.connect(gateway.wsUrl, token);
  await gateway.stop("SIGKILL");
  await gateway.start();
  await vi.waitFor(() => expect(websocket.isConnected() && urls.length > 1).toBe(true), 10_000);
  expect(new Set(urls).size).toBe(urls.length);
  for (const url of urls) expect(url).toMatch(/\/ws\?token=ticket_[0-9a-f]{64}$/);
});

test("a token that the gateway refuses is unauthorized, without a socket", async () => {
  start();
  const connected = client.connect(gateway.wsUrl, "nonsense");
  await expect(connected).rejects.toMatchObject({ code: "unauthorized", closeCode: 1008 });
  expect(urls).toEqual([]);
});

test("tickets may come from elsewhere", async () => {
  const tickets = await stubTickets((response) => {
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ ticket: gateway.signToken({ userId: "ada" }) }));
  });
  start({ ticketUrl: tickets.url });
  await client.connect(gateway.wsUrl, "a token of another kind");
  expect(tickets.requests).toEqual(["POST /tickets?of=us Bearer a token of another kind"]);
});

test.each([
  [403, { code: "forbidden", closeCode: 4403 }],
  [404, { code: "retries_exhausted", closeCode: 1006, reason: "No ticket: status 404" }],
  [429, { code: "retries_exhausted", closeCode: 1013 }],
  [200, { code: "retries_exhausted", closeCode: 1006, reason: "No ticket: status 200" }],
  [302, { code: "retries_exhausted", closeCode: 1006, reason: "No ticket: no answer" }],
])("an answer with status %d is told", async (code, error) => {
  const tickets = await stubTickets(status(code));
  start({ ticketUrl: tickets.url });
  const connected = client.connect(gateway.wsUrl, "token");
  websocket.configure({ reconnect: { maxAttempts: 0 } });
  await expect(connected).rejects.toMatchObject(error);
  expect(urls).toEqual([]);
});

test("an address that is none is told", async () => {
  start({ ticketUrl: "http://[" });
  const connected = client.connect(gateway.wsUrl, "token");
  await expect(connected).rejects.toMatchObject({ code: "unsupported" });
});

test("disconnect ends the request, and no socket follows", async () => {
  const responses = [];
  const tickets = await stubTickets((response) => responses.push(response));
  start({ ticketUrl: tickets.url });
  const connected = client.connect(gateway.wsUrl, "token");
  await vi.waitFor(() => expect(responses.length).toBe(1));
  const closed = new Promise((resolve) => responses[0].on("close", resolve));
  websocket.disconnect();
  await expect(connected).rejects.toMatchObject({ code: "disconnected" });
  await closed;
  expect(urls).toEqual([]);
});

test("a provider is asked for another token when its ticket is refused", async () => {
  start();
  const token = gateway.signToken({ userId: "ada" });
  const provider = vi.fn().mockReturnValueOnce("nonsense").mockReturnValue(token);
  await client.connect(gateway.wsUrl, provider);
  expect(provider).toHaveBeenCalledTimes(2);
});
