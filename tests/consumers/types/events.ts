// What handlers get: names that are completed, fields that are checked.

import {
  type ClientEventMap,
  type EventMap,
  type ExecutionCompleted,
  type NodeCompleted,
  type NodeFailed,
  type UnknownEvent,
  WebSocketClient,
  type WebSocketEvent,
  type WebSocketEventType,
  websocket,
  wsClient,
} from "flowmaestro-websocket";

type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const holds = <_ extends true>(): void => {};

// The event is inferred from the name.
websocket.on("node:completed", (event) => {
  holds<Equal<typeof event, NodeCompleted>>();
  const duration: number = event.duration;
  return duration;
});
websocket.once("execution:failed", ({ error, failedNodeId }) => {
  holds<Equal<typeof error, string>>();
  holds<Equal<typeof failedNodeId, string | undefined>>();
});
websocket.on("connection:state", ({ state }) => {
  if (state.status === "waiting") return new Date(state.retryAt + state.attempt);
  if (state.status === "failed") return state.error.code;
  // @ts-expect-error: only a waiting connection is tried again
  return state.retryAt;
});

// What is misspelt fails.
// @ts-expect-error
websocket.on("node:completed", (event) => event.duratoin);
// @ts-expect-error
websocket.on("node:stream", ({ chunks }) => chunks);
// @ts-expect-error: another event's handler
websocket.on("node:completed", (event: NodeFailed) => event.error);
// @ts-expect-error: no handler
websocket.on("node:completed", "handler");
// @ts-expect-error: no such option
websocket.on("node:completed", () => {}, { executionID: "exec_1" });
// @ts-expect-error: no such option
websocket.configure({ reconect: {} });
// @ts-expect-error: there is one client
new WebSocketClient();

// Handlers of whatever type.
// biome-ignore lint/suspicious/noExplicitAny: users write it
const any = (event: any): void => void event.whatever.it.has;
const unknown = (event: unknown): void => void event;
const every = (event: WebSocketEvent): string => event.type;
const none = (): void => {};
const types: WebSocketEventType[] = ["node:completed", "execution:started"];
for (const handler of [any, unknown, every, none]) {
  websocket.on("node:completed", handler);
  websocket.on("*", handler);
  websocket.off("node:completed", handler);
  for (const type of types) {
    websocket.on(type, handler);
    wsClient.off(type, handler);
  }
}

// Any other name.
websocket.on("billing:updated", (event) => {
  holds<Equal<typeof event, UnknownEvent>>();
  holds<Equal<typeof event.amount, unknown>>();
});
websocket.on("billing:updated", any);
websocket.on("billing:updated", none);
websocket.off("billing:updated");

// Fields that this version does not know can be read, once it is known that they are there.
websocket.on("node:completed", (event) => {
  if ("traceId" in event) holds<Equal<typeof event.traceId, unknown>>();
});

// Payloads are unknown until somebody says what they are.
websocket.on("node:completed", ({ output }) => {
  holds<Equal<typeof output, unknown>>();
  // @ts-expect-error
  output.length;
  if (typeof output === "string") output.length;
});
websocket.on("node:completed", (event: NodeCompleted<{ sent: number }>) => event.output.sent);
websocket.on("execution:completed", (event: ExecutionCompleted<{ accountId: string }>) =>
  event.outputs.accountId.toUpperCase(),
);

// A union that is told apart by its type.
function describe(event: WebSocketEvent): string {
  switch (event.type) {
    case "connected":
      return event.connectionId;
    case "node:retry":
      return `${event.nodeId} in ${event.nextRetryIn} ms`;
    case "kb:document:completed":
      return `${event.chunkCount} pieces`;
    default:
      return new Date(event.timestamp).toISOString();
  }
}
websocket.on("*", (event) => describe(event));
holds<Equal<WebSocketEventType, keyof EventMap>>();
holds<
  Equal<
    Exclude<keyof ClientEventMap, keyof EventMap>,
    | "*"
    | "connection:state"
    | "connection:subscribed"
    | "connection:gap"
    | "connection:error"
    | "presence"
  >
>();

const unlisten: () => void = websocket.on("node:started", none, {
  executionId: "exec_1",
  once: true,
  signal: new AbortController().signal,
});
unlisten();

const connected: Promise<void> = websocket.connect(async () => "token");
void connected.then(() => websocket.submitUserInput("exec_1", "node_1", { approved: true }));
