// An app of Next.js: the package in a server component and in a client component, rendered on the
// server and hydrated, built with each of the two bundlers.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { freePort, ServerProcess } from "../../../scripts/lib/server-process.mjs";
import { assertShowsEvents, launchChromium } from "../shared/chromium.mjs";

const env = { ...process.env, NEXT_TELEMETRY_DISABLED: "1" };

let browser;

before(async () => {
  browser = await launchChromium();
});

after(() => browser?.close());

async function startServer() {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const server = new ServerProcess({
    command: join(process.cwd(), "node_modules/.bin/next"),
    args: ["start", "--port", String(port), "--hostname", "127.0.0.1"],
    cwd: process.cwd(),
    env,
    healthUrl: url,
    logFile: "next.log",
  });
  await server.start();
  return { url, server };
}

for (const bundler of ["turbopack", "webpack"]) {
  test(`${bundler} builds the app`, () => {
    const options = { encoding: "utf8", env };
    const { status, stdout, stderr } = spawnSync("npm", ["run", bundler], options);
    assert.equal(status, 0, stdout + stderr);
  });

  test(`the app runs as ${bundler} has built it`, async (t) => {
    const { url, server } = await startServer();
    t.after(() => server.stop());
    const html = await (await fetch(url)).text();
    // React puts a comment between two texts.
    assert.match(html, /On the server: (<!-- -->)?disconnected/);
    assert.match(html, /In the component: (<!-- -->)?disconnected/);
    await assertShowsEvents(browser, url);
  });
}
