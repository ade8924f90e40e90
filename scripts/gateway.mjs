// Runs the gateway and the control server of the browser tests until interrupted, so that
// `wasm-pack test --headless --firefox` can be run by hand beside it.

import { startGatewayHarness } from "./lib/gateway-harness.mjs";
import { fail, run } from "./lib/run.mjs";
import { toolEnv } from "./lib/toolchain.mjs";

try {
  run("cargo", ["build", "-p", "flowmaestro-gateway"], { env: toolEnv() });
  const harness = await startGatewayHarness();
  console.log(`The tests in a page find their gateway through ${harness.controlUrl}.`);
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.once(signal, () => harness.close().catch(fail));
  }
} catch (error) {
  fail(error);
}
