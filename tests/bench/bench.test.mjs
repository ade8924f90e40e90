// Whether each figure of the benchmark can still be measured: a few rounds, and nothing about speed.
// That all events arrive is checked where they are measured.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { GROUPS, startBrowser } from "../../bench/groups.mjs";

/** A page may wait for an event that does not come. The servers may have to be compiled first. */
const TIMEOUT_MS = 600_000;

let started;

before(async () => {
  started = await startBrowser();
});

after(() => started?.close());

for (const [name, measure] of Object.entries(GROUPS)) {
  test(`the figures of ${name} can be measured`, { timeout: TIMEOUT_MS }, async () => {
    const figures = await measure({ browser: started.browser, quick: true });
    const rows = figures.flatMap(({ rows }) => rows);
    assert.notEqual(rows.length, 0);
    for (const row of rows) {
      assert.ok(Number.isFinite(row.value), `${row.name}: ${row.value}`);
      if ("peer" in row) assert.ok(Number.isFinite(row.ratio), `${row.name}: ${row.ratio}`);
    }
  });
}
