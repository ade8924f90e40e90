// What an execution and a knowledge base look like, as frozen objects. src/store.js makes them.

import type {
  DocumentCompleted,
  DocumentFailed,
  DocumentProcessing,
  EventMap,
  NodeStream,
  UserInputRequired,
  WebSocketEvent,
} from "./events.js";

/** How far an execution is; its end is final. While it waits for a person it is `running`. */
export type ExecutionStatus = "pending" | "running" | "completed" | "failed";

/**
 * How far a node is.
 *
 * - `pending`: nothing is known of it.
 * - `running`, `retrying` (the next attempt is announced), `waiting` (for a person).
 * - `completed`, `failed`.
 * - `stopped`: the execution has ended before it did.
 */
export type NodeStatus =
  | "pending"
  | "running"
  | "retrying"
  | "waiting"
  | "completed"
  | "failed"
  | "stopped";

/** An event that belongs to an execution. */
export type ExecutionEvent = Exclude<
  WebSocketEvent,
  EventMap["connection:established"] | DocumentProcessing | DocumentCompleted | DocumentFailed
>;

/** An event that an execution's log has: any of its own but streamed text. */
export type LoggedEvent = Exclude<ExecutionEvent, NodeStream>;

/** An execution as it is known to be. A frozen object: another one once anything has changed. */
export interface Execution {
  /** How far it is. `pending` while nothing is known of it. */
  readonly status: ExecutionStatus;
  /**
   * Whether nothing is known to be missing. `false` when the server has told only of what happened
   * since it was asked, or when events were lost.
   */
  readonly isComplete: boolean;
  /** The workflow's name. */
  readonly workflowName: string | undefined;
  /** How many nodes are done, of how many, and what part that is in percent: 0 to 100. */
  readonly progress: ExecutionProgressState;
  /** When it started, in ms since the Unix epoch. */
  readonly startedAt: number | undefined;
  /** When it ended, in ms since the Unix epoch. */
  readonly endedAt: number | undefined;
  /** How long it ran, in ms, once it has ended. */
  readonly duration: number | undefined;
  /** What it has produced, by name, once it is completed. */
  readonly outputs: Readonly<Record<string, unknown>> | undefined;
  /** What went wrong, where it has failed. */
  readonly error: string | undefined;
  /** The node that failed, where it was one. */
  readonly failedNodeId: string | undefined;
  /** Its nodes by `nodeId`, each another object once it has changed. Without a prototype. */
  readonly nodes: Readonly<Record<string, NodeState>>;
  /** What it asks of a person right now, in the order in which it was asked. */
  readonly pending: readonly UserInputRequired[];
  /** What has happened, in order of time: the latest of it. */
  readonly log: readonly ExecutionLogEntry[];
  /** How much was left out for the sake of memory; `configure({ execution })` says when. */
  readonly truncated: ExecutionTruncated;
}

/** How much of an execution is done. */
export interface ExecutionProgressState {
  /** How many nodes are done. */
  readonly completed: number;
  /** How many nodes there are; 0 while that is not known. */
  readonly total: number;
  /** The part that is done, in percent: 0 to 100. */
  readonly percentage: number;
}

/** How much of an execution was left out. What was cut of a node's text is its `textDropped`. */
export interface ExecutionTruncated {
  /** Events of nodes beyond the 1,000th. */
  readonly nodes: number;
  /** Entries of the log, the oldest. */
  readonly log: number;
  /** Events whose content was too large. */
  readonly payloads: number;
}

/** A node as it is known to be. A frozen object: another one once it has changed. */
export interface NodeState {
  /** The node. */
  readonly nodeId: string;
  /** How far it is. */
  readonly status: NodeStatus;
  /** Its name, once it has started. */
  readonly name: string | undefined;
  /** Its kind, such as `llm`, once it has started. */
  readonly type: string | undefined;
  /** Which attempt it is at, or ended with: from 1; 0 while nothing is known. */
  readonly attempt: number;
  /** When it started last, in ms since the Unix epoch. */
  readonly startedAt: number | undefined;
  /** When it ended, in ms since the Unix epoch. */
  readonly endedAt: number | undefined;
  /** How long it ran, in ms, once it has ended. */
  readonly duration: number | undefined;
  /** When the next attempt begins, in ms since the Unix epoch, while it is `retrying`. */
  readonly retryAt: number | undefined;
  /** What it has produced, once it is completed. */
  readonly output: unknown;
  /** What else it tells about its run, once it is completed. */
  readonly metadata: unknown;
  /** What went wrong, while it is `retrying` or has failed. */
  readonly error: string | undefined;
  /** What it asks of a person, while it is `waiting`. */
  readonly question: UserInputRequired | undefined;
  /** What it has streamed in its present attempt: the latest of it. */
  readonly text: string;
  /** How much was cut off the beginning of `text`, in UTF-16 code units. */
  readonly textDropped: number;
}

/** An entry of an execution's log. */
export interface ExecutionLogEntry {
  /** What has happened. */
  readonly type: LoggedEvent["type"];
  /** When, in ms since the Unix epoch. */
  readonly timestamp: number;
  /** The node, where it is about one. */
  readonly nodeId: string | undefined;
  /** The event itself, unless it was too large to be kept. */
  readonly event: LoggedEvent | undefined;
}

/** The documents of a knowledge base. A frozen object: another one once anything has changed. */
export interface KnowledgeBase {
  /**
   * Whether nothing was missed since the first subscriber came. The server tells of documents only
   * when something happens to them, and does not repeat it after a reconnect.
   */
  readonly isComplete: boolean;
  /** Its documents by `documentId`, each another object once it has changed. Without a prototype. */
  readonly documents: Readonly<Record<string, DocumentState>>;
  /** How much was left out for the sake of memory. */
  readonly truncated: KnowledgeBaseTruncated;
}

/** How much of a knowledge base was left out. */
export interface KnowledgeBaseTruncated {
  /** Events of documents beyond the 1,000th. */
  readonly documents: number;
  /** Events whose content was too large. */
  readonly payloads: number;
}

/** A document as it is known to be. A frozen object: another one once it has changed. */
export interface DocumentState {
  /** The document. */
  readonly documentId: string;
  /** How far it is. */
  readonly status: "pending" | "processing" | "completed" | "failed";
  /** Its name, once its processing has started. */
  readonly name: string | undefined;
  /** When its processing started last, in ms since the Unix epoch. */
  readonly startedAt: number | undefined;
  /** When its processing ended, in ms since the Unix epoch. */
  readonly endedAt: number | undefined;
  /** Into how many pieces it was split, once it is completed. */
  readonly chunkCount: number | undefined;
  /** What went wrong, where it has failed. */
  readonly error: string | undefined;
}

/**
 * Something that can be watched, as React's `useSyncExternalStore` and other stores want it. The
 * functions need no `this`.
 */
export interface View<S> {
  /** How it is: the same frozen object until something changes. Nothing is known unwatched. */
  readonly getSnapshot: () => S;
  /** How it is where nothing is known, for the first render on a server and in the browser. */
  readonly getServerSnapshot: () => S;
  /**
   * Calls back whenever `getSnapshot` has another answer, at most once per animation frame; at once
   * when an execution has ended or asks something. It is watched while anybody subscribes, and for
   * another `unsubscribeDelayMs`.
   *
   * @returns A function that ends that.
   * @throws TypeError when the id is not one; RequestError (`too_many_subscriptions`) over the
   * limit; WasmInitError.
   */
  readonly subscribe: (callback: () => void) => () => void;
}
