// The counterpart of wasm.ts for those who serve the .wasm file themselves. The build of the slim
// entry puts it in that file's place.

import type { WebSocketClient as WasmClient } from "./wasm/flowmaestro_websocket.js";
import { WasmInitError, wasmInitError } from "./wasm-errors.js";
import { instantiate, newClient } from "./wasm-instance.js";

export type { WasmClient };

let ready = false;

/** Makes the module ready from what `init` was given. */
export async function prepare(input: unknown): Promise<void> {
  try {
    const module = await compile(await fetched(input));
    checkMark(module);
    await instantiate(module);
    ready = true;
  } catch (cause) {
    throw wasmInitError(cause);
  }
}

/** A client in this copy's module, which `prepare` must have made ready. */
export function createWasmClient(): WasmClient {
  if (ready) return newClient();
  throw new WasmInitError(
    "not_initialized",
    "The slim entry has no WebAssembly yet: await init(url), with the address of " +
      "flowmaestro_websocket.wasm, before the client is used.",
  );
}

async function compile(input: unknown): Promise<WebAssembly.Module> {
  if (input instanceof WebAssembly.Module) return input;
  if (input instanceof ArrayBuffer || ArrayBuffer.isView(input)) {
    return compileBytes(input as BufferSource, "The bytes given to init()");
  }
  if (input instanceof Response) return compileResponse(input);
  if (typeof input === "string" || input instanceof URL || input instanceof Request) {
    return compileResponse(await fetched(fetch(input)));
  }
  const kind = input === null ? "null" : typeof input;
  throw new WasmInitError(
    "invalid_input",
    `init() takes a URL, Request, Response, bytes or WebAssembly.Module, not ${kind}.`,
  );
}

/** Waits for what we or the caller of `init` may be fetching. */
async function fetched<T>(source: T | Promise<T>): Promise<T> {
  try {
    return await source;
  } catch (cause) {
    const message =
      "The WebAssembly file could not be fetched: check the address given to init(), and the " +
      "connect-src of the page's Content-Security-Policy.";
    throw new WasmInitError("not_found", message, { cause });
  }
}

async function compileResponse(response: Response): Promise<WebAssembly.Module> {
  const type = response.headers.get("content-type") ?? "no content type";
  const what = `What ${address(response)} answered (${response.status}, ${type})`;
  if (!response.ok) {
    throw new WasmInitError(
      "not_found",
      `${what} is no WebAssembly: serve the package's flowmaestro_websocket.wasm there.`,
    );
  }
  const copy = response.clone();
  try {
    return await WebAssembly.compileStreaming(response);
  } catch {
    // Its reason may be the MIME type, which does not matter as long as the bytes are right.
    return compileBytes(await copy.arrayBuffer(), what);
  }
}

async function compileBytes(bytes: BufferSource, what: string): Promise<WebAssembly.Module> {
  if (!startsWithMagic(bytes)) {
    throw new WasmInitError(
      "wrong_module",
      `${what} is no WebAssembly: give init() the package's flowmaestro_websocket.wasm.`,
    );
  }
  return WebAssembly.compile(bytes);
}

/**
 * Refuses any other module than that of this version: the names by which the two find each other are
 * so short that others would fit as well.
 */
function checkMark(module: WebAssembly.Module): void {
  if (WebAssembly.Module.customSections(module, WASM_MARK).length === 0) {
    throw new Error(`the module is not marked "${WASM_MARK}"`);
  }
}

/** Whether it begins as the WebAssembly specification, section 5.5.16, says: `\0asm`. */
function startsWithMagic(bytes: BufferSource): boolean {
  const view = ArrayBuffer.isView(bytes)
    ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    : new Uint8Array(bytes);
  return [0, 0x61, 0x73, 0x6d].every((byte, index) => view[index] === byte);
}

/** The address without its query, which may hold what no log should. */
function address({ url }: Response): string {
  return url.replace(/[?#].*/, "") || "the response given to init()";
}
