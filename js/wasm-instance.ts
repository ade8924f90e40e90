// Instantiating the compiled module, in the way that the browser allows.

import initInItsOwnTime, { initSync } from "./wasm/flowmaestro_websocket.js";

/**
 * Instantiates the module, unless that is done.
 *
 * At once where the browser does so: a client that was used meanwhile must not lose its memory to a
 * second instance. Chromium before 114 instantiates no more than 4 KB at once on a page's main
 * thread, so nobody can have been first there.
 */
export async function instantiate(module: WebAssembly.Module): Promise<void> {
  try {
    initSync({ module });
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    await initInItsOwnTime({ module_or_path: module });
  }
}
