/**
 * The slim entry, for those who serve the `.wasm` file themselves: the same client, which needs
 * {@link init} before its first use.
 *
 * @module flowmaestro-websocket/slim
 */

import { websocket } from "./exports.js";

export * from "./exports.js";

/** Where the module's bytes come from: what is fetched, what was fetched, or what is at hand. */
export type WasmInput = string | URL | Request | Response | BufferSource | WebAssembly.Module;

/**
 * Makes the client ready. A second call, or one beside another copy of the package, does nothing
 * once the client is ready.
 *
 * ```ts
 * import wasmUrl from "flowmaestro-websocket/flowmaestro_websocket.wasm?url"; // as Vite has it
 * await init(wasmUrl);
 * ```
 *
 * @param input - The address of `flowmaestro_websocket.wasm`, a response with its bytes, the bytes,
 * or the compiled module; or a promise of one.
 * @returns A promise that may be left alone: after a failure each use fails alike.
 * @throws WasmInitError, as a rejection, saying what to change.
 */
export function init(input: WasmInput | Promise<WasmInput>): Promise<void> {
  return websocket.prepare(input);
}
