import { websocket } from "flowmaestro-websocket";
import { useEffect, useState } from "react";

/** Shows what the socket refused or could not read, until it is dismissed. */
export function RefusalNotice() {
  const [message, setMessage] = useState<string>();
  useEffect(
    () =>
      websocket.on("connection:error", ({ executionId, message }) => {
        // A run that cannot be followed, because it ended long ago, say, can still be read.
        if (executionId === undefined) setMessage(message);
      }),
    [],
  );
  if (message === undefined) return null;
  return (
    <div className="notice" role="alert">
      <span>{message}</span>
      <button type="button" className="quiet" onClick={() => setMessage(undefined)}>
        Dismiss
      </button>
    </div>
  );
}
