import { type ConnectionState, websocket } from "flowmaestro-websocket";
import { useConnectionState } from "flowmaestro-websocket/react";
import { useNow } from "../hooks/useNow";

/** Says how the socket is, and offers to try again when it is down. */
export function ConnectionPill() {
  const connection = useConnectionState();
  const { status } = connection;
  return (
    <div className={`pill ${status}`} data-testid="connection" data-status={status}>
      <span className="dot" aria-hidden="true" />
      <span role="status">{describe(connection)}</span>
      {status === "waiting" && <Countdown until={connection.retryAt} />}
      {canRetry(connection) && (
        <button type="button" className="link" onClick={() => websocket.reconnectNow()}>
          Retry now
        </button>
      )}
    </div>
  );
}

/** Outside the status region: a screen reader should not count along. */
function Countdown({ until }: { readonly until: number }) {
  const seconds = Math.max(0, Math.ceil((until - useNow(true)) / 1000));
  return <span className="countdown">in {seconds} s</span>;
}

function describe(connection: ConnectionState): string {
  switch (connection.status) {
    case "connected":
      return "Connected";
    case "connecting":
      return connection.attempt > 0 ? "Reconnecting…" : "Connecting…";
    case "waiting":
      return "Reconnecting";
    case "failed":
      return reasons[connection.error.code] ?? connection.error.message;
    case "disconnected":
      return "Not connected";
  }
}

/** Short forms of the reasons that a user of this page meets. */
const reasons: Partial<Record<string, string>> = {
  retries_exhausted: "Server not reachable",
  unauthorized: "Sign-in refused: sign in again",
  forbidden: "Not allowed to connect",
};

function canRetry(connection: ConnectionState): boolean {
  if (connection.status === "waiting") return true;
  return connection.status === "failed" && connection.error.code === "retries_exhausted";
}
