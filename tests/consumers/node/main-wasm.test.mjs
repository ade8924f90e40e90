// The main entry where WebAssembly is missing, forbidden, or wants to be awaited.

import assert from "node:assert/strict";
import { test } from "node:test";
import { runModule } from "./child.mjs";

/** Uses the client after `setup` in every way, and tells how that goes. */
const use = (setup, beforeUse = "") =>
  runModule(`
    ${setup}
    const { init, websocket } = await import("flowmaestro-websocket");
    ${beforeUse}
    const attempt = async (work) => {
      try {
        await work();
      } catch (error) {
        return error.name + " " + error.code;
      }
    };
    websocket.connect("left alone");
    const on = await attempt(() => websocket.on("x", () => {}));
    const connect = await attempt(() => websocket.connect("token"));
    const isConnected = websocket.isConnected();
    websocket.disconnect();
    console.log(JSON.stringify({ on, connect, isConnected, status: websocket.state.status }));
  `);

/** What is seen where the client works: this Node has no WebSocket. */
const WORKS = {
  connect: "ConnectionError unsupported",
  isConnected: false,
  status: "disconnected",
};

const failed = (code) => ({
  on: `WasmInitError ${code}`,
  connect: `WasmInitError ${code}`,
  isConnected: false,
  status: "failed",
});

/** As Chromium before 114 on a page's main thread. */
const ASYNC_ONLY = `
  const small = new WeakSet();
  for (const name of ["Module", "Instance"]) {
    const Original = WebAssembly[name];
    WebAssembly[name] = class extends Original {
      constructor(source, imports) {
        const isSmall = small.has(source) || source.byteLength <= 4096;
        if (!isSmall) throw new RangeError(name + " is disallowed on the main thread");
        super(source, imports);
        small.add(this);
      }
      static [Symbol.hasInstance](value) {
        return value instanceof Original;
      }
    };
  }
`;

test("works without init(), and after it", () => {
  assert.deepEqual(use(""), WORKS);
  assert.deepEqual(use("", "await init(); await init();"), WORKS);
});

test("works while init() is under way", () => {
  assert.deepEqual(use("", "init();"), WORKS);
});

test("without WebAssembly it is unsupported", () => {
  assert.deepEqual(use("delete globalThis.WebAssembly;"), failed("unsupported"));
});

test("where it is forbidden it is blocked", () => {
  const forbid = `
    WebAssembly.Module = function () {
      throw new WebAssembly.CompileError(
        "WebAssembly.Module(): Wasm code generation disallowed by embedder: 'unsafe-eval'",
      );
    };
  `;
  assert.deepEqual(use(forbid), failed("blocked"));
});

test("a browser that only compiles in its own time needs init()", () => {
  assert.deepEqual(use(ASYNC_ONLY), failed("needs_init"));
  assert.deepEqual(use(ASYNC_ONLY, "await Promise.all([init(), init()]);"), WORKS);
});
