// The servers that are compared: the gateway, and a bare broadcast.

import { join } from "node:path";
import { run, TARGET_DIR } from "../../scripts/lib/run.mjs";
import { freePort, ServerProcess } from "../../scripts/lib/server-process.mjs";
import { TestGateway } from "../../scripts/lib/test-gateway.mjs";
import { toolEnv } from "../../scripts/lib/toolchain.mjs";

/** Whose executions they are. */
const USER = "user_bench";

/**
 * Compiles the servers: as they are deployed, or quickly.
 * @returns {string} cargo's profile, for starting them
 */
export function buildServers({ quick }) {
  const packages = ["-p", "flowmaestro-gateway", "-p", "flowmaestro-bench-broadcast"];
  const options = quick ? [] : ["--release"];
  run("cargo", ["build", ...options, ...packages], { env: toolEnv() });
  return quick ? "debug" : "release";
}

export async function startGateway(profile) {
  // What it says of each connection would be a good part of what it costs.
  const args = ["--log-level", "warn", "--max-user-connections", "20000"];
  const gateway = new TestGateway({ port: await freePort(), args, profile });
  await gateway.start();
  return {
    name: "gateway",
    pid: gateway.pid,
    /** The address of the socket, with a user's token. */
    url: `${gateway.wsUrl}?token=${gateway.signToken({ userId: USER })}`,
    /** Lets an execution be the user's. */
    async register(executionId) {
      const response = await gateway.post("/api/executions", { executionId, userId: USER });
      if (!response.ok) throw new Error(`the gateway refuses ${executionId}: ${response.status}`);
    },
    post: (events) => gateway.post("/api/events", events),
    close: () => gateway.close(),
  };
}

export async function startBroadcast(profile) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const server = new ServerProcess({
    command: join(TARGET_DIR, profile, "flowmaestro-bench-broadcast"),
    args: ["--port", String(port)],
    env: {},
    healthUrl: `${url}/health`,
  });
  await server.start();
  return {
    name: "bare axum broadcast",
    pid: server.pid,
    url: `ws://127.0.0.1:${port}/ws`,
    post: (events) => fetch(`${url}/api/events`, { method: "POST", body: JSON.stringify(events) }),
    close: () => server.stop("SIGKILL"),
  };
}
