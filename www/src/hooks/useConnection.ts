import { websocket } from "flowmaestro-websocket";
import { useEffect, useSyncExternalStore } from "react";

let latestId: string | undefined;

function subscribe(notify: () => void): () => void {
  return websocket.on("connection:state", notify);
}

function latestConnectionId(): string | undefined {
  const { state } = websocket;
  if (state.status === "connected") latestId = state.connectionId;
  return latestId;
}

/** The id of the latest connection; it changes with each reconnect and outlives an outage. */
export function useConnectionId(): string | undefined {
  return useSyncExternalStore(subscribe, latestConnectionId);
}

/** Keeps the socket connected as the holder of `token`; how that goes is in the state. */
export function useConnect(token: string): void {
  useEffect(() => {
    void websocket.connect(token);
    return () => websocket.disconnect();
  }, [token]);
}
