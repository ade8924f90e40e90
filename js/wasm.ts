// Instantiates the WebAssembly module at the client's first use, synchronously, from bytes that the
// build has put into this package: so nothing has to be served, awaited or configured.

import { initSync, WebSocketClient as WasmClient } from "./wasm/flowmaestro_websocket.js";
import base64 from "./wasm/flowmaestro_websocket_bg.wasm";
import { wasmInitError } from "./wasm-errors.js";
import { instantiate } from "./wasm-instance.js";

export type { WasmClient };

let ready = false;

/**
 * Makes the module ready without blocking the page; the client's first use then finds it so. Unlike
 * its counterpart in wasm-slim.ts it has the bytes.
 */
export async function prepare(_input?: unknown): Promise<void> {
  try {
    await instantiate(await WebAssembly.compile(decode()));
    ready = true;
  } catch (cause) {
    throw wasmInitError(cause);
  }
}

/** A client in this copy's module, which is instantiated for the first one. */
export function createWasmClient(): WasmClient {
  try {
    if (!ready) initSync({ module: decode() });
    ready = true;
    return new WasmClient();
  } catch (cause) {
    throw wasmInitError(cause);
  }
}

function decode(): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
