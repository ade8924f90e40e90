// The WebAssembly instance: made from the compiled module in the way that the browser allows, and made
// anew when one has died.

import type { Bindings, WebSocketClient as WasmClient } from "./wasm/flowmaestro_websocket.js";
import { bind } from "./wasm/flowmaestro_websocket.js";

/** The bindings of the instance that lives. */
let living: Bindings | undefined;
/** What it was made from. */
let source: WebAssembly.Module | undefined;

/** Instantiates the module at once, unless that is done. */
export function instantiateNow(module: WebAssembly.Module): void {
  if (living) return;
  const bindings = bind();
  start(bindings, new WebAssembly.Instance(module, bindings.makeImports()), module);
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
    const bindings = bind();
    const instance = await WebAssembly.instantiate(module, bindings.makeImports());
    if (!living) start(bindings, instance, module);
  }
}

/** A client of the instance; of a fresh one, where the last has died. */
export function newClient(): WasmClient {
  if (source) instantiateNow(source);
  return new (living as Bindings).WebSocketClient();
}

/** The instance has died: whatever still calls it calls nothing. */
export function bury(): void {
  living?.end();
  living = undefined;
}

function start(bindings: Bindings, instance: WebAssembly.Instance, module: WebAssembly.Module) {
  bindings.start(instance, module);
  living = bindings;
  source = module;
}
