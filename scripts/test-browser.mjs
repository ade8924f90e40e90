// Runs the client's tests in headless Chromium and Firefox against the real gateway.
//
//   npm run test:browser                    all of them
//   npm run test:browser -- --test connect  any further arguments go to cargo test

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findBrowsers } from "./lib/browsers.mjs";
import { startGatewayHarness } from "./lib/gateway-harness.mjs";
import { fail, ROOT, run } from "./lib/run.mjs";
import { tee } from "./lib/tee.mjs";
import { countTests } from "./lib/test-counts.mjs";
import { toolEnv } from "./lib/toolchain.mjs";

/** For all tests of one test binary; the runner's own default is 20. */
const TIMEOUT_SECONDS = "600";

try {
  const env = toolEnv();
  const browsers = findBrowsers(env);
  const missing = Object.keys(browsers).filter((name) => !browsers[name]);
  if (missing.length > 0)
    throw new Error(`${missing.join(", ")} missing: npm run setup -- --browsers`);
  run("cargo", ["build", "-p", "flowmaestro-gateway", "-p", "flowmaestro-fault-proxy"], { env });
  const testEnv = {
    ...env,
    WASM_BINDGEN_TEST_TIMEOUT: TIMEOUT_SECONDS,
    WASM_BINDGEN_TEST_WEBDRIVER_JSON: writeCapabilities(browsers),
  };
  const inChrome = await testIn(["--chrome", "--chromedriver", browsers.chromedriver], testEnv);
  const inFirefox = await testIn(["--firefox", "--geckodriver", browsers.geckodriver], testEnv);
  check(inChrome, inFirefox);
} catch (error) {
  fail(error);
}

/** Each browser gets a gateway of its own, which remembers nothing of another's run. */
async function testIn(browser, env) {
  const harness = await startGatewayHarness();
  const args = ["test", "--headless", ...browser, ...process.argv.slice(2)];
  const { code, output } = await tee("wasm-pack", args, { env });
  await harness.close();
  return { code, ...countTests(output) };
}

/** The exit codes alone don't say that tests ran: the runner skips what is not for it. */
function check(inChrome, inFirefox) {
  console.log(`Chromium: ${inChrome.passed} passed, ${inChrome.failed} failed`);
  console.log(`Firefox: ${inFirefox.passed} passed, ${inFirefox.failed} failed`);
  const ran = ({ passed, failed }) => passed + failed;
  if (inChrome.code !== 0 || inFirefox.code !== 0) throw new Error("browser tests failed");
  if (ran(inChrome) === 0) throw new Error("no browser test ran");
  if (ran(inChrome) !== ran(inFirefox)) throw new Error("one browser ran fewer tests");
}

/** The repository's webdriver.json, with the browsers that were found: a driver on its own may
 *  take another installation than the one that fits it. */
function writeCapabilities(browsers) {
  const capabilities = JSON.parse(readFileSync(join(ROOT, "webdriver.json"), "utf8"));
  capabilities["goog:chromeOptions"].binary = browsers.chrome;
  capabilities["moz:firefoxOptions"].binary = browsers.firefox;
  const file = join(ROOT, "target", "webdriver.json");
  mkdirSync(join(ROOT, "target"), { recursive: true });
  writeFileSync(file, JSON.stringify(capabilities));
  return file;
}
