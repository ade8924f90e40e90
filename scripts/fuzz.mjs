// Fuzzing: the targets of fuzz/ under libFuzzer with AddressSanitizer, and the browser's decoder beside
// the native codec.
//
//   npm run test:fuzz                                a short run of each, about a minute in all
//   npm run test:fuzz -- --runs 10000000             so many inputs for each
//   npm run test:fuzz -- --only hub --runs 1000000   of one alone (a target, or `decoder`)
//   npm run test:fuzz -- --seed 2                    other inputs than the usual ones
//   npm run test:fuzz -- --runs 1000000 --keep       and the corpus made from what was found
//
// An input that breaks something is left in target/fuzz/artifacts; mended, it goes to
// fuzz/regressions/<target>/, from where `cargo test -p flowmaestro-fuzz` takes it for good.

import { mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { compareDecoders } from "./lib/decoder-differential.mjs";
import { fail, ROOT, read, run, TARGET_DIR } from "./lib/run.mjs";
import { ensureSanitizer } from "./lib/sanitizer.mjs";
import { tee } from "./lib/tee.mjs";
import { toolEnv } from "./lib/toolchain.mjs";
import { cargoFuzz, ensureTool } from "./lib/tools.mjs";

/** The targets of fuzz/: how long an input may be, in bytes, and how many a short run has. */
const TARGETS = {
  codec: { maxBytes: 512, runs: 150_000 },
  session: { maxBytes: 256, runs: 100_000 },
  hub: { maxBytes: 128, runs: 15_000 },
  connection: { maxBytes: 400, runs: 6_000 },
  tokens: { maxBytes: 400, runs: 60_000 },
  tickets: { maxBytes: 128, runs: 40_000 },
};

/** The comparison of the two decoders, and how many texts a short run has. */
const DECODER = "decoder";
const DECODER_RUNS = 100_000;

/**
 * AddressSanitizer without what costs most: where memory was allocated, for reports, and to keep freed
 * memory from use for longer than an input takes.
 */
const ASAN_OPTIONS =
  "malloc_context_size=1:quarantine_size_mb=1:thread_local_quarantine_size_kb=64:" +
  "detect_stack_use_after_return=0";

const INSTRUMENT = join(ROOT, "scripts/lib/instrument-parsers.mjs");

const BUILD_DIR = join(TARGET_DIR, "fuzz");

const { values: options } = parseArgs({
  options: {
    runs: { type: "string" },
    only: { type: "string" },
    seed: { type: "string", default: "1" },
    keep: { type: "boolean", default: false },
  },
});

const outcomes = [];
try {
  const env = toolEnv();
  const chosen = Object.keys(TARGETS).filter(isChosen);
  if (chosen.length > 0) await fuzzAll(chosen, env);
  if (isChosen(DECODER)) await check(DECODER, () => compare(env));
  if (outcomes.length === 0) throw new Error(`there is no target \`${options.only}\``);
} catch (error) {
  fail(error);
}
const failed = outcomes.filter((isGood) => !isGood).length;
// What scripts/lib/test-counts.mjs reads.
console.log(`# pass ${outcomes.length - failed}\n# fail ${failed}`);
process.exitCode = failed > 0 ? 1 : 0;

function isChosen(name) {
  return options.only === undefined || options.only === name;
}

/** Runs a target; what it returns is printed beside its name. */
async function check(name, action) {
  const started = Date.now();
  try {
    const said = await action();
    console.log(`ok: ${name}: ${said}, ${((Date.now() - started) / 1000).toFixed(1)} s`);
    outcomes.push(true);
  } catch (error) {
    console.log(`not ok: ${name}: ${error.message}`);
    outcomes.push(false);
  }
}

async function fuzzAll(names, plainEnv) {
  ensureTool(cargoFuzz(), plainEnv);
  const env = { ...ensureSanitizer(toolEnv()), ASAN_OPTIONS };
  console.log("Building the targets with AddressSanitizer: about 4 minutes the first time.");
  // Without the trace of comparisons, which makes everything half as fast: the corpus knows the words.
  const build = ["--features", "libfuzzer", "--target-dir", BUILD_DIR, "--no-trace-compares"];
  const watched = { ...env, RUSTC_WRAPPER: INSTRUMENT, FUZZED_WORKSPACE: ROOT };
  run("cargo", ["fuzz", "build", ...build], { env: watched });
  for (const name of names) await check(name, () => fuzz(name, env));
}

async function fuzz(name, env) {
  const { maxBytes, runs } = TARGETS[name];
  const found = join(BUILD_DIR, "found", name);
  const artifacts = join(BUILD_DIR, "artifacts", name);
  if (options.runs === undefined) rmSync(found, { recursive: true, force: true });
  mkdirSync(found, { recursive: true });
  mkdirSync(artifacts, { recursive: true });
  const settings = [
    `-runs=${options.runs ?? runs}`,
    `-seed=${options.seed}`,
    `-max_len=${maxBytes}`,
    `-artifact_prefix=${artifacts}/`,
    // libFuzzer's own book-keeping, which would take most of the time.
    "-entropic=0",
    "-use_counters=0",
    "-detect_leaks=0",
    "-print_final_stats=1",
    "-verbosity=0",
  ];
  const { code, output } = await tee(program(name, env), [found, ...kept(name), ...settings], {
    env,
  });
  if (code !== 0) throw new Error(`a fault: its input is in ${artifacts}`);
  if (options.keep) keep(name, found, env);
  const executed = output.match(/number_of_executed_units: (\d+)/)?.[1];
  return `${Number(executed).toLocaleString("en")} inputs`;
}

/** Where a target's inputs are kept. */
function kept(name) {
  const directories = ["corpus", "regressions"].map((kind) => join(ROOT, "fuzz", kind, name));
  return directories.filter((directory) => isDirectory(directory));
}

function isDirectory(path) {
  try {
    return readdirSync(path).length > 0;
  } catch {
    return false;
  }
}

function program(name, env) {
  const host = read("rustc", ["-vV"], { env }).match(/^host: (.+)$/m)[1];
  return join(BUILD_DIR, host, "release", name);
}

/** Makes the corpus anew: of all that was ever found, the smallest inputs that reach every place. */
function keep(name, found, env) {
  const corpus = join(ROOT, "fuzz", "corpus", name);
  const merged = join(BUILD_DIR, "merged", name);
  rmSync(merged, { recursive: true, force: true });
  mkdirSync(merged, { recursive: true });
  const settings = ["-merge=1", "-use_counters=0", "-verbosity=0", "-detect_leaks=0"];
  run(program(name, env), [...settings, merged, ...kept(name), found], { env });
  rmSync(corpus, { recursive: true, force: true });
  mkdirSync(join(corpus, ".."), { recursive: true });
  renameSync(merged, corpus);
}

async function compare(env) {
  const example = ["-p", "flowmaestro-protocol", "--example", "decoder_cases"];
  run("cargo", ["build", "--release", ...example], { env });
  const program = join(TARGET_DIR, "release", "examples", "decoder_cases");
  const runs = Number(options.runs ?? DECODER_RUNS);
  const result = await compareDecoders({ program, runs, seed: options.seed });
  for (const { text, verdict, reported, outcome } of result.differences)
    console.log(
      `${outcome}: ${text}\n  natively: ${verdict}\n  decoder: ${JSON.stringify(reported)}`,
    );
  if (result.compared !== runs) throw new Error(`${result.compared} texts of ${runs}`);
  if (result.differing > 0) throw new Error(`${result.differing} texts are read differently`);
  const lenient = Object.entries(result.lenient).map(([name, count]) => `${count} with ${name}`);
  const count = runs.toLocaleString("en");
  const both = result.accepted.toLocaleString("en");
  return `${count} texts, ${both} taken by both; by the page alone: ${lenient.join(", ")}`;
}
