// The npm packages of the root and of its workspaces.

import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT, run } from "./run.mjs";

/** Names the lock file that node_modules was installed from. */
const STAMP = join(ROOT, "node_modules", ".installed-lock");

/** Installs the packages of the lock file unless node_modules was made from it. */
export function ensureNodePackages() {
  const lock = createHash("sha256")
    .update(readFileSync(join(ROOT, "package-lock.json")))
    .digest("hex");
  if (existsSync(STAMP) && readFileSync(STAMP, "utf8") === lock) return;
  console.log("Installing the npm packages: about 20 seconds.");
  run("npm", ["ci", "--no-audit", "--no-fund"]);
  writeFileSync(STAMP, lock);
}
