import type { Execution } from "flowmaestro-websocket";

export type RunStatus = "running" | "waiting" | "completed" | "failed";

/** The run's status as a whole, as the lists of runs name it. */
export function runStatus({ status, pending }: Execution): RunStatus {
  if (status === "completed" || status === "failed") return status;
  return pending.length > 0 ? "waiting" : "running";
}

/** Whether nothing more comes of it. */
export function hasEnded({ status }: Execution): boolean {
  return status === "completed" || status === "failed";
}
