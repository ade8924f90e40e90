import { useMemo } from "react";
import {
  type Execution,
  type ExecutionLogEntry,
  type KnowledgeBase,
  type NodeState,
  websocket,
} from "../index.js";
import { type Equality, everything, useView } from "./view.js";

/**
 * An execution as it is known to be. It is watched, and with that subscribed to, while a component
 * that uses it is mounted; all such components share one subscription and one state.
 *
 * The component renders again when anything has changed, at most once per animation frame; at once
 * when the execution has ended or asks something. With `select` it does so only when what that gives
 * has changed.
 *
 * ```ts
 * const percentage = useExecution(executionId, (run) => run.progress.percentage);
 * ```
 *
 * @param executionId - `null` waits for one.
 * @param select - What the component needs of it. It may be written inline.
 * @param isEqual - Whether two values of `select` count as the same. Default: `Object.is`.
 */
export function useExecution(executionId: string | null | undefined): Execution;
export function useExecution<T>(
  executionId: string | null | undefined,
  select: (execution: Execution) => T,
  isEqual?: Equality<T>,
): T;
export function useExecution(
  executionId: string | null | undefined,
  select: (execution: Execution) => unknown = everything,
  isEqual: Equality<unknown> = Object.is,
): unknown {
  const view = useMemo(() => websocket.execution(executionId ?? ""), [executionId]);
  return useView(view, isGiven(executionId), select, isEqual);
}

/**
 * One node of an execution, which is watched as with {@link useExecution}. The component renders
 * again only when this node has changed.
 *
 * @param executionId - `null` waits for one.
 * @returns `undefined` while nothing is known of the node.
 */
export function useNode(
  executionId: string | null | undefined,
  nodeId: string,
): NodeState | undefined {
  return useExecution(executionId, ({ nodes }) => nodes[nodeId]);
}

/**
 * What a node has streamed in its present attempt, likewise.
 *
 * @param executionId - `null` waits for one.
 * @returns The latest part of it: 262,144 characters, unless `configure({ execution })` says
 * otherwise. Empty while there is none.
 */
export function useNodeStream(executionId: string | null | undefined, nodeId: string): string {
  return useExecution(executionId, ({ nodes }) => nodes[nodeId]?.text ?? "");
}

/**
 * What has happened in an execution, likewise: the latest 1,000 entries in order of time, unless
 * `configure({ execution })` says otherwise.
 *
 * @param executionId - `null` waits for one.
 */
export function useExecutionLog(
  executionId: string | null | undefined,
): readonly ExecutionLogEntry[] {
  return useExecution(executionId, ({ log }) => log);
}

/**
 * The documents of a knowledge base of which the server has told since the first component that uses
 * it was mounted. `select` and `isEqual` are those of {@link useExecution}.
 *
 * @param knowledgeBaseId - `null` waits for one.
 */
export function useDocuments(knowledgeBaseId: string | null | undefined): KnowledgeBase;
export function useDocuments<T>(
  knowledgeBaseId: string | null | undefined,
  select: (knowledgeBase: KnowledgeBase) => T,
  isEqual?: Equality<T>,
): T;
export function useDocuments(
  knowledgeBaseId: string | null | undefined,
  select: (knowledgeBase: KnowledgeBase) => unknown = everything,
  isEqual: Equality<unknown> = Object.is,
): unknown {
  const view = useMemo(() => websocket.documents(knowledgeBaseId ?? ""), [knowledgeBaseId]);
  return useView(view, isGiven(knowledgeBaseId), select, isEqual);
}

function isGiven(id: string | null | undefined): boolean {
  return id !== null && id !== undefined;
}
