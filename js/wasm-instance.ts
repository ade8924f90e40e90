// Instantiating the compiled module, in the way that the browser allows.

import { makeImports, start } from "./wasm/flowmaestro_websocket.js";

let started = false;

/** Instantiates the module at once, unless that is done. */
export function instantiateNow(module: WebAssembly.Module): void {
  if (started) return;
  start(new WebAssembly.Instance(module, makeImports()), module);
  started = true;
}

/**
 * Instantiates the module, unless that is done.
 *
 * At once where the browser does so: a client that was used meanwhile must not lose its memory to a
 * second instance. Chromium before 114 instantiates no more than 4 KB at once on a page's main
 * thread, so nobody can have been first there.
 */
export async function instantiate(module: WebAssembly.Module): Promise<void> {
  try {
    instantiateNow(module);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    const instance = await WebAssembly.instantiate(module, makeImports());
    if (started) return;
    start(instance, module);
    started = true;
  }
}
