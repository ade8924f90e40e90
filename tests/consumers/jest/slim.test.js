const { readFileSync } = require("node:fs");
const { expect, test } = require("@jest/globals");
const { init, websocket } = require("flowmaestro-websocket/slim");

const wasmFile = require.resolve("flowmaestro-websocket/flowmaestro_websocket.wasm");

test("works with the bytes of the file", async () => {
  await init(readFileSync(wasmFile));
  websocket.on("node:completed", () => {});
  expect(websocket.hasHandlers("node:completed")).toBe(true);
});
