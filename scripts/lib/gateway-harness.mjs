// The gateway under test, a proxy before it that breaks connections, and a control server through
// which tests in a page steer both: they cannot sign tokens, emit as a backend does, or kill a
// process.

import { createHmac, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { json } from "node:stream/consumers";
import { ROOT, TARGET_DIR } from "./run.mjs";
import { freePort, ServerProcess } from "./server-process.mjs";

/** Where the tests in a page find the control server: the test runner serves the crate's root. */
const HARNESS_FILE = join(ROOT, "target", "test-harness.json");

const LOG_FILE = join(ROOT, "target", "test-gateway.log");

/** Starts the gateway, the proxy and the control server; `close()` ends them. */
export async function startGatewayHarness() {
  mkdirSync(join(ROOT, "target"), { recursive: true });
  rmSync(LOG_FILE, { force: true });
  const gateway = new Gateway(await freePort());
  await gateway.start();
  const proxy = new FaultProxy({ listen: await freePort(), control: await freePort() });
  await proxy.start(gateway.port);
  const server = createServer(controlHandler(gateway, proxy)).listen(0, "127.0.0.1");
  await once(server, "listening");
  const controlUrl = `http://127.0.0.1:${server.address().port}`;
  writeFileSync(HARNESS_FILE, JSON.stringify({ controlUrl }));
  const close = async () => {
    rmSync(HARNESS_FILE);
    server.close();
    server.closeAllConnections();
    await proxy.stop();
    await gateway.stop("SIGKILL");
  };
  return { controlUrl, close };
}

class Gateway {
  #process;
  #jwtSecret = randomBytes(32).toString("hex");
  #serviceToken = randomBytes(32).toString("hex");

  #userInput = [];

  /** The port stays the same over restarts, as it does for a client that reconnects. */
  constructor(port) {
    this.port = port;
    this.httpUrl = `http://127.0.0.1:${port}`;
    this.wsUrl = `ws://127.0.0.1:${port}/ws`;
    this.#process = new ServerProcess({
      command: join(TARGET_DIR, "debug/flowmaestro-gateway"),
      args: ["--dev", "--port", String(port)],
      // Nothing of our own environment, which may hold settings meant for another gateway.
      env: { JWT_SECRET: this.#jwtSecret, SERVICE_TOKEN: this.#serviceToken },
      healthUrl: `${this.httpUrl}/health`,
      logFile: LOG_FILE,
    });
  }

  async start() {
    await this.#process.start();
    const answers = await this.#request("/api/user-input");
    if (!answers.ok) throw new Error(`the gateway refuses /api/user-input: ${answers.status}`);
    this.#collectUserInput(answers.body);
  }

  /** The answers of users that the gateway handed to its backend, in order. */
  get userInput() {
    return this.#userInput.map((text) => JSON.parse(text));
  }

  stop(signal) {
    return this.#process.stop(signal);
  }

  /** Posts to the gateway's API as a backend does. */
  post(path, body) {
    return this.#request(path, { method: "POST", body: JSON.stringify(body) });
  }

  /** A token of the gateway's users: a JWT signed with HS256. */
  signToken({ userId, ttlSeconds = 3600 }) {
    const now = Math.floor(Date.now() / 1000);
    const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const claims = { userId, iat: now, exp: now + ttlSeconds };
    const unsigned = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
    const signature = createHmac("sha256", this.#jwtSecret).update(unsigned).digest("base64url");
    return `${unsigned}.${signature}`;
  }

  #request(path, options) {
    const headers = {
      authorization: `Bearer ${this.#serviceToken}`,
      "content-type": "application/json",
    };
    return fetch(this.httpUrl + path, { headers, ...options });
  }

  /** Reads the server-sent events until the gateway ends: that breaks the stream off. */
  async #collectUserInput(body) {
    const input = Readable.fromWeb(body);
    try {
      for await (const line of createInterface({ input })) {
        if (line.startsWith("data:")) this.#userInput.push(line.slice("data:".length));
      }
    } catch (error) {
      if (!input.destroyed) throw error;
    }
  }
}

/** What the gateway looks like over a bad network: flowmaestro-fault-proxy. */
class FaultProxy {
  #ports;
  #process;

  constructor(ports) {
    this.#ports = ports;
    this.wsUrl = `ws://127.0.0.1:${ports.listen}/ws`;
  }

  async start(upstreamPort) {
    const address = (port) => `127.0.0.1:${port}`;
    this.#process = new ServerProcess({
      command: join(TARGET_DIR, "debug/flowmaestro-fault-proxy"),
      args: [
        ["--upstream", address(upstreamPort)],
        ["--listen", address(this.#ports.listen)],
        ["--control", address(this.#ports.control)],
      ].flat(),
      env: {},
      healthUrl: this.#url("/stats"),
      logFile: LOG_FILE,
    });
    await this.#process.start();
  }

  stop() {
    return this.#process.stop("SIGKILL");
  }

  request(method, path, body) {
    const headers = { "content-type": "application/json" };
    return fetch(this.#url(path), { method, headers, body: body && JSON.stringify(body) });
  }

  #url(path) {
    return `http://127.0.0.1:${this.#ports.control}${path}`;
  }
}

function controlHandler(gateway, proxy) {
  const routes = {
    "GET /info": () => ({
      wsUrl: gateway.wsUrl,
      httpUrl: gateway.httpUrl,
      proxyWsUrl: proxy.wsUrl,
    }),
    "POST /proxy/rules": (rules) => proxy.request("POST", "/rules", rules),
    "POST /proxy/plan": (plan) => proxy.request("PUT", "/plan", plan),
    "POST /proxy/cut": () => proxy.request("POST", "/cut"),
    "GET /proxy/stats": () => proxy.request("GET", "/stats"),
    "GET /user-input": () => gateway.userInput,
    "POST /token": (body) => ({ token: gateway.signToken(body) }),
    "POST /execution": (body) => gateway.post("/api/executions", body),
    "POST /emit": (body) => gateway.post("/api/events", body),
    "POST /gateway/start": () => gateway.start(),
    "POST /gateway/stop": () => gateway.stop("SIGTERM"),
    "POST /gateway/kill": () => gateway.stop("SIGKILL"),
  };
  return async (request, response) => {
    // The pages under test come from another origin.
    response.setHeader("Access-Control-Allow-Origin", "*");
    response.setHeader("Access-Control-Allow-Headers", "content-type");
    if (request.method === "OPTIONS") return response.writeHead(204).end();
    try {
      const route = routes[`${request.method} ${request.url}`];
      if (!route) return send(response, 404, { error: `no ${request.method} ${request.url}` });
      const isEmpty = (request.headers["content-length"] ?? "0") === "0";
      const result = await route(isEmpty ? {} : await json(request));
      if (!(result instanceof Response)) return send(response, 200, result ?? {});
      response.writeHead(result.status).end(await result.text());
    } catch (error) {
      send(response, 500, { error: error.message });
    }
  };
}

function send(response, status, body) {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
