import { useEffect } from "react";
import {
  type ClientEventMap,
  type DocumentCompleted,
  type DocumentFailed,
  type DocumentProcessing,
  type EventHandler,
  type EventMap,
  type ExecutionCompleted,
  type ExecutionFailed,
  type ExecutionProgress,
  type ExecutionStarted,
  type NodeCompleted,
  type NodeFailed,
  type NodeRetry,
  type NodeStarted,
  type NodeStream,
  type UnknownEvent,
  type UserInputRequired,
  websocket,
} from "../index.js";
import { attempt, useLatest } from "./effects.js";

/** Options of {@link useEvent}. */
export interface EventHookOptions {
  /** Only events of this execution. It filters; subscribing is another matter. */
  executionId?: string;
  /** `false` listens to nothing. Default: `true`. */
  enabled?: boolean;
}

/** What {@link useExecutionEvents} calls. Each may be left out, and may change at every render. */
export interface ExecutionEventHandlers {
  /** The execution has started. */
  onStart?(event: ExecutionStarted): void;
  /** It has come further. */
  onProgress?(event: ExecutionProgress): void;
  /** A node has started to run. */
  onNodeStart?(event: NodeStarted): void;
  /** A node has ended well. */
  onNodeComplete?(event: NodeCompleted): void;
  /** A node has failed. */
  onNodeFail?(event: NodeFailed): void;
  /** A node has failed and will be tried again. */
  onNodeRetry?(event: NodeRetry): void;
  /** A piece of a node's output. */
  onNodeStream?(event: NodeStream): void;
  /** The execution waits for a person; see also {@link useUserInput}. */
  onUserInputRequired?(event: UserInputRequired): void;
  /** It has ended well. */
  onComplete?(event: ExecutionCompleted): void;
  /** It has failed. */
  onFail?(event: ExecutionFailed): void;
}

/** What {@link useDocumentEvents} calls. Each may be left out, and may change at every render. */
export interface DocumentEventHandlers {
  /** A document is being processed. */
  onProcessing?(event: DocumentProcessing): void;
  /** A document has been processed. */
  onCompleted?(event: DocumentCompleted): void;
  /** A document could not be processed. */
  onFailed?(event: DocumentFailed): void;
}

const EXECUTION_EVENTS = {
  "execution:started": "onStart",
  "execution:progress": "onProgress",
  "execution:completed": "onComplete",
  "execution:failed": "onFail",
  "node:started": "onNodeStart",
  "node:completed": "onNodeComplete",
  "node:failed": "onNodeFail",
  "node:retry": "onNodeRetry",
  "node:stream": "onNodeStream",
  "user:input:required": "onUserInputRequired",
} as const satisfies Partial<Record<keyof EventMap, keyof ExecutionEventHandlers>>;

const DOCUMENT_EVENTS = {
  "kb:document:processing": "onProcessing",
  "kb:document:completed": "onCompleted",
  "kb:document:failed": "onFailed",
} as const satisfies Partial<Record<keyof EventMap, keyof DocumentEventHandlers>>;

/**
 * Calls a handler for each event of a type while the component is mounted.
 *
 * @param type - As for `websocket.on`.
 */
export function useEvent<K extends keyof ClientEventMap>(
  type: K,
  handler: EventHandler<ClientEventMap[K]>,
  options?: EventHookOptions,
): void;
export function useEvent(
  type: string,
  handler: EventHandler<UnknownEvent>,
  options?: EventHookOptions,
): void;
export function useEvent(
  type: string,
  handler: EventHandler<UnknownEvent>,
  { executionId, enabled = true }: EventHookOptions = {},
): void {
  const latest = useLatest(handler);
  useEffect(() => {
    if (!enabled) return;
    return attempt(() => websocket.on(type, (event) => latest.current(event), { executionId }));
  }, [type, executionId, enabled, latest]);
}

/**
 * Subscribes to an execution while the component is mounted, and calls the handlers for its events
 * and no other's. Components on one execution share its subscription; handlers may be written
 * inline, which costs nothing on the wire.
 *
 * @param executionId - `null` waits for one.
 */
export function useExecutionEvents(
  executionId: string | null | undefined,
  handlers: ExecutionEventHandlers,
): void {
  const latest = useLatest(handlers);
  useEffect(() => {
    if (executionId === null || executionId === undefined) return;
    return attempt(() => {
      websocket.subscribeToExecution(executionId);
      // One registration for all ten: which of them are wanted may change at every render.
      const unlisten = websocket.on("*", (event) => call(latest.current, EXECUTION_EVENTS, event), {
        executionId,
      });
      return () => {
        unlisten();
        websocket.unsubscribeFromExecution(executionId);
      };
    });
  }, [executionId, latest]);
}

/**
 * Calls the handlers for the documents of a knowledge base while the component is mounted.
 *
 * @param knowledgeBaseId - `null` waits for one.
 */
export function useDocumentEvents(
  knowledgeBaseId: string | null | undefined,
  handlers: DocumentEventHandlers,
): void {
  const latest = useLatest(handlers);
  useEffect(() => {
    if (knowledgeBaseId === null || knowledgeBaseId === undefined) return;
    const take = (event: DocumentProcessing | DocumentCompleted | DocumentFailed) => {
      if (event.knowledgeBaseId === knowledgeBaseId) call(latest.current, DOCUMENT_EVENTS, event);
    };
    return attempt(() => {
      const types = Object.keys(DOCUMENT_EVENTS) as (keyof typeof DOCUMENT_EVENTS)[];
      const unlisten = types.map((type) => websocket.on(type, take));
      return () => {
        for (const end of unlisten) end();
      };
    });
  }, [knowledgeBaseId, latest]);
}

/** Calls the one of `handlers` that `names` has for the event's type, if there is one. */
function call<H extends object>(
  handlers: H,
  names: Partial<Record<string, keyof H>>,
  event: { type: string },
): void {
  const name = Object.hasOwn(names, event.type) ? names[event.type] : undefined;
  if (name === undefined) return;
  // As a method, so that a handlers object that is a class's instance works as well.
  (handlers as Record<keyof H, ((event: object) => void) | undefined>)[name]?.(event);
}
