// Makes the API reference, and fails at the first thing that is undocumented, unexported or linked
// to nowhere. TypeDoc reads the declarations of pkg/, which users get: `npm run build` comes first.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { fail, ROOT, run, TARGET_DIR } from "./lib/run.mjs";
import { toolEnv } from "./lib/toolchain.mjs";

const JS_REFERENCE = join(TARGET_DIR, "docs/js");

try {
  if (!existsSync(join(ROOT, "pkg/types"))) throw new Error("there is no pkg/: npm run build");
  run("npx", ["typedoc", "--logLevel", "Warn", "--out", JS_REFERENCE], {
    cwd: join(ROOT, "scripts/typedoc"),
  });
  run("cargo", ["doc", "--workspace", "--no-deps"], {
    env: { ...toolEnv(), RUSTDOCFLAGS: "-D warnings" },
  });
  console.log(`The package:  ${join(JS_REFERENCE, "index.html")}`);
  console.log(`The crates:   ${join(TARGET_DIR, "doc/flowmaestro_gateway/index.html")}`);
} catch (error) {
  fail(error);
}
