import { useCallback, useEffect, useMemo, useState } from "react";
import { type EventMap, type UserInputRequired, websocket } from "../index.js";
import { attempt } from "./effects.js";

/** A request for input that nobody has answered yet. */
export interface PendingUserInput {
  /** What is asked: prompt, kind of input, node. */
  request: UserInputRequired;
  /** Why the last answer was not sent, where one was tried. */
  error?: Error;
}

/** What {@link useUserInput} gives. */
export interface UserInputHook {
  /** The requests that wait for an answer, oldest first. */
  pending: readonly PendingUserInput[];
  /**
   * Answers the request of a node. It leaves `pending` at once, and comes back with an `error` if
   * the answer could not be sent. The promise may be left alone. Stays the same while the execution
   * does.
   */
  submit(nodeId: string, value: unknown): Promise<void>;
}

/** A request, and what became of an answer that was tried. */
interface Entry extends PendingUserInput {
  /** An answer is on its way: for the component it counts as answered. */
  submitting?: boolean;
}

type Change = (entries: readonly Entry[]) => readonly Entry[];

const NONE: readonly Entry[] = [];

/** Any of these means that the node, or the whole execution, waits no longer. */
const ENDINGS = [
  "user:input:response",
  "node:completed",
  "node:failed",
  "execution:completed",
  "execution:failed",
] as const satisfies (keyof EventMap)[];

/**
 * The requests for input of an execution, and the way to answer them. It subscribes to the
 * execution while the component is mounted.
 *
 * @param executionId - `null` waits for one.
 */
export function useUserInput(executionId: string | null | undefined): UserInputHook {
  const [entries, change] = useState(NONE);

  useEffect(() => {
    if (executionId === null || executionId === undefined) return;
    const end = attempt(() => follow(executionId, change));
    return () => {
      end();
      change(NONE);
    };
  }, [executionId]);

  const submit = useCallback(
    (nodeId: string, value: unknown) => answer(executionId, nodeId, value, change),
    [executionId],
  );
  const pending = useMemo(() => entries.filter(({ submitting }) => !submitting), [entries]);
  return { pending, submit };
}

function follow(executionId: string, change: (change: Change) => void): () => void {
  websocket.subscribeToExecution(executionId);
  const ended = new AbortController();
  const options = { executionId, signal: ended.signal };
  websocket.on("user:input:required", (request) => change(withRequest(request)), options);
  for (const type of ENDINGS) {
    websocket.on(type, (event) => change(without(endedNode(event))), options);
  }
  return () => {
    ended.abort();
    websocket.unsubscribeFromExecution(executionId);
  };
}

function answer(
  executionId: string | null | undefined,
  nodeId: string,
  value: unknown,
  change: (change: Change) => void,
): Promise<void> {
  change(mapNode(nodeId, (entry) => ({ request: entry.request, submitting: true })));
  // The client refuses an id that is none; TypeScript need not know.
  const sent = websocket.submitUserInput(executionId as string, nodeId, value);
  sent.catch((error: Error) => {
    // Only what is still being submitted: a newer request of the node has nothing to do with it.
    change(
      mapNode(nodeId, (entry) => (entry.submitting ? { request: entry.request, error } : entry)),
    );
  });
  return sent;
}

function withRequest(request: UserInputRequired): Change {
  // A node asks one thing at a time: its newest request replaces the one before.
  return (entries) => [...without(request.nodeId)(entries), { request }];
}

/** Without the request of a node, or without any. */
function without(nodeId: string | undefined): Change {
  return (entries) => {
    const others = entries.filter(({ request }) => nodeId && request.nodeId !== nodeId);
    return others.length === entries.length ? entries : others;
  };
}

function mapNode(nodeId: string, map: (entry: Entry) => Entry): Change {
  return (entries) =>
    entries.map((entry) => (entry.request.nodeId === nodeId ? map(entry) : entry));
}

/** The node that an event ends the wait of; `undefined` for all. */
function endedNode(event: EventMap[(typeof ENDINGS)[number]]): string | undefined {
  return "nodeId" in event ? event.nodeId : undefined;
}
