// How long a process has kept a processor busy. Waiting for one is not in it, so it holds on a busy
// machine too.

import { readdirSync, readFileSync } from "node:fs";

/** Nanoseconds of all threads of a process; `null` where the system does not tell (not Linux). */
export function processorNanoseconds(pid) {
  try {
    const tasks = `/proc/${pid}/task`;
    const ofThread = (thread) => readFileSync(`${tasks}/${thread}/schedstat`, "utf8").split(" ")[0];
    return readdirSync(tasks).reduce((sum, thread) => sum + Number(ofThread(thread)), 0);
  } catch {
    return null;
  }
}
