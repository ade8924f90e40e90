import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { freePort, ServerProcess } from "./server-process.mjs";

const HTTP_SERVER = `require("node:http").createServer((request, response) => response.end("up"))
  .listen(Number(process.argv[1]), "127.0.0.1")`;

async function nodeServer(t, source) {
  const directory = mkdtempSync(join(tmpdir(), "server-process-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const logFile = join(directory, "log");
  const args = ["-e", source, String(port)];
  const command = process.execPath;
  const server = new ServerProcess({ command, args, healthUrl: url, logFile });
  t.after(() => server.stop("SIGKILL"));
  return { server, url, logFile };
}

test("answers once started, is gone once stopped, and comes back on its port", async (t) => {
  const { server, url } = await nodeServer(t, HTTP_SERVER);
  for (const signal of ["SIGTERM", "SIGKILL"]) {
    await server.start();
    assert.equal(await (await fetch(url)).text(), "up");
    await server.stop(signal);
    await assert.rejects(fetch(url));
  }
});

test("a second start is refused", async (t) => {
  const { server } = await nodeServer(t, HTTP_SERVER);
  await server.start();
  await assert.rejects(server.start(), /already running/);
});

test("a server that ends at its start is told with its code and its log", async (t) => {
  const { server, logFile } = await nodeServer(t, "console.log('no'); process.exit(3)");
  await assert.rejects(server.start(), (error) => {
    assert.match(error.message, /ended with code 3/);
    assert.ok(error.message.includes(logFile));
    return true;
  });
  assert.equal(readFileSync(logFile, "utf8"), "no\n");
});

test("a program that cannot be started is told", async () => {
  const server = new ServerProcess({ command: "/no/such/program", args: [], healthUrl: "" });
  await assert.rejects(server.start(), /ENOENT/);
});
