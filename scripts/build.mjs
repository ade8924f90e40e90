// Makes pkg/, the npm package: Rust to WebAssembly, its bindings and bytes bundled with js/.
// About a minute the first time, seconds later.
//
//   node scripts/build.mjs --crash    makes target/crash/pkg, whose client dies on demand, for tests

import { createHash } from "node:crypto";
import { copyFileSync, cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { bindable, declareBind, marked, shortenNames } from "./lib/bindings.mjs";
import { inlinedBytes } from "./lib/inlined-bytes.mjs";
import { fail, ROOT, read, run, TARGET_DIR } from "./lib/run.mjs";
import { describe, enforce, measure } from "./lib/size-budget.mjs";
import { toolEnv, WASM_TARGET } from "./lib/toolchain.mjs";

const CRATE = "flowmaestro_websocket";
const IS_CRASH_BUILD = process.argv.includes("--crash");
/** Only the package itself is complete: with types, documents, and within its budget. */
const CRASH = join(TARGET_DIR, "crash");
const BINDINGS = IS_CRASH_BUILD ? join(CRASH, "wasm") : join(ROOT, "js/wasm");
const PACKAGE = IS_CRASH_BUILD ? join(CRASH, "pkg") : join(ROOT, "pkg");

/** What rustc compiles to and every supported browser understands. */
const WASM_FEATURES = [
  "--enable-bulk-memory",
  "--enable-multivalue",
  "--enable-mutable-globals",
  "--enable-nontrapping-float-to-int",
  "--enable-reference-types",
  "--enable-sign-ext",
];

/** For size, as long as that makes it smaller. The linker puts nothing into memory's first KiB. */
const WASM_OPTIMIZATIONS = [
  "-Oz",
  "--flatten",
  "--rereloop",
  "-Oz",
  "--converge",
  "-Oz",
  "--one-caller-inline-max-function-size=30",
  "--low-memory-unused",
  "--strip-producers",
  "--strip-target-features",
];

/** What users import, the file that it is, and its declarations. */
const ENTRIES = {
  ".": { file: "index", types: "index" },
  "./react": { file: "react", types: "react" },
  "./testing": { file: "testing", types: "testing" },
  "./slim": { file: "slim/index", types: "slim" },
  "./slim/react": { file: "slim/react", types: "react" },
};

/** What esbuild makes of js/. */
const BUNDLES = {
  index: {
    entryPoints: [join(ROOT, "js/index.ts")],
    minify: true,
    plugins: [bindingsOfThisBuild(), oneCopyOfEachSnippet(), inlinedBytes()],
  },
  "slim/index": {
    entryPoints: [join(ROOT, "js/slim.ts")],
    minify: true,
    plugins: [bindingsOfThisBuild(), oneCopyOfEachSnippet(), bytesFromInit()],
  },
  react: {
    entryPoints: [join(ROOT, "js/react.ts")],
    external: ["react"],
    plugins: [mainEntryStaysOutside()],
    banner: { js: '"use client";' },
  },
  testing: {
    entryPoints: [join(ROOT, "js/testing.ts")],
    plugins: [mainEntryStaysOutside(), noModulesOfNode()],
  },
};

try {
  const mark = compile();
  rmSync(PACKAGE, { recursive: true, force: true });
  await bundle(mark);
  if (!IS_CRASH_BUILD) {
    writeTypes();
    writeManifest();
    writeDocuments();
    checkSize();
  }
} catch (error) {
  fail(error);
}

/** Rust to js/wasm/: the bytes, the JavaScript that calls them, and its types. */
function compile() {
  const env = toolEnv();
  const cargo = ["build", "--lib", "--no-default-features"];
  if (IS_CRASH_BUILD) cargo.push("--features", "crash");
  cargo.push("--target", WASM_TARGET, "--profile", "wasm", "--config", cargoConfig(env));
  run("cargo", cargo, { env });
  rmSync(BINDINGS, { recursive: true, force: true });
  const compiled = join(TARGET_DIR, WASM_TARGET, "wasm", `${CRATE}.wasm`);
  // Without the default path no bundler emits the file a second time.
  const options = ["--target", "web", "--omit-default-module-path", "--remove-name-section"];
  run("wasm-bindgen", [...options, "--out-dir", BINDINGS, compiled], { env });
  // It declares the module's exports, where js/ imports its bytes.
  rmSync(join(BINDINGS, `${CRATE}_bg.wasm.d.ts`));
  return optimize();
}

/** The module and its bindings, made smaller. Returns what the module is marked with. */
function optimize() {
  const bytes = join(BINDINGS, `${CRATE}_bg.wasm`);
  const wasmOpt = ["wasm-opt", ...WASM_FEATURES, bytes, "-o", bytes];
  run("npx", [...wasmOpt, ...WASM_OPTIMIZATIONS]);
  // Prints the names and what has become of them.
  const names = read("npx", [...wasmOpt, "--minify-imports-and-exports-and-modules"]);
  if (names === null) throw new Error("wasm-opt could not shorten the names");
  const glue = join(BINDINGS, `${CRATE}.js`);
  importSnippetsOnce(glue);
  const bindings = shortenNames(readFileSync(glue, "utf8"), JSON.parse(names));
  writeFileSync(glue, bindable(bindings));
  const declarations = join(BINDINGS, `${CRATE}.d.ts`);
  writeFileSync(declarations, declareBind(readFileSync(declarations, "utf8")));
  const wasm = readFileSync(bytes);
  const name = `flowmaestro ${createHash("sha256").update(wasm).update(bindings).digest("hex").slice(0, 8)}`;
  writeFileSync(bytes, marked(wasm, name));
  return name;
}

/** wasm-bindgen names a snippet once for each function of it; bundlers warn about the second. */
function importSnippetsOnce(glue) {
  const seen = new Set();
  const lines = readFileSync(glue, "utf8").split("\n");
  const once = lines.filter((line) => {
    const [, prefix, path] =
      line.match(/^(import \* as|) *(?:import\d+ from )?("\.\/snippets\/.+")/) ?? [];
    if (path === undefined || !/import\d+/.test(line)) return true;
    const isNew = !seen.has(prefix + path);
    seen.add(prefix + path);
    return isNew;
  });
  writeFileSync(glue, once.join("\n"));
}

/**
 * Cargo's configuration of the build. Panic messages name source files: those of dependencies without
 * the home directory of whoever builds, which is nobody's business and would make each machine's
 * package another one. And where a function is small enough to be smaller inlined is found by trying:
 * LLVM's own guess for this opt-level leaves 2 % more.
 */
function cargoConfig(env) {
  const cargoHome = env.CARGO_HOME ?? join(homedir(), ".cargo");
  const flags = [`--remap-path-prefix=${cargoHome}=cargo`, "-Cllvm-args=--inline-threshold=20"];
  return `target.${WASM_TARGET}.rustflags=${JSON.stringify(flags)}`;
}

/**
 * js/ and the bindings to one file for each entry and module system. An entry beside the main one
 * imports that (`./index.js`) instead of holding a second client.
 */
async function bundle(mark) {
  for (const format of ["esm", "cjs"]) {
    const folder = format === "esm" ? PACKAGE : join(PACKAGE, "cjs");
    for (const [name, options] of Object.entries(BUNDLES)) {
      await build({
        ...options,
        format,
        inject: [join(ROOT, "js/text-coding.ts")],
        outfile: join(folder, `${name}.js`),
        bundle: true,
        target: "es2022",
        define: { WASM_MARK: JSON.stringify(mark) },
        legalComments: "none",
        logLevel: "warning",
      });
    }
    // The same hooks, beside a main entry that is the slim one.
    copyFileSync(join(folder, "react.js"), join(folder, "slim/react.js"));
  }
  copyFileSync(join(BINDINGS, `${CRATE}_bg.wasm`), join(PACKAGE, `${CRATE}.wasm`));
}

/** js/ imports its bindings from js/wasm/, wherever they are. */
function bindingsOfThisBuild() {
  return {
    name: "bindings-of-this-build",
    setup({ onResolve, resolve }) {
      onResolve({ filter: /^\.\/wasm\// }, ({ path, pluginData, ...options }) => {
        if (!IS_CRASH_BUILD || pluginData === "resolved") return undefined;
        const { importer, kind } = options;
        const resolveDir = CRASH;
        return resolve(path, { importer, kind, resolveDir, pluginData: "resolved" });
      });
    },
  };
}

/** The rest of the package imports the client from the main entry, whichever that is. */
function mainEntryStaysOutside() {
  return {
    name: "main-entry-stays-outside",
    setup({ onResolve }) {
      onResolve({ filter: /^\.{1,2}\/index\.js$/ }, () => ({ path: "./index.js", external: true }));
    },
  };
}

/** In the slim entry the bytes come from `init`. */
function bytesFromInit() {
  return {
    name: "bytes-from-init",
    setup({ onResolve }) {
      onResolve({ filter: /^\.\/wasm\.js$/ }, () => ({ path: join(ROOT, "js/wasm-slim.ts") }));
    },
  };
}

/** The clock that is bundled with the test kit looks for these, and does without in a page. */
function noModulesOfNode() {
  return {
    name: "no-modules-of-node",
    setup({ onResolve, onLoad }) {
      const filter = /^(util|timers|timers\/promises|perf_hooks)$/;
      onResolve({ filter }, ({ path }) => ({ path, namespace: "none" }));
      onLoad({ filter: /.*/, namespace: "none" }, () => ({ contents: "module.exports = {};" }));
    },
  };
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

/**
 * The declarations, once for each module system: TypeScript takes a file's from the package.json
 * next to it. tsc does not copy those that are declarations already.
 */
function writeTypes() {
  run("npx", ["tsc", "--project", "js/tsconfig.build.json"]);
  const types = join(PACKAGE, "types");
  // Nothing that users import refers to those of the bindings, which stay behind.
  for (const name of ["wasm", "wasm-instance", "survival"]) rmSync(join(types, `js/${name}.d.ts`));
  cpSync(types, join(PACKAGE, "cjs/types"), { recursive: true });
  writeJson("cjs/package.json", { type: "commonjs" });
}

/** The published manifest: the root's facts, without what only this repository needs. */
function writeManifest() {
  const { name, version, description, license, engines, repository } = JSON.parse(
    readFileSync(join(ROOT, "package.json"), "utf8"),
  );
  const entries = Object.entries(ENTRIES);
  const types = entries.map(([entry, { types }]) => [entry, [`./types/js/${types}.d.ts`]]);
  writeJson("package.json", {
    name,
    version,
    description,
    license,
    repository,
    keywords: ["flowmaestro", "websocket", "realtime", "workflow", "react", "wasm"],
    type: "module",
    sideEffects: false,
    engines,
    exports: {
      ...Object.fromEntries(entries.map(([entry, files]) => [entry, conditions(files)])),
      "./flowmaestro_websocket.wasm": "./flowmaestro_websocket.wasm",
      "./package.json": "./package.json",
    },
    main: "./cjs/index.js",
    module: "./index.js",
    types: "./types/js/index.d.ts",
    // For `moduleResolution: "node"`, which does not know `exports`.
    typesVersions: {
      "*": Object.fromEntries(
        types.filter(([entry]) => entry !== ".").map(([entry, paths]) => [entry.slice(2), paths]),
      ),
    },
    peerDependencies: { react: "^18 || ^19" },
    peerDependenciesMeta: { react: { optional: true } },
  });
}

/** What belongs to the package beside its code, with the licences of what is bundled in it. */
function writeDocuments() {
  for (const file of ["CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"]) {
    copyFileSync(join(ROOT, file), join(PACKAGE, file));
  }
  const readme = readFileSync(join(ROOT, "README.md"), "utf8");
  // Pictures stay behind: they are larger than the code.
  writeFileSync(join(PACKAGE, "README.md"), readme.replace(/^!\[.*\n\n/gm, ""));
  const isText = (source) => !source.endsWith(".png");
  cpSync(join(ROOT, "docs"), join(PACKAGE, "docs"), { recursive: true, filter: isText });
  const licences = ["@sinonjs/fake-timers", "@sinonjs/commons", "type-detect"].map((name) => {
    const text = readFileSync(join(ROOT, "node_modules", name, "LICENSE"), "utf8");
    return `testing.js contains ${name}:\n\n${text}`;
  });
  writeFileSync(join(PACKAGE, "LICENSES-THIRD-PARTY"), licences.join("\n\n"));
}

/** Each condition with its own types, or TypeScript takes the one module system for the other. */
function conditions({ file, types }) {
  return {
    import: { types: `./types/js/${types}.d.ts`, default: `./${file}.js` },
    require: { types: `./cjs/types/js/${types}.d.ts`, default: `./cjs/${file}.js` },
  };
}

function writeJson(file, content) {
  writeFileSync(join(PACKAGE, file), `${JSON.stringify(content, null, 2)}\n`);
}

/** Prints how large the entries have become, and fails where that is larger than they may be. */
function checkSize() {
  const budget = JSON.parse(readFileSync(join(ROOT, "scripts/size-budget.json"), "utf8"));
  const measured = measure(PACKAGE, budget);
  for (const entry of measured) console.log(describe(entry));
  enforce(measured);
}
