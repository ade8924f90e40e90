// Makes pkg/, the npm package: Rust to WebAssembly, its bindings and bytes bundled with js/.
// About a minute the first time, seconds later.

import { copyFileSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync } from "node:zlib";
import { build } from "esbuild";
import { fail, ROOT, run, TARGET_DIR } from "./lib/run.mjs";
import { toolEnv, WASM_TARGET } from "./lib/toolchain.mjs";

const CRATE = "flowmaestro_websocket";
const BINDINGS = join(ROOT, "js/wasm");
const PACKAGE = join(ROOT, "pkg");

/** What rustc compiles to and every supported browser understands. */
const WASM_FEATURES = [
  "--enable-bulk-memory",
  "--enable-multivalue",
  "--enable-mutable-globals",
  "--enable-nontrapping-float-to-int",
  "--enable-reference-types",
  "--enable-sign-ext",
];

try {
  compile();
  writeOptionTypes();
  rmSync(PACKAGE, { recursive: true, force: true });
  await bundle();
  writeTypes();
  writeManifest();
  reportSize();
} catch (error) {
  fail(error);
}

/** Rust to js/wasm/: the bytes, the JavaScript that calls them, and its types. */
function compile() {
  const env = toolEnv();
  const cargo = ["build", "--lib", "--target", WASM_TARGET, "--profile", "wasm"];
  run("cargo", cargo, { env });
  rmSync(BINDINGS, { recursive: true, force: true });
  const compiled = join(TARGET_DIR, WASM_TARGET, "wasm", `${CRATE}.wasm`);
  // Without the default path no bundler emits the file a second time.
  const options = ["--target", "web", "--omit-default-module-path", "--remove-name-section"];
  run("wasm-bindgen", [...options, "--out-dir", BINDINGS, compiled], { env });
  // It declares the module's exports, where js/ imports its bytes.
  rmSync(join(BINDINGS, `${CRATE}_bg.wasm.d.ts`));
  const bytes = join(BINDINGS, `${CRATE}_bg.wasm`);
  run("npx", ["wasm-opt", "-Oz", ...WASM_FEATURES, bytes, "-o", bytes]);
}

/**
 * The types of options, states and statistics alone. The whole declaration file also has the wasm
 * class, whose `[Symbol.dispose]` does not compile for users with an older `lib`.
 */
function writeOptionTypes() {
  const declarations = readFileSync(join(BINDINGS, `${CRATE}.d.ts`), "utf8");
  const firstClass = declarations.search(/\/\*\*(?:(?!\*\/)[\s\S])*\*\/\nexport class /);
  if (firstClass < 0) throw new Error("the bindings' declarations have changed their form");
  const types = declarations.slice(0, firstClass);
  const errors = 'import type { ConnectionError } from "../../src/errors.js";\n';
  writeFileSync(join(BINDINGS, "types.d.ts"), errors + types);
}

/** js/ and the bindings to one file, the bytes inlined as base64. */
async function bundle() {
  await build({
    entryPoints: [join(ROOT, "js/index.ts")],
    outfile: join(PACKAGE, "index.js"),
    bundle: true,
    format: "esm",
    target: "es2022",
    minify: true,
    keepNames: true,
    legalComments: "none",
    sourcemap: false,
    loader: { ".wasm": "base64" },
    plugins: [oneCopyOfEachSnippet()],
    logLevel: "warning",
    // wasm-bindgen names a snippet once for each function that is imported from it.
    logOverride: { "duplicate-object-key": "silent" },
  });
}

/**
 * wasm-bindgen copies each of src/*.js into `snippets/`; taking the originals instead gives the
 * facade and the bindings the same error classes, so that `instanceof` holds.
 */
function oneCopyOfEachSnippet() {
  return {
    name: "one-copy-of-each-snippet",
    setup({ onResolve }) {
      onResolve({ filter: /\/snippets\/[^/]+\/src\/[^/]+\.js$/ }, ({ path }) => ({
        path: join(ROOT, "src", path.slice(path.lastIndexOf("/") + 1)),
      }));
    },
  };
}

/** The facade's declarations; tsc does not copy the ones that are declarations already. */
function writeTypes() {
  run("npx", ["tsc", "--project", "js/tsconfig.build.json"]);
  const types = join(PACKAGE, "types/js/wasm");
  mkdirSync(types, { recursive: true });
  copyFileSync(join(BINDINGS, "types.d.ts"), join(types, "types.d.ts"));
}

/** The published manifest: the root's facts, without what only this repository needs. */
function writeManifest() {
  const { name, version, description, license, engines } = JSON.parse(
    readFileSync(join(ROOT, "package.json"), "utf8"),
  );
  const manifest = {
    name,
    version,
    description,
    license,
    keywords: ["flowmaestro", "websocket", "realtime", "workflow", "wasm"],
    type: "module",
    sideEffects: false,
    engines,
    exports: { ".": { types: "./types/js/index.d.ts", default: "./index.js" } },
    types: "./types/js/index.d.ts",
    files: ["index.js", "types"],
  };
  writeFileSync(join(PACKAGE, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
}

function reportSize() {
  const index = join(PACKAGE, "index.js");
  const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`;
  const compressed = brotliCompressSync(readFileSync(index)).length;
  console.log(`pkg/index.js: ${kib(statSync(index).size)}, ${kib(compressed)} with brotli.`);
}
