// The engines that pages run in, each driven over WebDriver (W3C), and what they tell about a page.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { Builder, Capabilities } from "selenium-webdriver";
import firefox from "selenium-webdriver/firefox.js";
import { requireBrowsers } from "../../scripts/lib/browsers.mjs";
import { freePort } from "../../scripts/lib/server-process.mjs";
import { toolEnv } from "../../scripts/lib/toolchain.mjs";
import { findWebKit, hasWebKit } from "../../scripts/lib/webkit.mjs";

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

/** How each engine's driver is started, and what it is asked for; and its heap, where it tells. */
const KINDS = {
  Chromium: {
    driver: ({ chromedriver }, port) => [chromedriver, [`--port=${port}`]],
    capabilities: ({ chrome }) => ({
      browserName: "chrome",
      "goog:chromeOptions": { binary: chrome, args: CHROMIUM_ARGS },
    }),
    heapBytes: heapOfChromium,
  },
  Firefox: {
    // Scripts of the driver may then ask the browser itself: what memory its page takes.
    driver: ({ geckodriver }, port) => [
      geckodriver,
      ["--port", String(port), "--allow-system-access"],
    ],
    capabilities: ({ firefox }) => ({
      browserName: "firefox",
      "moz:firefoxOptions": { binary: firefox, args: ["-headless"] },
    }),
    heapBytes: heapOfFirefox,
  },
  WebKit: {
    needsDisplay: true,
    driver: (_, port) => [findWebKit().driver, [`--port=${port}`]],
    // As root its sandbox cannot be had.
    env: { WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: "1" },
    capabilities: () => ({ browserName: "MiniBrowser" }),
  },
};

export const ENGINES = Object.keys(KINDS);

/** Why nothing is tested in this engine here; `false` where it is. WebKit alone is not packaged for every
 *  system. */
export function lacking(name) {
  if (name !== "WebKit" || hasWebKit()) return false;
  return "no WebKitWebDriver or no Xvfb: on Debian `npm run setup -- --browsers` installs both";
}

/** Those that tell how much memory a page's scripts hold. */
export const MEASURED_ENGINES = ENGINES.filter((name) => KINDS[name].heapBytes);

/** A browser and its one page. */
export class Engine {
  #kind;
  #driver;
  #processes = [];

  /** Starts the engine of this name. */
  static async start(name) {
    const engine = new Engine();
    engine.#kind = KINDS[name];
    try {
      await engine.#start(requireBrowsers(toolEnv()), await freePort());
      return engine;
    } catch (error) {
      await engine.close();
      throw error;
    }
  }

  /** The WebDriver session. */
  get driver() {
    return this.#driver;
  }

  /** The size of the page's heap after garbage collections, in bytes, of an engine that tells it. */
  heapBytes() {
    return this.#kind.heapBytes(this.#driver);
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
    try {
      await this.#driver?.quit();
    } finally {
      for (const process of this.#processes.reverse()) {
        process.kill();
        if (process.exitCode === null && process.signalCode === null) await once(process, "exit");
      }
    }
  }

  async #start(browsers, port) {
    const env = { ...process.env, ...this.#kind.env };
    if (this.#kind.needsDisplay) env.DISPLAY = await this.#startDisplay();
    const [command, args] = this.#kind.driver(browsers, port);
    this.#processes.push(spawn(command, args, { stdio: "ignore", env }));
    const url = `http://127.0.0.1:${port}`;
    await listening(`${url}/status`);
    this.#driver = await new Builder()
      .disableEnvironmentOverrides()
      .usingServer(url)
      .withCapabilities(new Capabilities(this.#kind.capabilities(browsers)))
      .build();
    await this.#driver.manage().setTimeouts({ script: SCRIPT_MS });
  }

  /** Starts a display, and resolves with its name, which it says once it is ready. */
  async #startDisplay() {
    const args = ["-displayfd", "1", "-screen", "0", "1280x1024x24", "-nolisten", "tcp"];
    const stdio = ["ignore", "pipe", "ignore"];
    const display = spawn(findWebKit().display, args, { stdio });
    this.#processes.push(display);
    const [number] = await once(display.stdout, "data");
    return `:${String(number).trim()}`;
  }
}

async function heapOfChromium(driver) {
  // What a finalizer of the first lets go, the second takes away.
  for (let run = 0; run < 2; run++) {
    await driver.sendDevToolsCommand("HeapProfiler.collectGarbage", {});
  }
  const { usedSize } = await driver.sendAndGetDevToolsCommand("Runtime.getHeapUsage", {});
  return usedSize;
}

async function heapOfFirefox(driver) {
  await driver.setContext(firefox.Context.CHROME);
  try {
    return await driver.executeScript(heapOfContent);
  } finally {
    await driver.setContext(firefox.Context.CONTENT);
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
