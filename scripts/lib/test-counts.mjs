// How many tests ran, read from the output of the runners.

import { stripVTControlCharacters } from "node:util";

/** Sums the results of cargo test, wasm-bindgen-test, `node --test`, Vitest and Jest in `output`. */
export function countTests(output) {
  const text = stripVTControlCharacters(output);
  const total = { passed: 0, failed: 0 };
  const add = (passed, failed) => {
    total.passed += Number(passed);
    total.failed += Number(failed);
  };
  // cargo test and wasm-bindgen-test, once for every test binary.
  for (const [, passed, failed] of text.matchAll(
    /^test result: \w+\. (\d+) passed; (\d+) failed/gm,
  ))
    add(passed, failed);
  // node --test, in its tap and its spec report. A cancelled test did not pass either.
  for (const [, result, count] of text.matchAll(/^[#ℹ] (pass|fail|cancelled) (\d+)$/gm))
    result === "pass" ? add(count, 0) : add(0, count);
  // Vitest.
  for (const [, failed = 0, passed = 0] of text.matchAll(
    /^ +Tests {2}(?:(\d+) failed)?(?: \| )?(?:(\d+) passed)?/gm,
  ))
    add(passed, failed);
  // Jest.
  for (const [, failed = 0, passed = 0] of text.matchAll(
    /^Tests: {7}(?:(\d+) failed, )?(?:\d+ skipped, )?(?:\d+ todo, )?(?:(\d+) passed, )?\d+ total/gm,
  ))
    add(passed, failed);
  return total;
}
