import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { init, websocket } from "flowmaestro-websocket/slim";
import { expect, test } from "vitest";

const wasmFile = createRequire(import.meta.url).resolve(
  "flowmaestro-websocket/flowmaestro_websocket.wasm",
);

test("works with the bytes of the file", async () => {
  await init(readFileSync(wasmFile));
  websocket.on("node:completed", () => {});
  expect(websocket.hasHandlers("node:completed")).toBe(true);
});
