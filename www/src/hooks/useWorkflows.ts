import { useCallback } from "react";
import type { Workflow } from "../api";
import { useSession } from "../session";
import { type Live, useLive } from "./useLive";

const none: readonly never[] = [];

export function useWorkflows(): Live<Workflow[]> {
  const { api } = useSession();
  const load = useCallback((signal: AbortSignal) => api.workflows(signal), [api]);
  return useLive(load, none, unchanged);
}

function unchanged(workflows: Workflow[]): Workflow[] {
  return workflows;
}
