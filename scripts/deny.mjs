// The dependencies: their licences, where they come from, and what is known against them.
//
//   npm run lint:deny
//
// The lists of advisories are on the network. Where they cannot be reached, that is said, and counts as
// neither passed nor failed.

import { spawnSync } from "node:child_process";
import { fail, ROOT } from "./lib/run.mjs";
import { toolEnv } from "./lib/toolchain.mjs";
import { cargoDeny, ensureTool } from "./lib/tools.mjs";

/** How long a list of advisories may take to arrive, in ms. */
const PATIENCE = 120_000;

const counts = { pass: 0, fail: 0 };
const unchecked = [];
try {
  ensureTool(cargoDeny(), toolEnv());
} catch (error) {
  fail(error);
}
const env = toolEnv();
for (const what of ["licenses", "bans", "sources"]) checkCrates(what);
checkCrateAdvisories();
checkNpmAdvisories();
for (const what of unchecked) console.log(`\nNOT CHECKED: ${what}`);
console.log(`\n# pass ${counts.pass}\n# fail ${counts.fail}`);
process.exitCode = counts.fail > 0 ? 1 : 0;

function checkCrates(what) {
  const { status, output } = execute("cargo", ["deny", "--workspace", "check", what]);
  note(`crates: ${what}`, status === 0, output);
}

function checkCrateAdvisories() {
  const { status, output } = execute("cargo", ["deny", "--workspace", "check", "advisories"]);
  if (/failed to fetch advisory database/.test(output))
    unchecked.push("advisories of crates: the RustSec database (github.com) cannot be reached");
  else note("crates: advisories", status === 0, output);
}

function checkNpmAdvisories() {
  const { output } = execute("npm", ["audit", "--json"]);
  const report = parse(output);
  if (report?.metadata?.vulnerabilities === undefined)
    unchecked.push("advisories of npm packages: the registry does not answer `npm audit`");
  else note("npm: advisories", report.metadata.vulnerabilities.total === 0, output);
}

function execute(command, args) {
  const options = { cwd: ROOT, env, encoding: "utf8", timeout: PATIENCE };
  const { status, stdout, stderr, error } = spawnSync(command, args, options);
  // npm's warnings would spoil its JSON.
  const output = command === "npm" ? stdout : `${stdout}${stderr}`;
  return { status, output: output ?? String(error) };
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function note(name, isGood, output) {
  counts[isGood ? "pass" : "fail"] += 1;
  if (!isGood) console.log(output);
  console.log(`${isGood ? "ok" : "not ok"}: ${name}`);
}
