// One app made with Vite, webpack and esbuild, served with the strictest policy under which a page
// can run WebAssembly and connect.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { freePort, ServerProcess } from "../../../scripts/lib/server-process.mjs";
import { assertShowsEvents, launchChromium, openPage } from "../shared/chromium.mjs";
import { newUser } from "../shared/gateway.mjs";

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm" };

let browser;
let bundler;
let origin;
let policy;
let server;

before(async () => {
  browser = await launchChromium();
  const gateway = new URL((await newUser()).url).origin;
  policy = [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    `connect-src 'self' ${gateway}`,
    "require-trusted-types-for 'script'",
  ].join("; ");
  server = createServer(serve).listen(0, "127.0.0.1");
  await once(server, "listening");
  origin = `http://127.0.0.1:${server.address().port}`;
});

after(async () => {
  await browser?.close();
  server?.close();
  server?.closeAllConnections();
});

function serve({ url }, response) {
  const { pathname } = new URL(url, origin);
  const body = content(pathname);
  const headers = {
    "content-type": TYPES[extname(pathname)] ?? "text/plain",
    "content-security-policy": policy,
  };
  response.writeHead(body ? 200 : 404, headers).end(body);
}

/** A file of the build. webpack and esbuild make scripts only: `x.html` is the page of `x.js`. */
function content(pathname) {
  const file = join("dist", bundler, pathname);
  if (existsSync(file)) return readFileSync(file);
  if (!pathname.endsWith(".html")) return undefined;
  const script = pathname.replace(".html", ".js");
  return `<!doctype html><title>App</title><script defer src="${script}"></script><output></output>`;
}

/** Without holding up what else goes on: the server of the tests closes connections that are idle. */
async function build(script) {
  await promisify(execFile)("npm", ["run", script]).catch(({ stdout, stderr }) => {
    assert.fail(stdout + stderr);
  });
}

const PAGES = {
  vite: ["index", "slim"],
  webpack: ["main", "slim", "copies"],
  esbuild: ["main", "slim-esbuild", "copies"],
};

for (const [name, pages] of Object.entries(PAGES)) {
  test(`${name} builds the app`, () => build(name));
  for (const page of pages) {
    test(`the ${page} page runs as ${name} has built it`, async () => {
      bundler = name;
      await assertShowsEvents(browser, `${origin}/${page}.html`);
    });
  }
}

for (const page of ["index", "slim"]) {
  test(`the ${page} page runs on the Vite dev server`, async () => {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const vite = new ServerProcess({
      command: join(process.cwd(), "node_modules/.bin/vite"),
      args: ["--port", String(port), "--strictPort", "--host", "127.0.0.1"],
      cwd: process.cwd(),
      healthUrl: url,
      logFile: "vite.log",
    });
    await vite.start();
    try {
      await assertShowsEvents(browser, `${url}/${page}.html`);
    } finally {
      await vite.stop();
    }
  });
}

test("an app that uses nothing of the package has nothing of it", () => {
  assert.ok(statSync("dist/esbuild/unused.js").size < 200);
});

test("a page that forbids WebAssembly is told so, and nothing is thrown at it", async () => {
  bundler = "esbuild";
  policy = policy.replace(" 'wasm-unsafe-eval'", "");
  const { page, problems } = await openPage(browser, `${origin}/forbidden.html`);
  await page.getByText("blocked").waitFor();
  const { message, ...error } = JSON.parse(await page.locator("output").textContent());
  assert.deepEqual(error, { name: "WasmInitError", code: "blocked", status: "failed" });
  assert.match(message, /add 'wasm-unsafe-eval' to its script-src/);
  assert.deepEqual(new Set(problems), new Set(["script-src forbids wasm-eval"]));
});
