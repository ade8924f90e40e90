import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import test from "node:test";

/** The oldest TypeScript that is supported, and the newest. */
const COMPILERS = ["typescript-5.4", "typescript"];

const RESOLUTIONS = [
  { module: "esnext", moduleResolution: "bundler" },
  { module: "nodenext", moduleResolution: "nodenext" },
  { module: "node16", moduleResolution: "node16", type: "commonjs" },
];

for (const compiler of COMPILERS) {
  for (const { type = "module", ...resolution } of RESOLUTIONS) {
    test(`${compiler}, ${resolution.moduleResolution}, ${type}`, () =>
      compile(compiler, resolution, type));
  }
}

// TypeScript 7 has no `node10` any more.
test("typescript-5.4, node10", () =>
  compile("typescript-5.4", { module: "esnext", moduleResolution: "node10" }, "module"));

function compile(compiler, resolution, type) {
  const compilerOptions = {
    ...resolution,
    target: "es2022",
    lib: ["es2022", "dom", "dom.iterable"],
    types: [],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    noEmit: true,
  };
  writeFileSync("tsconfig.json", JSON.stringify({ compilerOptions, include: ["*.ts"] }));
  const manifest = JSON.parse(readFileSync("package.json", "utf8"));
  writeFileSync("package.json", JSON.stringify({ ...manifest, type }));
  const { status, stdout } = spawnSync(process.execPath, [`node_modules/${compiler}/bin/tsc`], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(stdout);
}
