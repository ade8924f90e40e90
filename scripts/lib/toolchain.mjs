// Which Rust toolchain and which tools the scripts use, decided in one place.

import { delimiter } from "node:path";
import { read } from "./run.mjs";
import { installedToolDirectories } from "./tools.mjs";

export const WASM_TARGET = "wasm32-unknown-unknown";

/** The name under which Debian's Rust is linked into rustup (see debian-rust.mjs). */
export const DEBIAN_TOOLCHAIN = "debian";

/** Whether the rustc of `env` compiles for wasm32. Compiling an empty crate also finds a standard
 *  library that is there but was left behind by another rustc. */
export function compilesWasm(env) {
  const args = ["--target", WASM_TARGET, "--crate-type", "lib", "--emit", "metadata=-", "-"];
  return read("rustc", args, { env, input: "" }) !== null;
}

/** The environment for every call of cargo, wasm-bindgen and wasm-pack. */
export function toolEnv() {
  const path = [...installedToolDirectories(), process.env.PATH].join(delimiter);
  const env = { ...process.env, PATH: path };
  if (compilesWasm(env)) return env;
  const debian = { ...env, RUSTUP_TOOLCHAIN: DEBIAN_TOOLCHAIN };
  return compilesWasm(debian) ? debian : env;
}
