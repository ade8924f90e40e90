// What importing does: nothing.

import assert from "node:assert/strict";
import { test } from "node:test";
import { runModule } from "./child.mjs";

/** Imports an entry and tells what that has used, opened and left behind. */
const OBSERVED_IMPORT = `
  import { createRequire } from "node:module";
  import { setImmediate } from "node:timers/promises";

  const used = [];
  for (const name of ["Module", "Instance", "compile", "instantiate", "compileStreaming"]) {
    const original = WebAssembly[name];
    WebAssembly[name] = function (...args) {
      used.push("WebAssembly." + name);
      return Reflect.construct(original, args);
    };
  }
  const touchable = ["WebSocket", "TextDecoder", "TextEncoder", "fetch", "setTimeout", "document"];
  for (const name of [...touchable, "addEventListener"]) {
    Object.defineProperty(globalThis, name, {
      configurable: true,
      get() {
        used.push(name);
      },
    });
  }
  const globals = new Set(Reflect.ownKeys(globalThis));
  const handles = process.getActiveResourcesInfo();

  const [entry, system] = process.argv.slice(1);
  const imported = system === "import" ? await import(entry) : load(entry);
  function load(entry) {
    return createRequire(import.meta.url)(entry);
  }

  await setImmediate(); // Node closes the files that it has read.
  const added = Reflect.ownKeys(globalThis).filter((key) => !globals.has(key)).map(String);
  const opened = process.getActiveResourcesInfo().slice(handles.length);
  const { status } = imported.websocket.state;
  console.log(JSON.stringify({ used, added, opened, status }));
`;

for (const entry of ["flowmaestro-websocket", "flowmaestro-websocket/slim"]) {
  for (const system of ["import", "require"]) {
    test(`${system} of ${entry} does nothing`, () => {
      assert.deepEqual(runModule(OBSERVED_IMPORT, [entry, system]), {
        used: [],
        added: ["Symbol(flowmaestro-websocket)"],
        opened: [],
        status: "disconnected",
      });
    });
  }
}

test("without WebSocket every call works, and connect() rejects", () => {
  const result = runModule(`
    import { ConnectionError, websocket } from "flowmaestro-websocket";

    const states = [];
    websocket.configure({ url: "ws://127.0.0.1:1/ws" });
    websocket.on("connection:state", ({ state }) => states.push(state.status));
    websocket.subscribeToExecution("e");
    websocket.connect("left alone");
    const error = await websocket.connect("awaited").catch((error) => error);
    const { name, code } = error;
    const { status } = websocket.state;
    websocket.reconnectNow();
    websocket.unsubscribeFromExecution("e");
    websocket.submitUserInput("e", "n", "left alone");
    websocket.disconnect();
    websocket.stats();
    console.log(JSON.stringify({ isClass: error instanceof ConnectionError, name, code, status }));
  `);
  assert.deepEqual(result, {
    isClass: true,
    name: "ConnectionError",
    code: "unsupported",
    status: "failed",
  });
});
