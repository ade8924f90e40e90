import assert from "node:assert/strict";
import { test } from "node:test";
import { countTests } from "./test-counts.mjs";

test("sums the test binaries of a cargo run", () => {
  const output = `
running 3 tests
test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

running 2 tests
test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s
`;
  assert.deepEqual(countTests(output), { passed: 4, failed: 1 });
});

test("reads both reports of node --test, and a cancelled test as failed", () => {
  const numbers = { tests: 5, suites: 0, pass: 3, fail: 1, cancelled: 1, skipped: 0, todo: 0 };
  for (const mark of ["#", "ℹ"]) {
    const output = Object.entries(numbers).map(([name, count]) => `${mark} ${name} ${count}`);
    assert.deepEqual(countTests(output.join("\n")), { passed: 3, failed: 2 });
  }
});

test("reads Vitest's summary, which leaves out a count of zero", () => {
  const summary = (tests) => ` Test Files  1 passed (1)\n      Tests  ${tests}\n`;
  assert.deepEqual(countTests(summary("12 passed (12)")), { passed: 12, failed: 0 });
  assert.deepEqual(countTests(summary("1 failed | 11 passed (12)")), { passed: 11, failed: 1 });
  assert.deepEqual(countTests(summary("2 failed (2)")), { passed: 0, failed: 2 });
});

test("reads Jest's summary, which leaves out a count of zero", () => {
  const summary = (tests) => `Test Suites: 1 passed, 1 total\nTests:       ${tests}\n`;
  assert.deepEqual(countTests(summary("8 passed, 8 total")), { passed: 8, failed: 0 });
  assert.deepEqual(countTests(summary("2 failed, 1 skipped, 3 passed, 6 total")), {
    passed: 3,
    failed: 2,
  });
  assert.deepEqual(countTests(summary("1 failed, 1 total")), { passed: 0, failed: 1 });
  assert.deepEqual(countTests(summary("0 total")), { passed: 0, failed: 0 });
});

test("looks through colours", () => {
  const output =
    "test result: \u001b[32mok\u001b[0m. \u001b[1m7\u001b[0m passed; 0 failed; 0 ignored";
  assert.deepEqual(countTests(output), { passed: 7, failed: 0 });
});

test("finds nothing where nothing ran", () => {
  const output = "no tests to run!\nall doctests ran in 0.19s";
  assert.deepEqual(countTests(output), { passed: 0, failed: 0 });
});
