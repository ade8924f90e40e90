// The gateway under test, a proxy before it that breaks connections, and a control server through
// which tests in a page steer both: they cannot sign tokens, emit as a backend does, or kill a
// process.

import { once } from "node:events";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { ROOT, TARGET_DIR } from "./run.mjs";
import { freePort, ServerProcess } from "./server-process.mjs";
import { TestGateway } from "./test-gateway.mjs";

/** Where the tests in a page find the control server: the test runner serves the crate's root. */
const HARNESS_FILE = join(ROOT, "target", "test-harness.json");

const LOG_FILE = join(ROOT, "target", "test-gateway.log");

/** Starts the gateway, the proxy and the control server; `close()` ends them. `cuts` is how many
 *  connections a test under load cuts; `figures` are those that tests report. */
export async function startGatewayHarness({ cuts } = {}) {
  mkdirSync(join(ROOT, "target"), { recursive: true });
  rmSync(LOG_FILE, { force: true });
  const gateway = new TestGateway({ port: await freePort(), logFile: LOG_FILE });
  await gateway.start();
  const proxy = new FaultProxy({ listen: await freePort(), control: await freePort() });
  await proxy.start(gateway.port);
  const figures = [];
  const handler = controlHandler({ gateway, proxy, cuts, figures });
  const server = createServer(handler).listen(0, "127.0.0.1");
  await once(server, "listening");
  const controlUrl = `http://127.0.0.1:${server.address().port}`;
  writeFileSync(HARNESS_FILE, JSON.stringify({ controlUrl }));
  const close = async () => {
    rmSync(HARNESS_FILE);
    server.close();
    server.closeAllConnections();
    await proxy.stop();
    await gateway.close();
  };
  return { controlUrl, figures, close };
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

function controlHandler({ gateway, proxy, cuts, figures }) {
  const routes = {
    "GET /info": () => ({
      wsUrl: gateway.wsUrl,
      httpUrl: gateway.httpUrl,
      proxyWsUrl: proxy.wsUrl,
      cuts,
    }),
    "POST /proxy/rules": (rules) => proxy.request("POST", "/rules", rules),
    "POST /proxy/plan": (plan) => proxy.request("PUT", "/plan", plan),
    "POST /proxy/cut": () => proxy.request("POST", "/cut"),
    "GET /proxy/stats": () => proxy.request("GET", "/stats"),
    "GET /user-input": () => gateway.userInput,
    "POST /token": (body) => ({ token: gateway.signToken(body) }),
    "POST /execution": (body) => gateway.post("/api/executions", body),
    "POST /emit": (body) => gateway.post("/api/events", body),
    "POST /figures": (reported) => void figures.push(reported),
    "POST /gateway/start": (options) => gateway.start(options),
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
