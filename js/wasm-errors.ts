/**
 * Why the WebAssembly module could not be made ready.
 *
 * - `blocked`: the page's Content-Security-Policy forbids WebAssembly: add `'wasm-unsafe-eval'` to
 *   its `script-src`.
 * - `unsupported`: there is no WebAssembly, or an older one than is needed; or no `TextDecoder`, as
 *   in Jest's jsdom environment.
 * - `needs_init`: this browser does not compile a module of this size at once: `await init()`
 *   before the client is used.
 * - `not_initialized`: the slim entry was used before its `init(input)` was done.
 * - `invalid_input`: `init` was given something that is no source of bytes.
 * - `not_found`: the `.wasm` file could not be fetched.
 * - `wrong_module`: what was given or fetched is not the `.wasm` file of this version.
 */
export type WasmInitErrorCode =
  | "blocked"
  | "unsupported"
  | "needs_init"
  | "not_initialized"
  | "invalid_input"
  | "not_found"
  | "wrong_module";

/** The client's WebAssembly module could not be made ready; its message says what to change. */
export class WasmInitError extends Error {
  /** Why, for programs. */
  readonly code: WasmInitErrorCode;

  /** For tests: the client makes its own. */
  constructor(code: WasmInitErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "WasmInitError";
    this.code = code;
  }
}

/** The typed form of whatever compiling or instantiating has thrown. */
export function wasmInitError(cause: unknown): WasmInitError {
  if (cause instanceof WasmInitError) return cause;
  const [code, message] = diagnose(cause);
  return new WasmInitError(code, message, { cause });
}

/** What an environment may lack altogether. */
const NEEDED = ["WebAssembly", "TextDecoder", "TextEncoder"];

function diagnose(cause: unknown): [WasmInitErrorCode, string] {
  const missing = NEEDED.find((name) => !(name in globalThis));
  if (missing) {
    const advice = "a test environment without it gets it in a setup file, from node:util";
    const hint = missing.startsWith("Text") ? `: ${advice}` : "";
    return ["unsupported", `There is no ${missing} here, which this client needs${hint}.`];
  }
  if (isPolicy(cause)) {
    const advice = "add 'wasm-unsafe-eval' to its script-src";
    return ["blocked", `The page's Content-Security-Policy forbids WebAssembly: ${advice}.`];
  }
  // Chromium before 114 compiles no more than 4 KB at once on a page's main thread.
  if (cause instanceof RangeError) {
    return ["needs_init", "This browser compiles WebAssembly in its own time only: await init()."];
  }
  if (cause instanceof WebAssembly.CompileError) {
    const oldest = "Chromium 97, Firefox 104, Safari 15.4 or Node 20";
    return ["unsupported", `The WebAssembly cannot be compiled here: it needs ${oldest} or newer.`];
  }
  const advice = "give init() the .wasm file of the same version as the JavaScript";
  return ["wrong_module", `The WebAssembly does not fit this package: ${advice}.`];
}

/** Browsers throw a CompileError or an EvalError here, and tell the reason only in its text. */
function isPolicy(cause: unknown): boolean {
  const text = cause instanceof Error ? cause.message : "";
  return cause instanceof EvalError || /unsafe-eval|content security policy|\bCSP\b/i.test(text);
}
