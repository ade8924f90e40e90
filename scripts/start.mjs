// `npm start`: sets up what is missing, builds everything and serves the demo.

import { once } from "node:events";
import { createServer } from "node:net";
import { constants } from "node:os";
import { join } from "node:path";
import { fail, run, TARGET_DIR } from "./lib/run.mjs";
import { ServerProcess } from "./lib/server-process.mjs";
import { toolEnv } from "./lib/toolchain.mjs";

try {
  const port = readPort();
  await requireFreePort(port);
  run("node", ["scripts/setup.mjs"]);
  run("npm", ["run", "build"]);
  run("npm", ["run", "build:demo"]);
  await serve(port);
} catch (error) {
  fail(error);
}

function readPort() {
  const port = Number(process.env.PORT || 3001);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new Error(`PORT is "${process.env.PORT}": give a number from 1 to 65535`);
}

/** Tried before the build, which takes minutes the first time. */
async function requireFreePort(port) {
  const probe = createServer().listen(port, "127.0.0.1");
  try {
    await once(probe, "listening");
  } catch (error) {
    if (error.code !== "EADDRINUSE") throw error;
    throw new Error(`port ${port} is in use. Choose another: PORT=${port + 1} npm start`);
  }
  probe.close();
  await once(probe, "close");
}

async function serve(port) {
  const url = `http://127.0.0.1:${port}`;
  const demo = new ServerProcess({
    command: join(TARGET_DIR, "release/flowmaestro-demo"),
    args: ["--port", String(port), "--www-dir", "www/dist"],
    env: toolEnv(),
    healthUrl: `${url}/health`,
  });
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => demo.signal(signal));
  await demo.start();
  console.log(`\nFlowMaestro's demo is running: open ${url}\n`);
  const [code, signal] = await demo.ended;
  process.exitCode = code ?? 128 + constants.signals[signal];
}
