// A Rust that can build with AddressSanitizer, for fuzzing.
//
// rustup's toolchains bring its runtime, the stable ones as well; Debian's do not. The switch for it
// is not stable, so RUSTC_BOOTSTRAP lets a stable compiler take it.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { aptInstall, hasApt } from "./apt.mjs";
import { read, run, which } from "./run.mjs";

/** The environment in which cargo builds with AddressSanitizer; throws where that cannot be had. */
export function ensureSanitizer(env) {
  ensureCppCompiler();
  const found = findSanitizer(env);
  if (found) return found;
  console.log("No Rust here has AddressSanitizer: installing a nightly one, a 100 MB download.");
  try {
    run("rustup", ["toolchain", "install", "nightly", "--profile", "minimal"], { env });
  } catch (error) {
    console.log(error.message);
  }
  const installed = findSanitizer(env);
  if (installed) return installed;
  throw new Error("no Rust with AddressSanitizer can be had: install Rust from https://rustup.rs");
}

function findSanitizer(env) {
  const { RUSTUP_TOOLCHAIN: _, ...plain } = env;
  const candidates = [env, plain, { ...env, RUSTUP_TOOLCHAIN: "nightly" }];
  return candidates
    .map((candidate) => ({ ...candidate, RUSTC_BOOTSTRAP: "1" }))
    .find(compilesWithSanitizer);
}

/** Whether a program with AddressSanitizer is built, and runs. */
function compilesWithSanitizer(env) {
  const directory = mkdtempSync(join(tmpdir(), "sanitizer-"));
  const program = join(directory, "program");
  try {
    const args = ["-Zsanitizer=address", "--crate-name", "program", "-o", program, "-"];
    const input = "fn main() {}";
    return read("rustc", args, { env, input }) !== null && read(program, [], { env }) !== null;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** libFuzzer is C++, and compiled here. */
function ensureCppCompiler() {
  if (which(["c++", "g++", "clang++"]) !== null) return;
  if (!hasApt()) throw new Error("fuzzing needs a C++ compiler: install g++ or clang");
  console.log("Installing g++, which libFuzzer is compiled with.");
  aptInstall(["g++"]);
}
