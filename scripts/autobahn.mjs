// The gateway's sockets against the Autobahn test suite for WebSocket servers (RFC 6455).
//
//   npm run test:autobahn
//
// On demand: the suite needs a Python 2.7, and is installed into target/autobahn from PyPI (about a
// minute, once). The server is crates/gateway/examples/echo.rs, whose sockets are set up, read and
// closed as the gateway's are: the suite wants back what it sends. Compression (cases 12 and 13) is
// left out: the gateway compresses messages, not frames. The report goes to target/autobahn/report.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fail, read, run, TARGET_DIR } from "./lib/run.mjs";
import { toolEnv } from "./lib/toolchain.mjs";

const SUITE = "autobahntestsuite==0.8.2";
const DIRECTORY = join(TARGET_DIR, "autobahn");
const PACKAGES = join(DIRECTORY, "packages");
const INSTALLED = join(PACKAGES, ".installed");
const REPORT = join(DIRECTORY, "report");
const AGENT = "gateway";

/** What the suite may say of a case that passed. */
const GOOD = ["OK", "INFORMATIONAL", "NON-STRICT"];

/** What it says of an end with the right code, after which it closed the TCP connection first. It would
 *  rather leave that to the server within a second; but to close at once after a frame that cannot be
 *  read resets the connection, and the peer might never see the code. */
const CLOSED_BY_SUITE = "FAILED BY CLIENT";

try {
  const python = findPython();
  installSuite(python);
  const server = await startServer();
  try {
    runSuite(python, server.url);
  } finally {
    server.child.kill();
  }
  process.exitCode = report() > 0 ? 1 : 0;
} catch (error) {
  fail(error);
}

/** A Python 2.7, for which the suite was written. */
function findPython() {
  const versions = join(homedir(), ".pyenv", "versions");
  const ofPyenv = existsSync(versions) ? readdirSync(versions) : [];
  const candidates = [
    "python2.7",
    "python2",
    ...ofPyenv.map((version) => join(versions, version, "bin", "python2.7")),
  ];
  const python = candidates.find((command) =>
    read(command, ["-c", "import sys; print(sys.version)"])?.startsWith("2.7"),
  );
  if (python) return python;
  throw new Error("the Autobahn test suite needs a Python 2.7: `pyenv install 2.7` gives one");
}

function installSuite(python) {
  if (existsSync(INSTALLED) && readFileSync(INSTALLED, "utf8") === SUITE) return;
  console.log(`Installing ${SUITE} into ${PACKAGES}: once, about a minute.`);
  rmSync(PACKAGES, { recursive: true, force: true });
  run(python, ["-m", "pip", "install", "--quiet", "--target", PACKAGES, SUITE]);
  writeFileSync(INSTALLED, SUITE);
}

async function startServer() {
  const example = ["-p", "flowmaestro-gateway", "--features", "echo", "--example", "echo"];
  run("cargo", ["build", "--release", ...example], { env: toolEnv() });
  const program = join(TARGET_DIR, "release", "examples", "echo");
  const child = spawn(program, { stdio: ["ignore", "pipe", "inherit"] });
  const [url] = await once(createInterface({ input: child.stdout }), "line");
  return { child, url };
}

function runSuite(python, url) {
  rmSync(REPORT, { recursive: true, force: true });
  mkdirSync(REPORT, { recursive: true });
  const settings = {
    outdir: REPORT,
    servers: [{ agent: AGENT, url }],
    cases: ["*"],
    "exclude-cases": ["12.*", "13.*"],
    "exclude-agent-cases": {},
  };
  const file = join(DIRECTORY, "settings.json");
  writeFileSync(file, JSON.stringify(settings));
  // Not by PYTHONPATH, where the packages of a namespace are not found.
  const packages = `import site; site.addsitedir(${JSON.stringify(PACKAGES)})`;
  const suite = `${packages}; from autobahntestsuite import wstest; wstest.run()`;
  run(python, ["-c", suite, "-m", "fuzzingclient", "-s", file]);
}

/** Prints what the suite found, and returns how many cases failed. */
function report() {
  const cases = Object.entries(
    JSON.parse(readFileSync(join(REPORT, "index.json"), "utf8"))[AGENT] ?? {},
  );
  if (cases.length === 0) throw new Error("the Autobahn test suite ran no case");
  const isGood = ([, { behavior, behaviorClose }]) =>
    GOOD.includes(behavior) && [...GOOD, CLOSED_BY_SUITE].includes(behaviorClose);
  const named = (behavior) =>
    cases.filter(([, result]) => result.behavior === behavior).map(([name]) => name);
  const failed = cases.filter((result) => !isGood(result));
  for (const [name, { behavior, behaviorClose }] of failed)
    console.log(`not ok: case ${name}: ${behavior}, its end ${behaviorClose}`);
  console.log(`non-strict: ${named("NON-STRICT").join(", ") || "none"}`);
  const closedBySuite = cases.filter(([, it]) => it.behaviorClose === CLOSED_BY_SUITE).length;
  console.log(`the TCP connection closed by the suite, after the right code: ${closedBySuite}`);
  console.log(`informational: ${named("INFORMATIONAL").join(", ") || "none"}`);
  console.log(`# pass ${cases.length - failed.length}\n# fail ${failed.length}`);
  return failed.length;
}
