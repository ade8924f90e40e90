// A gateway for tests, with a backend's rights on it.

import { createHmac, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { assertNoSecrets } from "./log-secrets.mjs";
import { TARGET_DIR } from "./run.mjs";
import { ServerProcess } from "./server-process.mjs";

/** Where each kind of history is kept, as arguments; `folder` is the gateway's own. */
const HISTORY_ARGS = {
  memory: () => ["--history", "memory"],
  disk: (folder) => ["--history", "disk", "--history-file", join(folder, "history.redb")],
};

export class TestGateway {
  #process;
  #folder = mkdtempSync(join(tmpdir(), "flowmaestro-gateway-"));
  #jwtSecret = randomBytes(32).toString("hex");
  #serviceToken = randomBytes(32).toString("hex");
  #userInput = [];
  #logFile;
  /** Every secret of the run: none of them may be logged. */
  #secrets = new Set([this.#jwtSecret, this.#serviceToken]);

  /** The port stays the same over restarts, as it does for a client that reconnects. The output
   *  goes to `logFile`, or is thrown away with the gateway. `profile` is cargo's: "debug" or
   *  "release". */
  constructor({ port, args = [], logFile = join(this.#folder, "gateway.log"), profile = "debug" }) {
    this.port = port;
    this.#logFile = logFile;
    this.httpUrl = `http://127.0.0.1:${port}`;
    this.wsUrl = `ws://127.0.0.1:${port}/ws`;
    this.#process = new ServerProcess({
      command: join(TARGET_DIR, profile, "flowmaestro-gateway"),
      args: ["--dev", "--port", String(port), ...args],
      // Nothing of our own environment, which may hold settings meant for another gateway.
      env: { JWT_SECRET: this.#jwtSecret, SERVICE_TOKEN: this.#serviceToken },
      healthUrl: `${this.httpUrl}/health`,
      logFile,
    });
  }

  /** Starts the gateway. A history on the disk is the same one at each start. */
  async start({ history = "memory" } = {}) {
    await this.#process.start(HISTORY_ARGS[history](this.#folder));
    const answers = await this.#request("/api/user-input");
    if (!answers.ok) throw new Error(`the gateway refuses /api/user-input: ${answers.status}`);
    this.#collectUserInput(answers.body);
  }

  stop(signal) {
    return this.#process.stop(signal);
  }

  /** The number of the process; undefined when it does not run. */
  get pid() {
    return this.#process.pid;
  }

  /** Kills the gateway and removes what it kept. Throws when it has logged a secret. */
  async close() {
    await this.stop("SIGKILL");
    try {
      assertNoSecrets(this.#logFile, [...this.#secrets]);
    } finally {
      rmSync(this.#folder, { recursive: true, force: true });
    }
  }

  /** The answers of users that the gateway handed to its backend, in order. */
  get userInput() {
    return this.#userInput.map((text) => JSON.parse(text));
  }

  /** Posts to the gateway's API as a backend does. */
  post(path, body) {
    return this.#request(path, { method: "POST", body: JSON.stringify(body) });
  }

  /** A token of the gateway's users: a JWT signed with HS256. */
  signToken({ userId, ttlSeconds = 3600 }) {
    const now = Math.floor(Date.now() / 1000);
    const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const claims = { userId, iat: now, exp: now + ttlSeconds };
    const unsigned = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
    const signature = createHmac("sha256", this.#jwtSecret).update(unsigned).digest("base64url");
    this.#secrets.add(signature);
    return `${unsigned}.${signature}`;
  }

  #request(path, options) {
    const headers = {
      authorization: `Bearer ${this.#serviceToken}`,
      "content-type": "application/json",
    };
    return fetch(this.httpUrl + path, { headers, ...options });
  }

  /** Reads the server-sent events until the gateway ends: that breaks the stream off. */
  async #collectUserInput(body) {
    const input = Readable.fromWeb(body);
    try {
      for await (const line of createInterface({ input })) {
        if (line.startsWith("data:")) this.#userInput.push(line.slice("data:".length));
      }
    } catch (error) {
      if (!input.destroyed) throw error;
    }
  }
}
