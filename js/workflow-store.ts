// Keeps a workflow store, such as one of Zustand, up to date with an execution's events.

import { type Unlisten, WebSocketClient } from "./client.js";
import type { EventMap } from "./events.js";

/** What is known of a node after an event. */
export interface NodeUpdate {
  /** How far it is. */
  status: "running" | "completed" | "failed";
  /** When it started. */
  startedAt?: Date;
  /** When it ended. */
  completedAt?: Date;
  /** What it produced. */
  output?: unknown;
  /** What went wrong. */
  error?: string;
}

/** A line for the log of an execution. */
export interface LogEntry {
  /** How it is to be shown. */
  level: "info" | "success" | "warning" | "error";
  /** The line, for people. */
  message: string;
  /** The node that it is about, where it is about one. */
  nodeId?: string;
}

/** The actions of a workflow store. */
export interface WorkflowActions {
  /** An execution has started: forget the one before. */
  startExecution(executionId: string): void;
  /** The execution has ended. */
  updateExecutionStatus(status: "completed" | "failed"): void;
  /** Merge this into what is known of a node. */
  updateNodeState(nodeId: string, state: NodeUpdate): void;
  /** Append a line to the log. */
  addExecutionLog(entry: LogEntry): void;
}

/** A store whose state has the actions: a Zustand store, or anything of this form. */
export interface WorkflowStore {
  /** The state of this moment. */
  getState(): WorkflowActions;
}

type Bindings = { [K in keyof EventMap]?: (actions: WorkflowActions, event: EventMap[K]) => void };

const BINDINGS: Bindings = {
  "execution:started"(actions, event) {
    actions.startExecution(event.executionId);
    log(actions, "info", `Workflow started: ${event.workflowName}`);
  },
  "execution:progress"(actions, { completed, total, percentage }) {
    log(actions, "info", `Progress: ${completed} of ${total} nodes (${Math.round(percentage)} %)`);
  },
  "node:started"(actions, { nodeId, timestamp }) {
    actions.updateNodeState(nodeId, { status: "running", startedAt: new Date(timestamp) });
  },
  "node:completed"(actions, { nodeId, output, timestamp }) {
    const completedAt = new Date(timestamp);
    actions.updateNodeState(nodeId, { status: "completed", output, completedAt });
    log(actions, "success", `Node ${nodeId} completed`, nodeId);
  },
  "node:failed"(actions, { nodeId, error, timestamp }) {
    const completedAt = new Date(timestamp);
    actions.updateNodeState(nodeId, { status: "failed", error, completedAt });
    log(actions, "error", `Node ${nodeId} failed: ${error}`, nodeId);
  },
  "node:retry"(actions, { nodeId, attempt, error }) {
    log(actions, "warning", `Node ${nodeId} is tried again (attempt ${attempt}): ${error}`, nodeId);
  },
  "user:input:required"(actions, { nodeId, prompt }) {
    log(actions, "info", `Waiting for input: ${prompt}`, nodeId);
  },
  "execution:completed"(actions, { duration }) {
    actions.updateExecutionStatus("completed");
    log(actions, "success", `Workflow completed in ${duration} ms`);
  },
  "execution:failed"(actions, { error, failedNodeId }) {
    actions.updateExecutionStatus("failed");
    log(actions, "error", `Workflow failed: ${error}`, failedNodeId);
  },
};

/**
 * Calls the actions of a workflow store (Zustand's or another with `getState`) for each event of an
 * execution, and subscribes to it.
 *
 * @returns A function that ends both.
 * @throws As `websocket.subscribeToExecution` does; nothing is bound then.
 */
export function bindWorkflowStore(store: WorkflowStore, executionId: string): Unlisten {
  const client = WebSocketClient.getInstance();
  client.subscribeToExecution(executionId);
  const bound = new AbortController();
  const { signal } = bound;
  for (const [type, act] of Object.entries(BINDINGS)) {
    client.on(type, (event) => act(store.getState(), event as never), { executionId, signal });
  }
  return () => {
    if (signal.aborted) return;
    bound.abort();
    client.unsubscribeFromExecution(executionId);
  };
}

function log(
  actions: WorkflowActions,
  level: LogEntry["level"],
  message: string,
  nodeId?: string,
): void {
  actions.addExecutionLog(nodeId === undefined ? { level, message } : { level, message, nodeId });
}
