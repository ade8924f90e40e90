import { useEffect, useRef, useSyncExternalStore } from "react";
import {
  type ConnectionState,
  type TokenProvider,
  type WebSocketClient,
  websocket,
} from "../index.js";
import { hold, settle } from "./credentials.js";
import { attempt, useLatest } from "./effects.js";

/** Options of {@link useWebSocket}. */
export interface ConnectionHookOptions {
  /**
   * End the connection when the last component that uses it unmounts. Default: `false`, it stays
   * for the next one.
   */
  disconnectOnUnmount?: boolean;
}

/** What {@link useWebSocket} gives. The functions stay the same from render to render. */
export interface ConnectionHook {
  /** Whether the connection is up. */
  isConnected: boolean;
  /** The state of the connection: the same object until it changes. */
  state: ConnectionState;
  /** Registers a handler, as `websocket.on` does, and returns what ends that. */
  subscribe: WebSocketClient["on"];
  /** As `websocket.subscribeToExecution`: counted, remembered, sent when possible. */
  subscribeToExecution: WebSocketClient["subscribeToExecution"];
  /** As `websocket.unsubscribeFromExecution`. */
  unsubscribeFromExecution: WebSocketClient["unsubscribeFromExecution"];
  /** Tries again now instead of waiting, also after all attempts have failed. */
  reconnectNow: WebSocketClient["reconnectNow"];
}

const METHODS = {
  subscribe: websocket.on.bind(websocket) as WebSocketClient["on"],
  subscribeToExecution: (executionId: string) => websocket.subscribeToExecution(executionId),
  unsubscribeFromExecution: (executionId: string) =>
    websocket.unsubscribeFromExecution(executionId),
  reconnectNow: () => websocket.reconnectNow(),
};

/** Stands for any function. */
const PROVIDER = Symbol("a token provider");

const SERVER_STATE: ConnectionState = Object.freeze({ status: "disconnected" });

const onStateChange = (notify: () => void) =>
  attempt(() => websocket.on("connection:state", notify));

const currentState = () => websocket.state;

const serverState = () => SERVER_STATE;

/** The state of the connection. It does not connect. */
export function useConnectionState(): ConnectionState {
  return useSyncExternalStore(onStateChange, currentState, serverState);
}

/**
 * Keeps the page connected while the component is mounted, and after that unless the option says
 * otherwise. Any number of components may use it: they share one connection.
 *
 * @param token - A token, or a function that gives (a promise of) one for each connection and may
 * be written inline. `null` waits for one; `null` after a token is a sign-out, which ends the
 * connection when no other component has a token. When the user behind a function changes, let
 * `null` come between.
 */
export function useWebSocket(
  token: string | TokenProvider | null | undefined,
  { disconnectOnUnmount = false }: ConnectionHookOptions = {},
): ConnectionHook {
  const latest = useLatest(token);
  const connected = useRef(false);
  // An inline function is another one at each render, but the same source of tokens.
  const source = typeof token === "function" ? PROVIDER : token;

  useEffect(() => {
    if (!source) {
      if (connected.current) settle();
      connected.current = false;
      return;
    }
    connected.current = true;
    const credentials = source === PROVIDER ? () => ask(latest.current) : source;
    return attempt(() => hold({ token: credentials, disconnectOnUnmount }));
  }, [source, disconnectOnUnmount, latest]);

  const state = useConnectionState();
  return { isConnected: state.status === "connected", state, ...METHODS };
}

function ask(token: string | TokenProvider | null | undefined): string | Promise<string> {
  if (typeof token === "function") return token();
  throw new Error("the component has no token provider any more");
}
