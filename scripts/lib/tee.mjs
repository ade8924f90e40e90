// Running a command whose output is shown and kept.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import { ROOT } from "./run.mjs";

/** Runs a command; resolves with its exit code (`null` when a signal ended it) and its output, which
 *  `onOutput` gets as it comes.
 *
 *  It runs in a process group of its own: a test runner starts drivers, which start browsers, and
 *  when this process is told to end, all of them have to. */
export async function tee(command, args, { onOutput = () => {}, ...options } = {}) {
  const stdio = ["ignore", "pipe", "pipe"];
  const child = spawn(command, args, { cwd: ROOT, stdio, detached: true, ...options });
  const endAll = (signal) => {
    process.kill(-child.pid, signal);
    child.once("close", () => process.exit(128 + constants.signals[signal]));
  };
  process.once("SIGINT", endAll);
  process.once("SIGTERM", endAll);
  let output = "";
  const show = (from, to) =>
    from.setEncoding("utf8").on("data", (text) => {
      output += text;
      onOutput(text);
      to.write(text);
    });
  show(child.stdout, process.stdout);
  show(child.stderr, process.stderr);
  const [code] = await once(child, "close");
  process.off("SIGINT", endAll);
  process.off("SIGTERM", endAll);
  return { code, output };
}
