// Instantiates the WebAssembly module at the client's first use, synchronously, from bytes that the
// build has put into this package: so nothing has to be served, awaited or configured.

import { initSync, WebSocketClient as WasmClient } from "./wasm/flowmaestro_websocket.js";
import base64 from "./wasm/flowmaestro_websocket_bg.wasm";

export type { WasmClient };

/** A wasm client, in a module instantiated for it. There is one of each in a page. */
export function createWasmClient(): WasmClient {
  initSync({ module: Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)) });
  return new WasmClient();
}
