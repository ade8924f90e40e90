// Compiles every TypeScript block of the package's README and guides, strictly and against the
// package, and runs those that are tests. The line of an error is the line in the guide.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { before, test } from "node:test";

const PACKAGE = "node_modules/flowmaestro-websocket";

const GUIDES = ["README.md", ...readdirSync(join(PACKAGE, "docs")).map((name) => `docs/${name}`)];

const TSCONFIG = {
  compilerOptions: {
    target: "es2022",
    module: "esnext",
    moduleResolution: "bundler",
    moduleDetection: "force",
    lib: ["es2022", "dom", "dom.iterable"],
    types: [],
    jsx: "react-jsx",
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: true,
    noEmit: true,
  },
  include: ["examples"],
};

/** What the compiler has to say, a line for each error. */
let errors;

before(() => {
  for (const guide of GUIDES) writeExamples(guide);
  writeFileSync("tsconfig.json", JSON.stringify(TSCONFIG));
  errors = spawnSync("npx", ["tsc", "--pretty", "false"], { encoding: "utf8" }).stdout;
});

/** The name of a guide's folder of examples. */
function folder(guide) {
  return join("examples", guide.replace(/\W/g, "-"));
}

/** The blocks of a guide, each in a file of its own, on the same lines as in the guide. */
function writeExamples(guide) {
  mkdirSync(folder(guide), { recursive: true });
  const text = readFileSync(join(PACKAGE, guide), "utf8");
  for (const { index, groups } of text.matchAll(
    /^```(?<language>tsx?)(?<info>.*)\n(?<code>[\s\S]*?)^```$/gm,
  )) {
    assert.equal(groups.info, "", `${guide}: every block is compiled`);
    const line = text.slice(0, index).split("\n").length;
    const kind = /from "vitest"/.test(groups.code) ? ".test" : "";
    const file = join(folder(guide), `line-${line}${kind}.${groups.language}`);
    writeFileSync(file, "\n".repeat(line) + groups.code);
  }
}

for (const guide of GUIDES) {
  test(`the examples of ${guide} compile`, () => {
    const own = errors.split("\n").filter((line) => line.startsWith(folder(guide)));
    assert.deepEqual(own, []);
    if (guide === "README.md") return;
    assert.ok(readdirSync(folder(guide)).length > 0, "a guide has an example");
  });

  test(`what ${guide} links to is in the package`, () => {
    const text = readFileSync(join(PACKAGE, guide), "utf8");
    for (const [, target] of text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
      assert.ok(existsSync(join(PACKAGE, dirname(guide), target)), target);
    }
  });
}

test("no example fails to compile elsewhere", () => {
  const others = errors.split("\n").filter((line) => line && !/^(examples|\s)/.test(line));
  assert.deepEqual(others, []);
});

test("the examples that are tests pass", () => {
  // This file must not be among them: it would run itself.
  const command = ["vitest", "run", "--dir", "examples"];
  const { status, stdout, stderr } = spawnSync("npx", command, { encoding: "utf8" });
  assert.equal(status, 0, stdout + stderr);
});
