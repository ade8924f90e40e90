// cargo, in the environment that the setup chose: `node scripts/cargo.mjs test --workspace`.

import { fail, run } from "./lib/run.mjs";
import { toolEnv } from "./lib/toolchain.mjs";

try {
  run("cargo", process.argv.slice(2), { env: toolEnv() });
} catch (error) {
  fail(error);
}
