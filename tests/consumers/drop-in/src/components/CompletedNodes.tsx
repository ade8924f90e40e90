import { useEffect, useState } from "react";
import { type WebSocketEvent, websocket } from "../lib/websocket";

export function CompletedNodes() {
  const [times, setTimes] = useState<string[]>([]);

  // Subscribe to specific event types
  useEffect(() => {
    const handleNodeComplete = (event: WebSocketEvent) => {
      if (event.type !== "node:completed") return;
      const time = new Date(event.timestamp).toISOString();
      setTimes((before) => [...before, `${event.executionId} ${event.nodeId} at ${time}`]);
    };

    websocket.on("node:completed", handleNodeComplete);

    return () => {
      websocket.off("node:completed", handleNodeComplete);
    };
  }, []);

  return (
    <ul aria-label="completed nodes">
      {times.map((time) => (
        <li key={time}>{time}</li>
      ))}
    </ul>
  );
}
