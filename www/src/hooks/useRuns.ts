import { type EventMap, websocket } from "flowmaestro-websocket";
import { useCallback, useEffect } from "react";
import type { RunSummary } from "../api";
import type { RunStatus } from "../run";
import { useSession } from "../session";
import { type Live, useLive } from "./useLive";

const types = [
  "execution:completed",
  "execution:failed",
  "user:input:required",
  "node:started",
  "node:completed",
] as const;

/** The server limits the subscriptions of a connection; older unfinished runs stay as loaded. */
const followed = 20;

/** The user's runs, newest first; the status of unfinished ones is followed live. */
export function useRuns(): Live<RunSummary[]> {
  const { api } = useSession();
  const load = useCallback((signal: AbortSignal) => api.runs(signal), [api]);
  const runs = useLive(load, types, applyEvent);
  const unfinished = (runs.value ?? [])
    .filter(({ status }) => status === "running" || status === "waiting")
    .slice(0, followed);
  useFollowed(unfinished.map((run) => run.executionId).join("\n"), runs.reload);
  return runs;
}

/** Subscribes to the runs whose ids are given, one a line. */
function useFollowed(executionIds: string, reload: () => void): void {
  useEffect(() => {
    const ids = executionIds.split("\n").filter(Boolean);
    const ended = new AbortController();
    const { signal } = ended;
    for (const executionId of ids) {
      // What happened between the load and the subscription is only in a newer answer.
      websocket.on("connection:subscribed", reload, { executionId, signal });
      websocket.subscribeToExecution(executionId);
    }
    return () => {
      ended.abort();
      for (const id of ids) websocket.unsubscribeFromExecution(id);
    };
  }, [executionIds, reload]);
}

function applyEvent(runs: RunSummary[], event: EventMap[(typeof types)[number]]): RunSummary[] {
  const status = statusAfter(event.type);
  return runs.map((run) =>
    run.executionId === event.executionId && !isFinal(run.status) ? { ...run, status } : run,
  );
}

function isFinal(status: RunStatus): boolean {
  return status === "completed" || status === "failed";
}

function statusAfter(type: (typeof types)[number]): RunStatus {
  switch (type) {
    case "execution:completed":
      return "completed";
    case "execution:failed":
      return "failed";
    case "user:input:required":
      return "waiting";
    default:
      return "running";
  }
}
