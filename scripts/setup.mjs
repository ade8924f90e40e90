// Installs what the project needs and this machine lacks. Quick when nothing is missing.
//
//   node scripts/setup.mjs              Rust's wasm32 target, wasm-bindgen, wasm-pack, npm packages
//   node scripts/setup.mjs --browsers   and the browsers and drivers that the tests run in
//   node scripts/setup.mjs --checks     and cargo-fuzz with a Rust for it, and cargo-deny

import { ensureBrowsers } from "./lib/browsers.mjs";
import { ensureNodePackages } from "./lib/node-packages.mjs";
import { fail } from "./lib/run.mjs";
import { ensureSanitizer } from "./lib/sanitizer.mjs";
import { toolEnv } from "./lib/toolchain.mjs";
import { cargoDeny, cargoFuzz, ensureTool, wasmBindgen, wasmPack } from "./lib/tools.mjs";
import { ensureWasmTarget } from "./lib/wasm-target.mjs";
import { ensureWebKit } from "./lib/webkit.mjs";

try {
  const started = Date.now();
  ensureWasmTarget();
  const env = toolEnv();
  ensureTool(wasmBindgen(), env);
  ensureTool(wasmPack(), env);
  ensureNodePackages();
  if (process.argv.includes("--browsers")) {
    ensureBrowsers(env);
    ensureWebKit();
  }
  if (process.argv.includes("--checks")) {
    ensureTool(cargoFuzz(), env);
    ensureTool(cargoDeny(), env);
    ensureSanitizer(env);
  }
  console.log(`Everything needed is installed (${((Date.now() - started) / 1000).toFixed(1)} s).`);
} catch (error) {
  fail(error);
}
