import { useEffect } from "react";
import { websocket } from "../lib/websocket";

export function ExecutionViewer({ executionId }: { executionId: string }) {
  useEffect(() => {
    // Subscribe when component mounts
    websocket.subscribeToExecution(executionId);

    return () => {
      // Unsubscribe when component unmounts
      websocket.unsubscribeFromExecution(executionId);
    };
  }, [executionId]);

  return <h2>{executionId}</h2>;
}
