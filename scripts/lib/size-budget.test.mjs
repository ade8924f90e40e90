import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { brotliCompressSync } from "node:zlib";
import { describe, enforce, measure } from "./size-budget.mjs";

const folder = mkdtempSync(join(tmpdir(), "size-budget-"));
after(() => rmSync(folder, { recursive: true }));
writeFileSync(join(folder, "a.js"), "a".repeat(1000));
writeFileSync(join(folder, "b.wasm"), "b".repeat(500));
const size =
  brotliCompressSync("a".repeat(1000)).length + brotliCompressSync("b".repeat(500)).length;

function measured(max) {
  const entries = { "./slim": { files: ["a.js", "b.wasm"], max, goal: 1 } };
  return measure(folder, { entries });
}

test("an entry is as large as its files together", () => {
  const [entry] = measured(size);
  assert.equal(entry.brotli, size);
  assert.equal(entry.raw, 1500);
  assert.match(describe(entry), /^\.\/slim \(a\.js \+ b\.wasm\): .* 1,500 bytes without/);
});

test("an entry may be as large as its budget, and no larger", () => {
  enforce(measured(size));
  assert.throws(() => enforce(measured(size - 1)), /\.\/slim by 1 bytes/);
});
