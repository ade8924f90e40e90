// Runs the client's tests in headless Chromium and Firefox against the real gateway.
//
//   npm run test:browser                        all of them
//   npm run test:browser -- --cuts 10000        so many connections are cut under load
//   npm run test:browser -- --browser Chromium  in one browser
//   npm run test:browser -- --test faults       any further arguments go to cargo test

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { requireBrowsers } from "./lib/browsers.mjs";
import { startGatewayHarness } from "./lib/gateway-harness.mjs";
import { pageServer } from "./lib/page-server.mjs";
import { fail, ROOT, run } from "./lib/run.mjs";
import { tee } from "./lib/tee.mjs";
import { countTests } from "./lib/test-counts.mjs";
import { toolEnv } from "./lib/toolchain.mjs";

const DEFAULT_CUTS = 1000;

/** For all tests of one test binary, and more for each cut; the runner's own default is 20. */
const TIMEOUT_SECONDS = 300;
const SECONDS_PER_CUT = 0.2;

try {
  const { cuts, browser, cargoArgs } = readArgs(process.argv.slice(2));
  const env = toolEnv();
  const browsers = requireBrowsers(env);
  run("cargo", ["build", "-p", "flowmaestro-gateway", "-p", "flowmaestro-fault-proxy"], { env });
  const testEnv = {
    ...env,
    WASM_BINDGEN_TEST_TIMEOUT: String(Math.ceil(TIMEOUT_SECONDS + cuts * SECONDS_PER_CUT)),
    WASM_BINDGEN_TEST_WEBDRIVER_JSON: writeCapabilities(browsers),
  };
  const drivers = {
    Chromium: ["--chrome", "--chromedriver", browsers.chromedriver],
    Firefox: ["--firefox", "--geckodriver", browsers.geckodriver],
  };
  const results = [];
  for (const [name, driver] of Object.entries(drivers)) {
    if (browser === undefined || browser === name)
      results.push({ name, ...(await testIn([...driver, ...cargoArgs], { cuts, env: testEnv })) });
  }
  check(results);
} catch (error) {
  fail(error);
}

/** What is not ours is cargo's. */
function readArgs(args) {
  const take = (name) => {
    const at = args.indexOf(name);
    return at === -1 ? undefined : args.splice(at, 2)[1];
  };
  const cuts = Number(take("--cuts") ?? DEFAULT_CUTS);
  if (!Number.isSafeInteger(cuts) || cuts < 1) throw new Error("--cuts takes a number from 1 on");
  return { cuts, browser: take("--browser"), cargoArgs: args };
}

/** Each browser gets a gateway of its own, which remembers nothing of another's run. */
async function testIn(args, { cuts, env }) {
  const harness = await startGatewayHarness({ cuts });
  const { address, onOutput } = await pageServer();
  const { code, output } = await tee("wasm-pack", ["test", "--headless", ...args], {
    env: { ...env, WASM_BINDGEN_TEST_ADDRESS: address },
    onOutput,
  });
  await harness.close();
  return { code, figures: harness.figures, ...countTests(output) };
}

/** The exit codes alone don't say that tests ran: the runner skips what is not for it. */
function check(results) {
  for (const { name, passed, failed, figures } of results) {
    for (const { test, ...counts } of figures) {
      const parts = Object.entries(counts).map(([what, count]) => `${what} ${count}`);
      console.log(`${name}, ${test}: ${parts.join(", ")}`);
    }
    console.log(`${name}: ${passed} passed, ${failed} failed`);
  }
  const ran = new Set(results.map(({ passed, failed }) => passed + failed));
  if (results.length === 0) throw new Error("--browser takes Chromium or Firefox");
  if (results.some(({ code }) => code !== 0)) throw new Error("browser tests failed");
  if (ran.has(0)) throw new Error("no browser test ran");
  if (ran.size > 1) throw new Error("one browser ran fewer tests");
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
