// The browser, and what it tells about a page.

import { chromium } from "playwright-core";
import { findBrowsers } from "../../scripts/lib/browsers.mjs";
import { toolEnv } from "../../scripts/lib/toolchain.mjs";

const ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"];

export class Browser {
  #browser;
  #site;

  /** @param {import("./site.mjs").Site} site whose pages are opened. */
  static async start(site) {
    const executablePath = findBrowsers(toolEnv()).chrome;
    if (!executablePath) throw new Error("no Chromium: `npm run setup -- --browsers` installs it");
    const browser = new Browser();
    browser.#site = site;
    browser.#browser = await chromium.launch({ executablePath, args: ARGS });
    return browser;
  }

  get version() {
    return this.#browser.version();
  }

  /** Runs `use` with a fresh page of the site; what goes wrong in the page fails it. */
  async withPage(name, use) {
    const context = await this.#browser.newContext();
    try {
      const page = await context.newPage();
      const problems = [];
      page.on("pageerror", (error) => problems.push(error));
      await page.goto(`${this.#site.url}/pages/${name}.html`);
      const result = await use(new Page(page, await context.newCDPSession(page)));
      if (problems.length > 0) throw problems[0];
      return result;
    } finally {
      await context.close();
    }
  }

  close() {
    return this.#browser.close();
  }
}

/** A page and its DevTools session. */
export class Page {
  #page;
  #session;

  constructor(page, session) {
    this.#page = page;
    this.#session = session;
  }

  /** Calls a function that the page's script has put on `globalThis`. */
  call(name, argument) {
    return this.#page.evaluate(([name, argument]) => globalThis[name](argument), [name, argument]);
  }

  /**
   * Seconds of processor time that the main thread's tasks took since this was called first, and the
   * scripts among them. Waiting for a processor is not in it, so it holds on a busy machine too.
   */
  async busySeconds() {
    await this.#session.send("Performance.enable", { timeDomain: "threadTicks" });
    const { metrics } = await this.#session.send("Performance.getMetrics");
    const seconds = (wanted) => metrics.find(({ name }) => name === wanted).value;
    return { all: seconds("TaskDuration"), script: seconds("ScriptDuration") };
  }

  /** The size of the JavaScript heap after garbage collections, in bytes. */
  async heapBytes() {
    // What a finalizer of the first lets go, the second takes away.
    await this.#session.send("HeapProfiler.collectGarbage");
    await this.#session.send("HeapProfiler.collectGarbage");
    const { usedSize } = await this.#session.send("Runtime.getHeapUsage");
    return usedSize;
  }
}
