// What the main entry and the slim one have in common: all but how the bytes arrive.

import { WebSocketClient } from "./client.js";

/** The client of this page: one connection, shared by every component and every copy of this package. */
export const websocket: WebSocketClient = /* @__PURE__ */ WebSocketClient.getInstance();

/** The same object as {@link websocket}, under the name of the original client. */
export const wsClient: WebSocketClient = websocket;

export { ConnectionError, RequestError } from "../src/errors.js";
export type {
  ClientEventMap,
  ConnectionErrorEvent,
  ConnectionGap,
  ConnectionStateEvent,
  ConnectionSubscribed,
  EventHandler,
  HandlerOptions,
  Presence,
  ReplayResult,
  SubscriptionOptions,
  TokenProvider,
  UnknownEvent,
  Unlisten,
  Viewer,
} from "./client.js";
export type { ConnectionErrorCode, RequestErrorCode } from "./error-codes.js";
export type { EventIteratorOptions, OverflowPolicy } from "./event-iterator.js";
export { EventOverflowError } from "./event-iterator.js";
export type * from "./events.js";
export type * from "./execution.js";
export type {
  ClientOptions,
  ClientStats,
  CloseCause,
  ConnectionState,
  ExecutionOptions,
  JitterOption,
  LimitOptions,
  LogLevel,
  NamedJitter,
  ReconnectOptions,
  TokenPlacement,
} from "./option-types.js";
export type { WasmInitErrorCode } from "./wasm-errors.js";
export { WasmInitError } from "./wasm-errors.js";
export type { LogEntry, NodeUpdate, WorkflowActions, WorkflowStore } from "./workflow-store.js";
export { bindWorkflowStore } from "./workflow-store.js";
export { WebSocketClient };
