// `npm test`: sets up what is missing and runs every check. One that fails does not keep the
// others from running; the last line sums up the tests of all layers.

import { tee } from "./lib/tee.mjs";
import { countTests } from "./lib/test-counts.mjs";

/** The layers in the order of their cost, each an npm script. A layer with tests has to have run
 *  one at least: an empty suite would pass unnoticed. */
const LAYERS = [
  { script: "setup", args: ["--browsers", "--checks"] },
  { script: "lint:format" },
  { script: "lint:rust" },
  { script: "lint:wasm" },
  { script: "lint:js" },
  { script: "lint:deny", hasTests: true },
  { script: "test:scripts", hasTests: true },
  { script: "test:rust", hasTests: true },
  { script: "test:simulation", hasTests: true },
  { script: "test:load", args: ["--small"], hasTests: true },
  { script: "test:concurrency", hasTests: true },
  { script: "test:fuzz", hasTests: true },
  { script: "build" },
  { script: "docs" },
  { script: "test:types" },
  { script: "test:package", hasTests: true },
  { script: "test:consumers", hasTests: true },
  { script: "test:page", hasTests: true },
  { script: "test:client", hasTests: true },
  { script: "test:browser", hasTests: true },
  { script: "test:engines", hasTests: true },
  { script: "test:e2e", hasTests: true },
  { script: "test:bench", hasTests: true },
];

const results = [];
for (const layer of LAYERS) results.push(await runLayer(layer));
const passed = sum("passed");
const failed = sum("failed");
printSummary();
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;

async function runLayer({ script, args = [], hasTests = false }) {
  console.log(`\n=== ${script}\n`);
  const started = Date.now();
  const { code, output } = await tee("npm", ["run", "--silent", script, "--", ...args]);
  const counts = hasTests ? countTests(output) : { passed: 0, failed: 0 };
  const note = problem(code, counts, hasTests);
  // A layer that breaks without a failed test counts as one, or it would not show in the sum.
  if (note && counts.failed === 0) counts.failed = 1;
  return { script, hasTests, note, seconds: (Date.now() - started) / 1000, ...counts };
}

function problem(code, { passed, failed }, hasTests) {
  if (code !== 0) return "FAILED";
  if (failed > 0) return "FAILED, though its exit code is 0";
  if (hasTests && passed === 0) return "FAILED: no test ran";
  return "";
}

function sum(field) {
  return results.reduce((total, result) => total + result[field], 0);
}

function printSummary() {
  console.log(`\n${"layer".padEnd(16)}${"passed".padStart(8)}${"failed".padStart(8)}   seconds`);
  for (const { script, hasTests, passed, failed, seconds, note } of results) {
    const tests = hasTests ? String(passed) : "";
    const cells = [
      tests.padStart(8),
      String(failed || "").padStart(8),
      seconds.toFixed(1).padStart(10),
    ];
    console.log(`${script.padEnd(16)}${cells.join("")}   ${note}`.trimEnd());
  }
  console.log();
}
