// Packs pkg/ and tests it as its users meet it: each folder of tests/consumers/ is copied into an
// empty folder elsewhere, gets the tarball installed, and is run against the real gateway.
//
//   npm run test:consumers               all of them
//   npm run test:consumers -- node next  those named
//
// A consumer is a package. Its `consumer.test.mjs` is run where it stands, with the copy as its
// working directory; a consumer without one is run by its own `npm test`. What is a symbolic link
// in the folder is a file in the copy, so that consumers can share files.

import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startGatewayHarness } from "./lib/gateway-harness.mjs";
import { fail, ROOT, run } from "./lib/run.mjs";
import { packTarball } from "./lib/tarball.mjs";
import { tee } from "./lib/tee.mjs";
import { countTests } from "./lib/test-counts.mjs";
import { toolEnv } from "./lib/toolchain.mjs";

const CONSUMERS = join(ROOT, "tests/consumers");

/** With a log level of its own: that of an outer `npm run --silent` would hide what has failed. */
const INSTALL = [
  "install",
  "--prefer-offline",
  "--no-audit",
  "--no-fund",
  "--no-package-lock",
  "--loglevel=error",
];

try {
  const names = chosen(process.argv.slice(2));
  const programs = ["flowmaestro-gateway", "flowmaestro-fault-proxy"];
  run("cargo", ["build", ...programs.flatMap((name) => ["-p", name])], { env: toolEnv() });
  const folder = mkdtempSync(join(tmpdir(), "flowmaestro-consumers-"));
  const harness = await startGatewayHarness();
  try {
    const { tarball } = packTarball(folder);
    const env = { ...process.env, CONTROL_URL: harness.controlUrl };
    const results = [];
    for (const name of names) results.push(await testConsumer(name, { folder, tarball, env }));
    check(results);
  } finally {
    await harness.close();
    rmSync(folder, { recursive: true, force: true });
  }
} catch (error) {
  fail(error);
}

function chosen(wanted) {
  const all = readdirSync(CONSUMERS).filter((name) =>
    existsSync(join(CONSUMERS, name, "package.json")),
  );
  const unknown = wanted.filter((name) => !all.includes(name));
  if (unknown.length > 0) throw new Error(`no consumer ${unknown}; there are ${all.join(", ")}`);
  return wanted.length > 0 ? wanted : all;
}

/** One that fails does not keep the others from running. */
async function testConsumer(name, { folder, tarball, env }) {
  console.log(`\n--- ${name}\n`);
  const started = Date.now();
  const cwd = join(folder, name);
  cpSync(join(CONSUMERS, name), cwd, { recursive: true, dereference: true });
  const install = await tee("npm", [...INSTALL, tarball], { cwd });
  const installed = Date.now();
  const test = install.code === 0 ? await tee(...testCommand(name), { cwd, env }) : install;
  rmSync(cwd, { recursive: true, force: true });
  return {
    name,
    ...test,
    ...countTests(test.output),
    installSeconds: (installed - started) / 1000,
    testSeconds: (Date.now() - installed) / 1000,
  };
}

function testCommand(name) {
  const file = join(CONSUMERS, name, "consumer.test.mjs");
  if (!existsSync(file)) return ["npm", ["test", "--silent"]];
  // A browser or a server that hangs must not hang the run.
  return [process.execPath, ["--test", "--test-timeout=180000", "--test-reporter=spec", file]];
}

function check(results) {
  console.log();
  for (const { name, passed, failed, installSeconds, testSeconds } of results) {
    const times = `${installSeconds.toFixed(1)} s to install, ${testSeconds.toFixed(1)} s to test`;
    console.log(`${name}: ${passed} passed, ${failed} failed; ${times}`);
  }
  const broken = results.filter(({ code, passed, failed }) => code !== 0 || failed > 0 || !passed);
  if (broken.length === 0) return;
  throw new Error(
    `failed, or without a test that ran: ${broken.map(({ name }) => name).join(", ")}`,
  );
}
