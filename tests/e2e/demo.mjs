// The demo server with the built page, of which one copy is made that tells what goes wrong in it.

import assert from "node:assert/strict";
import { copyFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT, TARGET_DIR } from "../../scripts/lib/run.mjs";
import { freePort, ServerProcess } from "../../scripts/lib/server-process.mjs";

/** A demo server that remembers nothing of another. */
export class Demo {
  #folder = mkdtempSync(join(tmpdir(), "flowmaestro-e2e-"));
  #logFile;
  #server;
  #url;

  /** Starts one whose log is named after the engine that it is for. */
  static async start(engine) {
    const demo = new Demo();
    demo.#logFile = join(TARGET_DIR, `test-demo-${engine}.log`);
    rmSync(demo.#logFile, { force: true });
    const www = demo.#copyPage();
    const port = await freePort();
    demo.#url = `http://127.0.0.1:${port}`;
    demo.#server = new ServerProcess({
      command: join(TARGET_DIR, "release/flowmaestro-demo"),
      args: ["--port", `${port}`, "--data-dir", join(demo.#folder, "data"), "--www-dir", www],
      env: {},
      healthUrl: `${demo.#url}/health`,
      logFile: demo.#logFile,
    });
    await demo.restart();
    return demo;
  }

  get url() {
    return this.#url;
  }

  get logFile() {
    return this.#logFile;
  }

  /** Ends the server as a crash does. */
  kill() {
    return this.#server.stop("SIGKILL");
  }

  restart() {
    return this.#server.start();
  }

  /** A file that a visitor may upload; its path. */
  file(name, content) {
    const path = join(this.#folder, name);
    writeFileSync(path, content);
    return path;
  }

  async close() {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** The page's folder, where the page's first script is the one that collects its problems. */
  #copyPage() {
    const www = join(this.#folder, "www");
    cpSync(join(ROOT, "www/dist"), www, { recursive: true });
    copyFileSync(join(ROOT, "tests/support/problems.js"), join(www, "problems.js"));
    const [before, after] = readFileSync(join(www, "index.html"), "utf8").split("<head>");
    assert.ok(after, "index.html has no <head>");
    const script = '<script src="/problems.js"></script>';
    writeFileSync(join(www, "index.html"), `${before}<head>${script}${after}`);
    return www;
  }
}
