#!/usr/bin/env node
// A rustc for cargo (RUSTC_WRAPPER) which has libFuzzer watch the workspace's own code and the parsers
// that it hands a peer's bytes to, and no other crate: looking through the counters of the whole
// dependency tree after each input takes longer than the input itself. AddressSanitizer watches all.

import { spawnSync } from "node:child_process";
import { basename } from "node:path";

const PARSERS = ["httparse", "jsonwebtoken", "serde_json", "tungstenite"];

/** What cargo-fuzz passes to have a crate's branches counted. */
const COVERAGE = /^-C(passes=sancov-module|llvm-args=-sanitizer-coverage-.*)$/;

const { CARGO_MANIFEST_DIR: crate = "", CARGO_PKG_NAME: name = "", FUZZED_WORKSPACE } = process.env;
const [rustc, ...args] = process.argv.slice(2);
const isWatched = crate.startsWith(FUZZED_WORKSPACE) || PARSERS.includes(name);
const kept = isWatched ? args : args.filter((arg) => !COVERAGE.test(arg));
const { status, error } = spawnSync(rustc, kept, { stdio: "inherit" });
if (error) console.error(`${basename(rustc)}: ${error.message}`);
process.exitCode = status ?? 1;
