import { dequal } from "dequal/lite";
import type {
  ExecutionCompleted,
  ExecutionFailed,
  ExecutionProgress,
  ExecutionStarted,
  NodeCompleted,
  NodeFailed,
  NodeRetry,
  NodeStarted,
  NodeStream,
  UserInputRequired,
  UserInputResponse,
} from "flowmaestro-websocket";

/** An event that belongs to one run. */
export type RunEvent =
  | ExecutionStarted
  | ExecutionProgress
  | ExecutionCompleted
  | ExecutionFailed
  | NodeStarted
  | NodeCompleted
  | NodeFailed
  | NodeRetry
  | NodeStream
  | UserInputRequired
  | UserInputResponse;

/** All but text and progress. */
export type LoggedEvent = Exclude<RunEvent, NodeStream | ExecutionProgress>;

export type NodeStatus = "pending" | "running" | "retrying" | "waiting" | "completed" | "failed";

export interface NodeRun {
  readonly status: NodeStatus;
  /** When the event that decided `status` was emitted, in Unix milliseconds. */
  readonly changedAt: number;
  readonly name?: string;
  /** When the latest start was emitted, in Unix milliseconds. */
  readonly startedAt?: number;
  /** In milliseconds, once completed. */
  readonly duration?: number;
  /** The attempt the latest retry announced; 1 until there was one. */
  readonly attempt: number;
  /** When the announced attempt begins, in Unix milliseconds, while `retrying`. */
  readonly retryAt?: number;
  readonly error?: string;
  readonly output?: unknown;
  /** What the node has streamed since its latest start. */
  readonly text: string;
  /** What the node asks, while `waiting`. */
  readonly request?: UserInputRequired;
}

export interface Progress {
  readonly completed: number;
  readonly total: number;
  readonly percentage: number;
  readonly timestamp: number;
}

export interface RunState {
  readonly started?: ExecutionStarted;
  readonly progress?: Progress;
  readonly ended?: ExecutionCompleted | ExecutionFailed;
  readonly nodes: ReadonlyMap<string, NodeRun>;
  /** In order of time, each once. */
  readonly log: readonly LoggedEvent[];
}

export type RunStatus = "running" | "waiting" | "completed" | "failed";

export const emptyRun: RunState = { nodes: new Map(), log: [] };

const emptyNode: NodeRun = { status: "pending", changedAt: 0, attempt: 1, text: "" };

/**
 * The state after one more event. Late and repeated events do no harm, with one exception: chunks
 * of text carry nothing that tells a repetition from the same word said twice, so whoever calls
 * this hands each chunk over once and in order (`feed.ts` does).
 */
export function reduce(state: RunState, event: RunEvent): RunState {
  if (event.type === "node:stream") {
    return changed(state, event.nodeId, (node) => streamed(node, event));
  }
  if (event.type === "execution:progress") return progressed(state, event);
  if (event.type === "user:input:response" && !isWaiting(state, event.nodeId)) return state;
  const next = logged(state, event);
  return next === state ? state : applied(next, event);
}

function applied(state: RunState, event: LoggedEvent): RunState {
  switch (event.type) {
    case "execution:started":
      return { ...state, started: state.started ?? event };
    case "execution:completed":
    case "execution:failed":
      return { ...state, ended: state.ended ?? event };
    case "node:started":
      return changed(state, event.nodeId, (node) => started(node, event));
    case "node:completed": {
      const { duration, output } = event;
      return settled(state, event, { status: "completed", duration, output });
    }
    case "node:failed":
      return settled(state, event, { status: "failed", error: event.error });
    case "node:retry": {
      const { attempt, error } = event;
      const retryAt = event.timestamp + event.nextRetryIn;
      return settled(state, event, { status: "retrying", attempt, retryAt, error });
    }
    case "user:input:required":
      return settled(state, event, { status: "waiting", request: event });
    case "user:input:response":
      // It keeps `changedAt`: an answer bears this browser's clock, not the server's.
      return changed(state, event.nodeId, (node) => ({
        ...node,
        status: "running",
        request: undefined,
      }));
    default:
      return state; // A type this page does not know yet.
  }
}

/** The run's status as a whole. */
export function runStatus(state: RunState): RunStatus {
  if (state.ended) return state.ended.status;
  return pendingRequests(state).length > 0 ? "waiting" : "running";
}

/** What the run asks its user right now. */
export function pendingRequests(state: RunState): UserInputRequired[] {
  if (state.ended) return [];
  return [...state.nodes.values()].flatMap((node) =>
    node.status === "waiting" && node.request ? [node.request] : [],
  );
}

function isWaiting(state: RunState, nodeId: string): boolean {
  return state.nodes.get(nodeId)?.status === "waiting";
}

function progressed(state: RunState, event: ExecutionProgress): RunState {
  if (state.progress && state.progress.timestamp > event.timestamp) return state;
  const { completed, total, percentage, timestamp } = event;
  return { ...state, progress: { completed, total, percentage, timestamp } };
}

function changed(state: RunState, nodeId: string, change: (node: NodeRun) => NodeRun): RunState {
  const before = state.nodes.get(nodeId) ?? emptyNode;
  const after = change(before);
  return after === before ? state : { ...state, nodes: new Map(state.nodes).set(nodeId, after) };
}

function started(node: NodeRun, event: NodeStarted): NodeRun {
  const named = { ...node, name: event.nodeName };
  if (node.startedAt !== undefined && event.timestamp < node.startedAt) return node;
  if (isLate(node, "running", event.timestamp)) return { ...named, startedAt: event.timestamp };
  // A node that starts once more (a retry, or a backend that came back) streams from its beginning.
  return {
    ...emptyNode,
    name: event.nodeName,
    status: "running",
    changedAt: event.timestamp,
    startedAt: event.timestamp,
    attempt: node.status === "retrying" ? node.attempt : 1,
  };
}

function streamed(node: NodeRun, event: NodeStream): NodeRun {
  if (node.startedAt !== undefined && event.timestamp < node.startedAt) return node;
  const text = node.text + event.chunk;
  if (isLate(node, "running", event.timestamp)) return { ...node, text };
  return { ...node, text, status: "running", changedAt: event.timestamp };
}

/** Applies `outcome` to the event's node, unless something newer already decided its state. */
function settled(
  state: RunState,
  { nodeId, timestamp }: { readonly nodeId: string; readonly timestamp: number },
  outcome: Partial<NodeRun> & { readonly status: NodeStatus },
): RunState {
  return changed(state, nodeId, (node) =>
    isLate(node, outcome.status, timestamp)
      ? node
      : {
          ...node,
          error: undefined,
          request: undefined,
          retryAt: undefined,
          ...outcome,
          changedAt: timestamp,
        },
  );
}

const rank: Record<NodeStatus, number> = {
  pending: 0,
  running: 1,
  retrying: 2,
  waiting: 2,
  completed: 3,
  failed: 3,
};

/** Whether `status` is older than what the node has. Within one millisecond the rank decides. */
function isLate(node: NodeRun, status: NodeStatus, timestamp: number): boolean {
  if (timestamp !== node.changedAt) return timestamp < node.changedAt;
  return rank[status] < rank[node.status];
}

/** Adds to the log, in its place; the same state for an event that is there already. */
function logged(state: RunState, event: LoggedEvent): RunState {
  const after = state.log.findLastIndex((entry) => entry.timestamp <= event.timestamp) + 1;
  for (let i = after - 1; state.log[i]?.timestamp === event.timestamp; i -= 1) {
    if (dequal(state.log[i], event)) return state;
  }
  return { ...state, log: state.log.toSpliced(after, 0, event) };
}
