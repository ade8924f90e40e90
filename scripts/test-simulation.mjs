// The client against the server in virtual time: many seeds natively, the planted bugs, and the same
// traces in wasm as natively.
//
//   npm run test:simulation               100,000 schedules
//   npm run test:simulation -- 1000000    more of them

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT, read, run, TARGET_DIR } from "./lib/run.mjs";
import { toolEnv, WASM_TARGET } from "./lib/toolchain.mjs";

const SCHEDULES = process.argv[2] ?? "100000";
const PACKAGE = ["-p", "flowmaestro-simulation"];
/** How many seeds are compared between native code and wasm. */
const COMPARED = 1000n;

const env = toolEnv();
let passed = 0;
let failed = 0;

check(`${SCHEDULES} schedules without a violation`, () => {
  run("cargo", ["run", "--release", ...PACKAGE, "--", "--seeds", SCHEDULES], { env });
});
await checkAsync("the same traces in wasm", async () => {
  const build = ["build", "--release", ...PACKAGE, "--example", "traces", "--target", WASM_TARGET];
  run("cargo", build, { env });
  const path = join(TARGET_DIR, WASM_TARGET, "release", "examples", "traces.wasm");
  const { instance } = await WebAssembly.instantiate(readFileSync(path));
  const inWasm = BigInt.asUintN(64, instance.exports.traces(0n, COMPARED));
  const program = join(TARGET_DIR, "release", "flowmaestro-simulation");
  const output = read(program, ["--seeds", String(COMPARED)], { cwd: ROOT }) ?? "";
  const native = output.match(/traces ([0-9a-f]{16})/)?.[1];
  assert.equal(inWasm.toString(16).padStart(16, "0"), native);
});
// What scripts/lib/test-counts.mjs reads. The planted bugs are a test of cargo's, counted as such.
console.log(`# pass ${passed}\n# fail ${failed}`);
process.exitCode = failed > 0 || !findsPlantedBugs() ? 1 : 0;

function findsPlantedBugs() {
  // A directory of its own, or each build would throw away the other.
  const target = join(TARGET_DIR, "planted-bugs");
  const options = ["--features", "planted-bugs", "--target-dir", target, "--test", "planted_bugs"];
  try {
    run("cargo", ["test", "--release", ...PACKAGE, ...options, "--", "--nocapture"], { env });
    return true;
  } catch (error) {
    console.log(error.message);
    return false;
  }
}

function check(name, test) {
  try {
    test();
    note(name);
  } catch (error) {
    note(name, error);
  }
}

async function checkAsync(name, test) {
  try {
    await test();
    note(name);
  } catch (error) {
    note(name, error);
  }
}

function note(name, error) {
  if (error === undefined) {
    passed += 1;
    console.log(`ok: ${name}`);
  } else {
    failed += 1;
    console.log(`not ok: ${name}: ${error.message}`);
  }
}
