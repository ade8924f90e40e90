import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { assertNoSecrets } from "./log-secrets.mjs";

function log(t, text) {
  const directory = mkdtempSync(join(tmpdir(), "flowmaestro-log-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, "log");
  writeFileSync(file, text);
  return file;
}

test("a log without secrets passes, and so does one that was never written", (t) => {
  const lines =
    'INFO connected user="ada"\nWARN token refused error=no token: send it as ?token=, as a header\n';
  assertNoSecrets(log(t, lines), ["0123456789abcdef"]);
  assertNoSecrets("/no/such/log");
});

test("a secret that was used is found and not repeated", (t) => {
  const file = log(t, "fine\nkey 0123456789abcdef.\n");
  assert.throws(
    () => assertNoSecrets(file, ["other", "0123456789abcdef"]),
    (error) => error.message.includes(`${file}:2`) && !error.message.includes("0123456789"),
  );
});

for (const text of [
  "GET /ws?token=x",
  "authorization: Bearer abcdefghijk",
  "flowmaestro.v1, bearer.abcdefghijk",
  "eyJhbGciOiJIUzI1NiJ9.e30.x",
  "ticket_0123456789abcdef0123456789abcdef",
]) {
  test(`what looks like a secret is found: ${text}`, (t) => {
    assert.throws(() => assertNoSecrets(log(t, text)), /holds a secret/);
  });
}
