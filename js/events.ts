// Generated from crates/protocol/src/event.rs by `npm run types`. Do not edit.

/** The server's welcome: the connection is authenticated and registered. Sent once, first. */
export interface ConnectionEstablished {
  type: "connected";
  /** The server's id of this connection, a UUID v4. New at every reconnect. */
  connectionId: string;
  /** A sentence for people. */
  message: string;
}

/** A workflow execution has started. */
export interface ExecutionStarted {
  type: "execution:started";
  /** When it was emitted, in ms since the Unix epoch. */
  timestamp: number;
  /** The execution. */
  executionId: string;
  /** The workflow's name, for people. */
  workflowName: string;
  /** How many nodes will run. */
  totalNodes: number;
}

/** An execution has come further. */
export interface ExecutionProgress {
  type: "execution:progress";
  /** When it was emitted, in ms since the Unix epoch. */
  timestamp: number;
  /** The execution. */
  executionId: string;
  /** How many nodes are done. */
  completed: number;
  /** How many nodes there are. */
  total: number;
  /** The part that is done, in percent: 0 to 100, with a fraction. */
  percentage: number;
}

/** An execution has ended well. Nothing follows it. */
export interface ExecutionCompleted<TOutputs extends Record<string, unknown> = Record<string, unknown>> {
  type: "execution:completed";
  /** When it was emitted, in ms since the Unix epoch. */
  timestamp: number;
  /** The execution. */
  executionId: string;
  /** Always `"completed"`. */
  status: "completed";
  /** What the workflow produced, by name. */
  outputs: TOutputs;
  /** How long it ran, in ms. */
  duration: number;
}

/** An execution has failed. Nothing follows it. */
export interface ExecutionFailed {
  type: "execution:failed";
  /** When it was emitted, in ms since the Unix epoch. */
  timestamp: number;
  /** The execution. */
  executionId: string;
  /** Always `"failed"`. */
  status: "failed";
  /** What went wrong, for people. */
  error: string;
  /** The node that failed, where it was one. */
  failedNodeId?: string;
}

/** A node has started to run. */
export interface NodeStarted {
  type: "node:started";
  /** When it was emitted, in ms since the Unix epoch. */
  timestamp: number;
  /** The execution. */
  executionId: string;
  /** The node. */
  nodeId: string;
  /** The node's name, for people. */
  nodeName: string;
  /** The kind of node, such as `email` or `llm`. */
  nodeType: string;
}

/** A node has ended well. */
export interface NodeCompleted<TOutput = unknown> {
  type: "node:completed";
  /** When it was emitted, in ms since the Unix epoch. */
  timestamp: number;
  /** The execution. */
  executionId: string;
  /** The node. */
  nodeId: string;
  /** What the node produced. */
  output: TOutput;
  /** How long it ran, in ms. */
  duration: number;
  /** What else the node tells about its run. */
  metadata?: unknown;
}

/** A node has failed. */
export interface NodeFailed {
  type: "node:failed";
  /** When it was emitted, in ms since the Unix epoch. */
  timestamp: number;
  /** The execution. */
  executionId: string;
  /** The node. */
  nodeId: string;
  /** What went wrong, for people. */
  error: string;
}

/** A node has failed and will be tried again. */
export interface NodeRetry {
  type: "node:retry";
  /** When it was emitted, in ms since the Unix epoch. */
  timestamp: number;
  /** The execution. */
  executionId: string;
  /** The node. */
  nodeId: string;
  /** Which attempt comes next; the first retry is attempt 2. */
  attempt: number;
  /** How long until that attempt, in ms. */
  nextRetryIn: number;
  /** Why the last attempt failed, for people. */
  error: string;
}

/** A piece of a node's output while it is being made, such as the tokens of a language model. */
export interface NodeStream {
  type: "node:stream";
  /** When it was emitted, in ms since the Unix epoch. */
  timestamp: number;
  /** The execution. */
  executionId: string;
  /** The node. */
  nodeId: string;
  /** The text to append to what came before. */
  chunk: string;
}

/** The execution waits for a person. Answer with `user:input:response`. */
export interface UserInputRequired {
  type: "user:input:required";
  /** When it was emitted, in ms since the Unix epoch. */
  timestamp: number;
  /** The execution. */
  executionId: string;
  /** The node that waits. */
  nodeId: string;
  /** What the person is asked. */
  prompt: string;
  /** The kind of input, such as `approval` or `text`. */
  inputType: string;
  /** What makes an answer valid, such as the options to choose from. */
  validation?: unknown;
}

/**
 * A person's answer to `user:input:required`: the one event that the client sends. Local
 * handlers see it once it was handed to the connection.
 */
export interface UserInputResponse<TValue = unknown> {
  type: "user:input:response";
  /** When it was given, in ms since the Unix epoch. */
  timestamp: number;
  /** The execution. */
  executionId: string;
  /** The node that waits. */
  nodeId: string;
  /** The answer. */
  value: TValue;
}

/** A document of a knowledge base is being processed. */
export interface DocumentProcessing {
  type: "kb:document:processing";
  /** When it was emitted, in ms since the Unix epoch. */
  timestamp: number;
  /** The knowledge base. */
  knowledgeBaseId: string;
  /** The document. */
  documentId: string;
  /** The document's name, for people. */
  documentName: string;
}

/** A document has been processed. */
export interface DocumentCompleted {
  type: "kb:document:completed";
  /** When it was emitted, in ms since the Unix epoch. */
  timestamp: number;
  /** The knowledge base. */
  knowledgeBaseId: string;
  /** The document. */
  documentId: string;
  /** Into how many pieces the document was split. */
  chunkCount: number;
}

/** A document could not be processed. */
export interface DocumentFailed {
  type: "kb:document:failed";
  /** When it was emitted, in ms since the Unix epoch. */
  timestamp: number;
  /** The knowledge base. */
  knowledgeBaseId: string;
  /** The document. */
  documentId: string;
  /** What went wrong, for people. */
  error: string;
}

/** Each event's type by the name that handlers are registered under. */
export interface EventMap {
  "connection:established": ConnectionEstablished;
  "execution:started": ExecutionStarted;
  "execution:progress": ExecutionProgress;
  "execution:completed": ExecutionCompleted;
  "execution:failed": ExecutionFailed;
  "node:started": NodeStarted;
  "node:completed": NodeCompleted;
  "node:failed": NodeFailed;
  "node:retry": NodeRetry;
  "node:stream": NodeStream;
  "user:input:required": UserInputRequired;
  "user:input:response": UserInputResponse;
  "kb:document:processing": DocumentProcessing;
  "kb:document:completed": DocumentCompleted;
  "kb:document:failed": DocumentFailed;
}

/** The name of an event, as handlers are registered for it. */
export type WebSocketEventType = keyof EventMap;

/** Any of the fifteen events, told apart by its `type`. */
export type WebSocketEvent = EventMap[WebSocketEventType];
