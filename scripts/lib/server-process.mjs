// A server run as a child process, for as long as this process lives.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { ROOT } from "./run.mjs";

/** How long a server may take to answer after its start, and to end after SIGTERM. */
const DEADLINE_MS = 15_000;

const RETRY_MS = 50;

export class ServerProcess {
  #options;
  #child = null;
  #ended = Promise.resolve(null);

  /** `healthUrl` answers with success once the server is ready. The output is appended to
   *  `logFile`, or shown when there is none. */
  constructor({ command, args, cwd = ROOT, env, healthUrl, logFile }) {
    this.#options = { command, args, cwd, env, healthUrl, logFile };
    process.on("exit", () => this.signal("SIGKILL"));
  }

  /** Starts the server, this time with some arguments more; resolves when it is ready, rejects when
   *  it ends or stays silent. */
  async start(moreArgs = []) {
    if (this.#child) throw new Error(`${this.#options.command} is already running`);
    this.#child = this.#spawn(moreArgs);
    this.#ended = once(this.#child, "exit").finally(() => {
      this.#child = null;
    });
    const ended = this.#ended.then(([code, signal]) => {
      throw new Error(`the server ended with ${signal ?? `code ${code}`}${this.#logHint()}`);
    });
    await Promise.race([ended, this.#untilHealthy(this.#child)]);
  }

  /** Ends the server; resolves when its process is gone. */
  async stop(signal = "SIGTERM") {
    this.signal(signal);
    const inTime = await Promise.race([
      this.#ended.then(() => true),
      delay(DEADLINE_MS, false, { ref: false }),
    ]);
    if (inTime) return;
    this.signal("SIGKILL");
    await this.#ended;
    throw new Error(`the server did not end within ${DEADLINE_MS} ms of ${signal}`);
  }

  /** Sends a signal to the server, if it is running. */
  signal(signal) {
    this.#child?.kill(signal);
  }

  /** The number of the process; undefined when it does not run. */
  get pid() {
    return this.#child?.pid;
  }

  /** The exit code and the signal of the process, once it has ended. */
  get ended() {
    return this.#ended;
  }

  #spawn(moreArgs) {
    const { command, args, cwd, env, logFile } = this.#options;
    const log = logFile ? openSync(logFile, "a") : "inherit";
    const child = spawn(command, [...args, ...moreArgs], { cwd, env, stdio: ["ignore", log, log] });
    if (logFile) closeSync(log);
    return child;
  }

  async #untilHealthy(child) {
    const deadline = Date.now() + DEADLINE_MS;
    while (this.#child === child) {
      if (await answers(this.#options.healthUrl)) return;
      if (Date.now() > deadline) {
        await this.stop("SIGKILL");
        throw new Error(`the server did not answer within ${DEADLINE_MS} ms${this.#logHint()}`);
      }
      await delay(RETRY_MS);
    }
  }

  #logHint() {
    return this.#options.logFile ? `; its output is in ${this.#options.logFile}` : "";
  }
}

/** A port of the loopback interface that is free now. */
export async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  return port;
}

async function answers(url) {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(DEADLINE_MS) })).ok;
  } catch {
    return false;
  }
}
