// Instantiates the WebAssembly module at the client's first use, synchronously, from bytes that the
// build has put into this package: so nothing has to be served, awaited or configured.

import type { WebSocketClient as WasmClient } from "./wasm/flowmaestro_websocket.js";
import makeBytes from "./wasm/flowmaestro_websocket_bg.wasm";
import { wasmInitError } from "./wasm-errors.js";
import { instantiate, instantiateNow, newClient } from "./wasm-instance.js";

export type { WasmClient };

let ready = false;

/**
 * Makes the module ready without blocking the page; the client's first use then finds it so. Unlike
 * its counterpart in wasm-slim.ts it has the bytes.
 */
export async function prepare(_input?: unknown): Promise<void> {
  try {
    await instantiate(await WebAssembly.compile(makeBytes()));
    ready = true;
  } catch (cause) {
    throw wasmInitError(cause);
  }
}

/** A client in this copy's module, which is instantiated for the first one. */
export function createWasmClient(): WasmClient {
  try {
    if (!ready) instantiateNow(new WebAssembly.Module(makeBytes()));
    ready = true;
    return newClient();
  } catch (cause) {
    throw wasmInitError(cause);
  }
}
