import { useEffect, useState } from "react";
import { wsClient } from "../lib/websocket";

/** As the original application did it: connect in an effect, subscribe and never look back. */
export function RunButton({ token }: { token: string }) {
  const [status, setStatus] = useState("ready");

  useEffect(() => {
    wsClient.connect(token);
  }, [token]);

  useEffect(() => {
    // biome-ignore lint/suspicious/noExplicitAny: as the original has it
    const handleCompleted = (event: any) =>
      setStatus(`done at ${new Date(event.timestamp).getTime()}`);
    // biome-ignore lint/suspicious/noExplicitAny: as the original has it
    const handleFailed = (event: any) => setStatus(`failed: ${event.error}`);
    wsClient.on("execution:completed", handleCompleted);
    wsClient.on("execution:failed", handleFailed);
    return () => {
      wsClient.off("execution:completed", handleCompleted);
      wsClient.off("execution:failed", handleFailed);
    };
  }, []);

  const run = async () => {
    setStatus("running");
    const response = await fetch("/api/workflows/report/execute", { method: "POST" });
    const { executionId } = await response.json();
    wsClient.subscribeToExecution(executionId);
  };

  return (
    <button type="button" onClick={run}>
      {status}
    </button>
  );
}
