import { create } from "zustand";

interface NodeState {
  status: "pending" | "running" | "completed" | "failed";
  startedAt?: Date;
  completedAt?: Date;
  // biome-ignore lint/suspicious/noExplicitAny: as the original has it
  output?: any;
  error?: string;
}

interface ExecutionLog {
  level: "info" | "success" | "warning" | "error";
  message: string;
  nodeId?: string;
}

interface CurrentExecution {
  executionId: string;
  status: "running" | "completed" | "failed";
  nodes: Record<string, NodeState>;
  logs: ExecutionLog[];
}

interface WorkflowState {
  currentExecution: CurrentExecution | null;
  startExecution: (executionId: string) => void;
  updateExecutionStatus: (status: CurrentExecution["status"]) => void;
  updateNodeState: (nodeId: string, state: Partial<NodeState>) => void;
  addExecutionLog: (log: ExecutionLog) => void;
}

export const useWorkflowStore = create<WorkflowState>((set) => {
  const change = (update: (execution: CurrentExecution) => Partial<CurrentExecution>) =>
    set(({ currentExecution: execution }) => ({
      currentExecution: execution && { ...execution, ...update(execution) },
    }));
  return {
    currentExecution: null,
    startExecution: (executionId) =>
      set({ currentExecution: { executionId, status: "running", nodes: {}, logs: [] } }),
    updateExecutionStatus: (status) => change(() => ({ status })),
    updateNodeState: (nodeId, state) =>
      change(({ nodes }) => ({
        nodes: { ...nodes, [nodeId]: { ...(nodes[nodeId] ?? { status: "pending" }), ...state } },
      })),
    addExecutionLog: (log) => change(({ logs }) => ({ logs: [...logs, log] })),
  };
});
