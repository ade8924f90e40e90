// Makes Rust able to compile for wasm32.

import { hasApt } from "./apt.mjs";
import { installDebianRust } from "./debian-rust.mjs";
import { read, run, which } from "./run.mjs";
import { compilesWasm, toolEnv, WASM_TARGET } from "./toolchain.mjs";

export function ensureWasmTarget() {
  if (which(["rustc"]) === null) {
    throw new Error("Rust is missing. Install it from https://rustup.rs, then run this again.");
  }
  if (compilesWasm(toolEnv())) return;
  if (which(["rustup"]) && addWithRustup()) return;
  if (!hasApt()) {
    throw new Error(`Rust cannot compile for ${WASM_TARGET}: \`rustup target add\` it.`);
  }
  console.log("Installing Debian's Rust and building std for wasm32: once, about 3 minutes.");
  installDebianRust();
  if (!compilesWasm(toolEnv())) {
    throw new Error(`Debian's Rust still cannot compile for ${WASM_TARGET}`);
  }
}

function addWithRustup() {
  console.log(`Adding ${WASM_TARGET} to ${read("rustc", ["--version"])}: a 20 MB download.`);
  try {
    run("rustup", ["target", "add", WASM_TARGET]);
    return true;
  } catch (error) {
    console.log(`${error.message}: no download from here.`);
    return false;
  }
}
