/**
 * Hooks for React 18 and 19. Each works under StrictMode and concurrent rendering, renders on a
 * server as "not connected", and always calls the handlers of the latest render.
 *
 * @module flowmaestro-websocket/react
 */

export type { ConnectionHook, ConnectionHookOptions } from "./react/connection.js";
export { useConnectionState, useWebSocket } from "./react/connection.js";
export type {
  DocumentEventHandlers,
  EventHookOptions,
  ExecutionEventHandlers,
} from "./react/events.js";
export { useDocumentEvents, useEvent, useExecutionEvents } from "./react/events.js";
export {
  useDocuments,
  useExecution,
  useExecutionLog,
  useNode,
  useNodeStream,
} from "./react/execution.js";
export type { PendingUserInput, UserInputHook } from "./react/user-input.js";
export { useUserInput } from "./react/user-input.js";
export type { Equality } from "./react/view.js";
