// Programs of their own: what a process is before the import, and how it ends, is seen only there.

import { spawnSync } from "node:child_process";

/** Runs a module in a Node without WebSocket; returns the JSON that it printed. */
export function runModule(source, args = []) {
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    [
      "--no-experimental-websocket",
      "--unhandled-rejections=strict",
      "--input-type=module",
      "--eval",
      source,
      ...args,
    ],
    { encoding: "utf8", timeout: 10_000 },
  );
  if (status !== 0) throw new Error(`ended with ${signal ?? status}: ${stderr}`);
  return JSON.parse(stdout);
}
