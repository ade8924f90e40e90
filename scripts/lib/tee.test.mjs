import assert from "node:assert/strict";
import { test } from "node:test";
import { tee } from "./tee.mjs";

const node = (source) => tee(process.execPath, ["-e", source]);

test("keeps what the command wrote on both of its outputs", async () => {
  const { code, output } = await node("console.log('out'); console.error('err')");
  assert.equal(code, 0);
  assert.deepEqual(output.trim().split("\n").sort(), ["err", "out"]);
});

test("hands on the exit code", async () => {
  assert.equal((await node("process.exit(7)")).code, 7);
});

test("a command that cannot be started is told", async () => {
  await assert.rejects(tee("/no/such/program", []), /ENOENT/);
});
