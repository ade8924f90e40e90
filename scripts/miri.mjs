// The state machines under Miri, an interpreter that finds undefined behaviour.
//
//   npm run test:miri
//
// On demand: it needs a nightly Rust with Miri (which is installed where rustup can) and takes some
// minutes. The workspace's own code has no `unsafe`; what is looked at is that of its dependencies, on
// the ways on which it is used. Property tests are left out: they would take hours.

import { fail, read, run, TARGET_DIR } from "./lib/run.mjs";
import { toolEnv } from "./lib/toolchain.mjs";

/** The tests that are run, by their crate. */
const SUITES = {
  "flowmaestro-protocol": ["--test", "fixtures", "--test", "negotiated"],
  "flowmaestro-session": ["--test", "connect", "--test", "delivery", "--test", "subscriptions"],
  "flowmaestro-execution": ["--test", "events", "--test", "store"],
  "flowmaestro-hub": ["--test", "hub"],
};

/** Too many steps for an interpreter: thousands of events would take it hours. */
const SKIPPED = [
  "properties",
  "leaks",
  "limits",
  "carousel",
  "missed_events_travel_in_batches",
  "ten_thousand_missed_events",
  "a_burst_larger_than_the_queue",
];

const { RUSTUP_TOOLCHAIN: _, ...plain } = toolEnv();
const env = {
  ...plain,
  RUSTUP_TOOLCHAIN: "nightly",
  CARGO_TARGET_DIR: `${TARGET_DIR}/miri`,
  // The tests read their fixtures.
  MIRIFLAGS: "-Zmiri-disable-isolation",
};

try {
  ensureMiri();
  const skipped = SKIPPED.flatMap((name) => ["--skip", name]);
  for (const [crate, tests] of Object.entries(SUITES))
    run("cargo", ["miri", "test", "-p", crate, ...tests, "--", ...skipped], { env });
} catch (error) {
  fail(error);
}

function ensureMiri() {
  if (read("cargo", ["miri", "--version"], { env }) !== null) return;
  console.log("Installing a nightly Rust with Miri: a download of about 150 MB.");
  const components = ["--component", "miri", "--component", "rust-src"];
  run("rustup", ["toolchain", "install", "nightly", "--profile", "minimal", ...components]);
}
