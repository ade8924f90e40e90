// Instantiates the WebAssembly module at the client's first use, synchronously, from bytes that the
// build has put into this package: so nothing has to be served, awaited or configured.

import { initSync, WebSocketClient as WasmClient } from "./wasm/flowmaestro_websocket.js";
import base64 from "./wasm/flowmaestro_websocket_bg.wasm";
import { wasmInitError } from "./wasm-errors.js";

export type { WasmClient };

/** What `prepare` has compiled, if anybody called it. */
let compiled: WebAssembly.Module | undefined;

/**
 * Compiles the module without blocking the page; the client's first use then finds it ready. Unlike
 * its counterpart in wasm-slim.ts it has the bytes.
 */
export async function prepare(_input?: unknown): Promise<void> {
  try {
    compiled ??= await WebAssembly.compile(decode());
  } catch (cause) {
    throw wasmInitError(cause);
  }
}

/** A client in this copy's module, which is instantiated for the first one. */
export function createWasmClient(): WasmClient {
  try {
    initSync({ module: compiled ?? decode() });
    return new WasmClient();
  } catch (cause) {
    throw wasmInitError(cause);
  }
}

function decode(): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
