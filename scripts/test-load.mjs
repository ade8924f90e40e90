// Puts a load on the gateway and prints what it bore, each figure beside its goal.
//
//   npm run test:load                          10,000 connections and more
//   npm run test:load -- --connections 2000    any arguments go to flowmaestro-load
//   npm run test:load -- --small               for correctness only, in a few seconds

import { join } from "node:path";
import { fail, run, TARGET_DIR } from "./lib/run.mjs";
import { toolEnv } from "./lib/toolchain.mjs";

const SMALL = Object.entries({
  "--connections": 200,
  "--rounds": 5,
  "--burst": 20,
  "--non-readers": 20,
  "--offered-mib": 4,
  "--users": 50,
  "--executions": 20,
  "--messages": 40,
}).flat();

const PACKAGES = ["-p", "flowmaestro-load", "-p", "flowmaestro-gateway"];

try {
  const args = process.argv.slice(2);
  const isSmall = args.includes("--small");
  // The small one takes the programs that other tests are built with.
  const [profile, options] = isSmall ? ["debug", []] : ["release", ["--release"]];
  run("cargo", ["build", ...options, ...PACKAGES], { env: toolEnv() });
  const program = (name) => join(TARGET_DIR, profile, name);
  const given = args.filter((arg) => arg !== "--small");
  run(program("flowmaestro-load"), [
    ...(given.includes("--gateway") ? [] : ["--gateway", program("flowmaestro-gateway")]),
    ...(isSmall ? SMALL.map(String) : []),
    ...given,
  ]);
} catch (error) {
  fail(error);
}
