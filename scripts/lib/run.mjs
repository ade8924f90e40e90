// Running commands: the one place where the scripts start short-lived child processes.

import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's root directory. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Where cargo puts what it builds. */
export const TARGET_DIR = resolve(ROOT, process.env.CARGO_TARGET_DIR || "target");

/** Runs a command in the repository with its output shown; throws when it fails. */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: ROOT, stdio: "inherit", ...options });
  if (result.error) throw new Error(`${command} cannot be started: ${result.error.message}`);
  if (result.status !== 0) {
    const end = result.signal ? `by ${result.signal}` : `with exit code ${result.status}`;
    throw new Error(`\`${[command, ...args].join(" ")}\` ended ${end}`);
  }
}

/** A command's standard output, trimmed; `null` when it cannot be started or fails. */
export function read(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: ROOT, encoding: "utf8", ...options });
  return result.status === 0 ? result.stdout.trim() : null;
}

/** The full path of the first of `names` that is an executable on `path`, else `null`. */
export function which(names, path = process.env.PATH ?? "") {
  const directories = path.split(delimiter).filter(Boolean);
  const candidates = names.flatMap((name) => directories.map((directory) => join(directory, name)));
  return candidates.find(isExecutable) ?? null;
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Ends a script with a message instead of a stack trace: what failed is not the script. */
export function fail(error) {
  console.error(`\nerror: ${error.message}`);
  process.exit(1);
}
