// The slim entry's init(): what it takes, and what it says about what it does not take.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { runModule } from "./child.mjs";

const wasm = readFileSync(
  fileURLToPath(import.meta.resolve("flowmaestro-websocket/flowmaestro_websocket.wasm")),
);
/** The smallest module that there is: nothing in it. */
const otherModule = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
const html = "<!doctype html><title>Not found</title>";

const ROUTES = {
  "/right.wasm": ["application/wasm", wasm],
  "/wrong-type.wasm": ["text/plain", wasm],
  "/page.wasm": ["text/html", html],
  "/page-as-wasm.wasm": ["application/wasm", html],
  "/other.wasm": ["application/wasm", otherModule],
};

let origin;
let server;

before(async () => {
  server = createServer(({ url }, response) => {
    const [type, body] = ROUTES[url] ?? [];
    response.writeHead(body ? 200 : 404, { "content-type": type ?? "text/html" }).end(body ?? html);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  origin = `http://127.0.0.1:${server.address().port}`;
});

after(() => {
  server.close();
  server.closeAllConnections();
});

let copies = 0;

/** The slim entry as a new process has it. */
async function freshSlim() {
  delete globalThis[Symbol.for("flowmaestro-websocket")];
  copies += 1;
  return import(`${import.meta.resolve("flowmaestro-websocket/slim")}?copy=${copies}`);
}

function assertWorks({ websocket }) {
  assert.equal(websocket.state.status, "disconnected");
  websocket.on("node:completed", () => {});
  assert.equal(websocket.hasHandlers("node:completed"), true);
}

/** It fails alike wherever it is used, and tells its state all the same. */
async function assertFailed({ init, websocket, WasmInitError }, error, code) {
  assert.ok(error instanceof WasmInitError);
  assert.equal(error.name, "WasmInitError");
  assert.equal(error.code, code, error.message);
  assert.deepEqual(websocket.state, { status: "failed", error });
  assert.equal(websocket.state, websocket.state);
  assert.equal(websocket.isConnected(), false);
  assert.throws(() => websocket.on("node:completed", () => {}), error);
  await assert.rejects(websocket.connect("token"), error);
  await assert.rejects(websocket.submitUserInput("e", "n", 1), error);
  websocket.connect("left alone");
  init(42);
  websocket.disconnect();
}

test("before init() a call throws, and connect() rejects", async () => {
  const slim = await freshSlim();
  const error = await slim.websocket.connect("token").catch((error) => error);
  assert.match(error.message, /await init\(url\)/);
  await assertFailed(slim, error, "not_initialized");
  await slim.init(wasm);
  assertWorks(slim);
});

const RIGHT_INPUTS = {
  "an address": () => `${origin}/right.wasm`,
  "a URL": () => new URL("/right.wasm", origin),
  "a Request": () => new Request(`${origin}/right.wasm`),
  "a promise of a Response": () => fetch(`${origin}/right.wasm`),
  "the bytes under another MIME type": () => `${origin}/wrong-type.wasm`,
  "a Response made from the bytes": () => new Response(wasm),
  "a view of the bytes": () => wasm,
  "an ArrayBuffer": () => Uint8Array.from(wasm).buffer,
  "a compiled module": () => new WebAssembly.Module(wasm),
  "a promise of the bytes": () => Promise.resolve(wasm),
};

for (const [what, input] of Object.entries(RIGHT_INPUTS)) {
  test(`init() takes ${what}`, async () => {
    const slim = await freshSlim();
    await slim.init(input());
    assertWorks(slim);
  });
}

const WRONG_INPUTS = [
  ["a number", () => 42, "invalid_input", /not number/],
  ["null", () => null, "invalid_input", /not null/],
  ["nothing", () => undefined, "invalid_input", /not undefined/],
  ["an object", () => ({}), "invalid_input", /URL, Request, Response, bytes/],
  ["a missing file", () => `${origin}/missing.wasm`, "not_found", /missing\.wasm answered \(404/],
  ["a server that is none", () => "http://127.0.0.1:1/x.wasm", "not_found", /connect-src/],
  ["a promise that fails", () => fetch("http://127.0.0.1:1/x.wasm"), "not_found", /address/],
  ["a page answered with 200", () => `${origin}/page.wasm`, "wrong_module", /\(200, text\/html\)/],
  ["a page called WebAssembly", () => `${origin}/page-as-wasm.wasm`, "wrong_module", /\(200,/],
  ["bytes that are none", () => new Uint8Array(9), "wrong_module", /bytes given to init\(\)/],
  ["another module", () => `${origin}/other.wasm`, "wrong_module", /same version/],
  [
    "another compiled module",
    () => new WebAssembly.Module(otherModule),
    "wrong_module",
    /same ver/,
  ],
];

for (const [what, input, code, message] of WRONG_INPUTS) {
  test(`init() refuses ${what}, and takes the right file after it`, async () => {
    const slim = await freshSlim();
    const error = await slim.init(input()).catch((error) => error);
    await assertFailed(slim, error, code);
    assert.match(error.message, message);
    await slim.init(wasm);
    assertWorks(slim);
  });
}

test("calls of init() that overlap make one client, and a wrong one does not undo a right one", async () => {
  const slim = await freshSlim();
  const results = await Promise.allSettled([slim.init(wasm), slim.init(wasm), slim.init(42)]);
  assert.deepEqual(
    results.map(({ status }) => status),
    ["fulfilled", "fulfilled", "fulfilled"],
  );
  assertWorks(slim);
});

test("init() serves the other copies too", async () => {
  const slim = await freshSlim();
  const main = await import(`${import.meta.resolve("flowmaestro-websocket")}?copy=${copies}`);
  await slim.init(wasm);
  assertWorks(main);
});

test("without WebAssembly it is unsupported", () => {
  const result = runModule(`
    delete globalThis.WebAssembly;
    const { init, websocket } = await import("flowmaestro-websocket/slim");
    init("left alone");
    const { code } = await init(new Uint8Array(8)).catch((error) => error);
    console.log(JSON.stringify({ code, status: websocket.state.status }));
  `);
  assert.deepEqual(result, { code: "unsupported", status: "failed" });
});
