// Rust for wasm32 out of Debian's packages, where rustup cannot download the target.
//
// Debian's `-web` Rust follows the stable releases and comes with the sources of the standard
// library, but without a wasm32 build of it. It is built here and put into the sysroot.

import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { aptInstall, runAsRoot } from "./apt.mjs";
import { read, run, TARGET_DIR, which } from "./run.mjs";
import { DEBIAN_TOOLCHAIN, WASM_TARGET } from "./toolchain.mjs";

const PACKAGES = ["rustc-web", "cargo-web", "rust-web-src", "rustfmt-web", "rust-web-clippy"];

/** Debian's own programs, whatever rustup puts in front of them on PATH. */
const CARGO = "/usr/bin/cargo";
const RUSTC = "/usr/bin/rustc";

const CARRIER = "std_carrier";

/** Installs Debian's Rust, builds its wasm32 standard library and links it as a toolchain. */
export function installDebianRust() {
  aptInstall(PACKAGES);
  linkLinker();
  const build = mkdtempSync(join(tmpdir(), "wasm-std-"));
  try {
    installLibraries(buildStandardLibrary(build));
  } finally {
    rmSync(build, { recursive: true });
  }
  if (which(["rustup"])) run("rustup", ["toolchain", "link", DEBIAN_TOOLCHAIN, sysroot()]);
  removeStaleOutputs();
}

const sysroot = () => read(RUSTC, ["--print", "sysroot"]);

/** rustc looks for its wasm linker `rust-lld` beside its libraries; Debian's lld does that work
 *  when it is of the LLVM that rustc was built with. */
function linkLinker() {
  const version = read(RUSTC, ["-vV"]);
  const [, llvm] = version.match(/^LLVM version: (\d+)/m);
  const [, host] = version.match(/^host: (.+)$/m);
  aptInstall([`lld-${llvm}`]);
  const directory = join(sysroot(), "lib", "rustlib", host, "bin");
  runAsRoot("mkdir", ["-p", directory]);
  runAsRoot("ln", ["-sf", which([`lld-${llvm}`]), join(directory, "rust-lld")]);
}

/** Builds std and libtest through an empty crate; returns the compiled libraries' paths. */
function buildStandardLibrary(directory) {
  writeFileSync(
    join(directory, "Cargo.toml"),
    `[package]\nname = "${CARRIER}"\nversion = "0.0.0"\nedition = "2024"\n[workspace]\n`,
  );
  mkdirSync(join(directory, "src"));
  writeFileSync(join(directory, "src", "lib.rs"), "");
  const target = join(directory, "target");
  // Without the bitcode, link-time optimisation fails on these libraries.
  const env = {
    ...process.env,
    RUSTC,
    RUSTC_BOOTSTRAP: "1",
    RUSTFLAGS: "-Cembed-bitcode=yes",
    CARGO_TARGET_DIR: target,
  };
  const std = "-Zbuild-std=std,panic_abort,test";
  run(CARGO, ["build", "--release", "--target", WASM_TARGET, std], { cwd: directory, env });
  const libraries = join(target, WASM_TARGET, "release", "deps");
  return readdirSync(libraries)
    .filter((file) => file.endsWith(".rlib") && !file.startsWith(`lib${CARRIER}-`))
    .map((file) => join(libraries, file));
}

function installLibraries(libraries) {
  const directory = join(sysroot(), "lib", "rustlib", WASM_TARGET, "lib");
  runAsRoot("rm", ["-rf", directory]);
  runAsRoot("mkdir", ["-p", directory]);
  runAsRoot("cp", [...libraries, directory]);
}

/** What was compiled against another standard library cannot be linked with this one. */
function removeStaleOutputs() {
  rmSync(join(TARGET_DIR, WASM_TARGET), { recursive: true, force: true });
}
