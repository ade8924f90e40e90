// The tarball as a whole: what is in it, what the linters of packages say, whether npm takes it.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, posix } from "node:path";
import { after, before, test } from "node:test";
import { ROOT } from "../../scripts/lib/run.mjs";
import { packTarball } from "../../scripts/lib/tarball.mjs";

let folder;
let tarball;
let files;

before(() => {
  folder = mkdtempSync(join(tmpdir(), "flowmaestro-package-"));
  ({ tarball, files } = packTarball(folder));
});

after(() => rmSync(folder, { recursive: true, force: true }));

const content = (file) => readFileSync(join(ROOT, "pkg", file), "utf8");

/** Fails with all that a command has printed unless it ends well. */
function assertRuns(command, ...args) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: ROOT, encoding: "utf8" });
  assert.equal(status, 0, `${stdout}\n${stderr}`);
  return stdout + stderr;
}

test("publint has nothing to say", () => {
  assertRuns("npx", "publint", "--strict", tarball);
});

test("TypeScript finds right types for each entry, whichever way it resolves modules", () => {
  // Not an entry but an asset: its address is taken, it is never imported as a module.
  const asset = "flowmaestro_websocket.wasm";
  assertRuns("npx", "attw", "--profile", "strict", "--exclude-entrypoints", asset, "--", tarball);
});

test("npm takes it, under the name and version of this repository", () => {
  const { name, version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const output = assertRuns("npm", "publish", "--dry-run", "--loglevel=notice", "./pkg");
  assert.ok(output.includes(`+ ${name}@${version}`), output);
});

test("the version is that of the Rust workspace", () => {
  const [, version] = readFileSync(join(ROOT, "Cargo.toml"), "utf8").match(/^version = "(.+)"$/m);
  assert.equal(JSON.parse(content("package.json")).version, version);
});

test("nothing is in it but code, types, WebAssembly and texts", () => {
  const licences = ["LICENSE-APACHE", "LICENSE-MIT", "LICENSES-THIRD-PARTY"];
  const guides = readdirSync(join(ROOT, "docs")).filter((name) => name.endsWith(".md"));
  const texts = ["CHANGELOG.md", "README.md", ...licences, ...guides.map((name) => `docs/${name}`)];
  for (const text of texts) assert.ok(files.includes(text), text);
  const code = /^(cjs\/)?((slim\/)?[a-z]+\.js|types\/.+\.d\.ts|package\.json)$/;
  const others = files.filter((file) => !code.test(file) && !texts.includes(file));
  assert.deepEqual(others, ["flowmaestro_websocket.wasm"]);
});

test("whatever a file refers to is in it", () => {
  const reference = /(?:\bfrom ?|\bimport ?\(?|\brequire\()["'](\.{1,2}\/[^"']+)["']/g;
  let count = 0;
  for (const file of files.filter((file) => /\.(js|d\.ts)$/.test(file))) {
    for (const [, path] of content(file).matchAll(reference)) {
      const target = posix.join(posix.dirname(file), path);
      const found = file.endsWith(".d.ts") ? target.replace(/\.js$/, ".d.ts") : target;
      assert.ok(files.includes(found), `${file} refers to ${path}`);
      count += 1;
    }
    assert.doesNotMatch(content(file), /sourceMappingURL/, file);
  }
  assert.ok(count > 20, `only ${count} references were found`);
});

test("no file names a folder of the machine that built it", () => {
  const folder = /(\/home|\/root|\/Users|[A-Z]:[\\/]Users)[\\/][^\s"']{0,60}/;
  for (const file of files) {
    const found = content(file).match(folder)?.[0];
    assert.equal(found, undefined, file);
    assert.ok(!content(file).includes(ROOT), file);
  }
});

test("it may be published", () => {
  // The dry run passes over this.
  assert.equal(JSON.parse(content("package.json")).private, undefined);
});

test("the hooks are marked as the client's, for server components that import them", () => {
  const hooks = files.filter((file) => file.endsWith("react.js"));
  assert.equal(hooks.length, 4);
  for (const file of hooks) assert.ok(content(file).startsWith('"use client";'), file);
});

test("a bundler may drop it where nothing of it is used", () => {
  assert.equal(JSON.parse(content("package.json")).sideEffects, false);
});
