// The engines that pages run in, each driven over WebDriver (W3C), and what they tell about a page.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { Builder, Capabilities } from "selenium-webdriver";
import firefox from "selenium-webdriver/firefox.js";
import { findBrowsers } from "../../../scripts/lib/browsers.mjs";
import { freePort } from "../../../scripts/lib/server-process.mjs";
import { toolEnv } from "../../../scripts/lib/toolchain.mjs";

/** How long a driver may take to listen, and a script of a test to run. */
const START_MS = 30_000;
const SCRIPT_MS = 30 * 60_000;

const RETRY_MS = 50;

const CHROMIUM_ARGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--disable-background-networking",
  "--disable-dev-shm-usage",
];

export const ENGINES = ["Chromium", "Firefox"];

/** A browser and its one page. */
export class Engine {
  #driver;
  #process;

  /** Starts the engine of this name. */
  static async start(name) {
    const browsers = findBrowsers(toolEnv());
    const engine = new Engine();
    const port = await freePort();
    if (name === "Chromium") {
      engine.#process = spawn(browsers.chromedriver, [`--port=${port}`], { stdio: "ignore" });
      await engine.#connect(port, {
        browserName: "chrome",
        "goog:chromeOptions": { binary: browsers.chrome, args: CHROMIUM_ARGS },
      });
      engine.heapBytes = () => engine.#heapOfChromium();
    } else {
      // Scripts of the driver may then ask the browser itself: what memory its page takes.
      const args = ["--port", String(port), "--allow-system-access"];
      engine.#process = spawn(browsers.geckodriver, args, { stdio: "ignore" });
      await engine.#connect(port, {
        browserName: "firefox",
        "moz:firefoxOptions": { binary: browsers.firefox, args: ["-headless"] },
      });
      engine.heapBytes = () => engine.#heapOfFirefox();
    }
    return engine;
  }

  /** Opens a page, and waits until it is loaded. */
  open(url) {
    return this.#driver.get(url);
  }

  /** Calls a function that the page has put on `globalThis`; resolves with what it resolves with. */
  call(name, ...args) {
    return this.#driver.executeScript(
      "return globalThis[arguments[0]](...arguments[1])",
      name,
      args,
    );
  }

  async close() {
    await this.#driver?.quit();
    this.#process.kill();
    if (this.#process.exitCode === null) await once(this.#process, "exit");
  }

  async #connect(port, capabilities) {
    const url = `http://127.0.0.1:${port}`;
    await listening(`${url}/status`);
    this.#driver = await new Builder()
      .disableEnvironmentOverrides()
      .usingServer(url)
      .withCapabilities(new Capabilities(capabilities))
      .build();
    await this.#driver.manage().setTimeouts({ script: SCRIPT_MS });
  }

  async #heapOfChromium() {
    // What a finalizer of the first lets go, the second takes away.
    for (let run = 0; run < 2; run++) {
      await this.#driver.sendDevToolsCommand("HeapProfiler.collectGarbage", {});
    }
    const { usedSize } = await this.#driver.sendAndGetDevToolsCommand("Runtime.getHeapUsage", {});
    return usedSize;
  }

  async #heapOfFirefox() {
    await this.#driver.setContext(firefox.Context.CHROME);
    try {
      return await this.#driver.executeScript(heapOfContent);
    } finally {
      await this.#driver.setContext(firefox.Context.CONTENT);
    }
  }
}

/** Runs within the browser itself: collects garbage in the page's process, and sums up its heap. */
async function heapOfContent() {
  /* global Cc, Ci, Services, gBrowser */
  const pid = gBrowser.selectedBrowser.browsingContext.currentWindowGlobal.osPid;
  const manager = Cc["@mozilla.org/memory-reporter-manager;1"].getService(
    Ci.nsIMemoryReporterManager,
  );
  const minimize = () => new Promise((resolve) => manager.minimizeMemoryUsage(resolve));
  const sum = () =>
    new Promise((resolve) => {
      let bytes = 0;
      const add = (process, path, _kind, _units, amount) => {
        const isHeap = path.startsWith("js-main-runtime-gc-heap-committed/used/");
        if (isHeap && process.includes(`${pid}`)) bytes += amount;
      };
      manager.getReports(add, null, () => resolve(bytes), null, false);
    });
  for (let run = 0; run < 3; run++) {
    for (const kind of ["gc", "cc"]) Services.obs.notifyObservers(null, `child-${kind}-request`);
    await minimize();
  }
  return sum();
}

async function listening(url) {
  const deadline = Date.now() + START_MS;
  while (!(await answers(url))) {
    if (Date.now() > deadline) throw new Error(`no driver listens on ${url}`);
    await delay(RETRY_MS);
  }
}

async function answers(url) {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}
