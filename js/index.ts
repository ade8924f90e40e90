/**
 * The main entry: the client, its WebAssembly inside. Importing it does nothing: no socket, no
 * WebAssembly, no listener.
 *
 * @module flowmaestro-websocket
 */

import { websocket } from "./exports.js";

export * from "./exports.js";

/**
 * Compiles the client's WebAssembly without blocking the page. Nobody has to call this: the first
 * use compiles it at once, in a few milliseconds. Chromium before 114 needs it.
 *
 * @returns A promise that may be left alone: after a failure each use fails alike.
 * @throws WasmInitError, as a rejection, saying what to change.
 */
export function init(): Promise<void> {
  return websocket.prepare();
}
