// The command line tools that are compiled from crates.io, and where they are kept.

import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { ROOT, read, run } from "./run.mjs";

/** A per-user place for tools that PATH does not have in the version needed: it outlives
 *  `cargo clean`, and a second clone does not pay for the compilation again. */
const TOOLS_DIR = join(
  process.env.XDG_CACHE_HOME || join(homedir(), ".cache"),
  "flowmaestro-websocket",
  "tools",
);

/** The wasm-bindgen command refuses a module made with any other version of its library. */
export const wasmBindgen = () => ({
  crate: "wasm-bindgen-cli",
  command: "wasm-bindgen",
  version: lockedVersion("wasm-bindgen"),
  minutes: 4,
});

export const wasmPack = () => ({
  crate: "wasm-pack",
  command: "wasm-pack",
  version: "0.15.1",
  minutes: 4,
});

export const geckodriver = () => ({
  crate: "geckodriver",
  command: "geckodriver",
  version: "0.37.1",
  minutes: 4,
});

export const cargoFuzz = () => ({
  crate: "cargo-fuzz",
  command: "cargo-fuzz",
  version: "0.13.2",
  minutes: 1,
});

export const cargoDeny = () => ({
  crate: "cargo-deny",
  command: "cargo-deny",
  version: "0.20.2",
  minutes: 4,
});

/** The directories of those of our tools that were installed by `ensureTool`. */
export function installedToolDirectories() {
  const tools = [wasmBindgen(), wasmPack(), geckodriver(), cargoFuzz(), cargoDeny()];
  return tools.map(toolDirectory).filter(existsSync);
}

/** Makes sure that the tool's command is there in its version, compiling it when it is not. */
export function ensureTool(tool, env) {
  if (read(tool.command, ["--version"], { env })?.split(/\s+/)[1] === tool.version) return;
  const time = `about ${tool.minutes} min on two cores`;
  console.log(`Compiling ${tool.crate} ${tool.version}: once, ${time}.`);
  const root = toolRoot(tool);
  const install = ["install", `${tool.crate}@${tool.version}`, "--root", root, "--force"];
  try {
    run("cargo", [...install, "--locked"], { env });
  } catch {
    console.log("Its locked dependencies cannot be had; taking the newest that fit.");
    run("cargo", install, { env });
  }
}

const toolRoot = ({ crate, version }) => join(TOOLS_DIR, `${crate}-${version}`);

const toolDirectory = (tool) => join(toolRoot(tool), "bin");

function lockedVersion(crate) {
  const lock = readFileSync(join(ROOT, "Cargo.lock"), "utf8");
  const entry = lock.match(new RegExp(`^name = "${crate}"\nversion = "(.+)"$`, "m"));
  if (!entry) throw new Error(`Cargo.lock has no ${crate}`);
  return entry[1];
}
