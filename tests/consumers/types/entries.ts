// Every entry has its types, in every module system.

import {
  bindWorkflowStore,
  ConnectionError,
  type ConnectionErrorCode,
  init,
  RequestError,
  WasmInitError,
  WebSocketClient,
  websocket,
  wsClient,
} from "flowmaestro-websocket";
import {
  type ConnectionHook,
  type ExecutionEventHandlers,
  useConnectionState,
  useDocumentEvents,
  useEvent,
  useExecutionEvents,
  useUserInput,
  useWebSocket,
} from "flowmaestro-websocket/react";
import { init as initSlim, websocket as slim } from "flowmaestro-websocket/slim";
import { useWebSocket as useSlimWebSocket } from "flowmaestro-websocket/slim/react";

// One client, of one class, whichever entry it comes from.
const client: WebSocketClient = WebSocketClient.getInstance();
const same: WebSocketClient[] = [client, websocket, wsClient, slim];
void same;

void init();
void initSlim("/flowmaestro_websocket.wasm");
void initSlim(fetch("/flowmaestro_websocket.wasm"));
void initSlim(new Uint8Array(8));
// @ts-expect-error: the slim entry has no bytes of its own
void initSlim();

websocket.connect("token").catch((error: unknown) => {
  if (error instanceof ConnectionError) {
    const code: ConnectionErrorCode = error.code;
    const closeCode: number | undefined = error.closeCode;
    return [code, closeCode];
  }
  if (error instanceof RequestError || error instanceof WasmInitError) return error.code;
  return undefined;
});

export function Component({ token, executionId }: { token: string | null; executionId?: string }) {
  const connection: ConnectionHook = useWebSocket(token);
  useSlimWebSocket(async () => "token", { disconnectOnUnmount: true });
  const unlisten: () => void = connection.subscribe("node:completed", (e) => e.duration);
  connection.subscribeToExecution("exec_1");
  useExecutionEvents(executionId, {
    onNodeComplete: (event) => event.duration.toFixed(),
    onComplete: ({ outputs }) => outputs.accountId,
    // @ts-expect-error: there is no such handler
    onFinished: () => {},
  });
  const handlers: ExecutionEventHandlers = { onFail: (event) => event.error };
  useExecutionEvents(null, handlers);
  useDocumentEvents("kb_1", { onCompleted: (event) => event.chunkCount });
  useEvent("node:stream", ({ chunk }) => chunk, { executionId: "exec_1", enabled: false });
  useEvent("billing:updated", (event) => event.amount);
  // @ts-expect-error: misspelt
  useEvent("node:stream", ({ chunks }) => chunks);
  const { pending, submit } = useUserInput("exec_1");
  const [first] = pending;
  if (first) void submit(first.request.nodeId, "approve");
  const { status } = useConnectionState();
  return `${status} ${first?.error?.message} ${typeof unlisten}`;
}

// The store of the original application, less what does not matter here.
interface WorkflowState {
  currentExecution: { executionId: string; status: string } | null;
  startExecution: (executionId: string) => void;
  updateExecutionStatus: (status: "running" | "completed" | "failed") => void;
  updateNodeState: (
    nodeId: string,
    // biome-ignore lint/suspicious/noExplicitAny: as the original store has it
    state: { status?: string; startedAt?: Date; completedAt?: Date; output?: any; error?: string },
  ) => void;
  addExecutionLog: (entry: { level: string; message: string; nodeId?: string }) => void;
}
declare const store: { getState: () => WorkflowState; setState: (state: WorkflowState) => void };
const unbind: () => void = bindWorkflowStore(store, "exec_1");
unbind();
