// One component that is subscribed to a run and shows the text of its newest message.

import { useEffect, useState } from "react";
import useWebSocket from "react-use-websocket";
import type { RunEvent } from "../events.mjs";
import { noteRender } from "./watch.js";

/** With react-use-websocket, as its README has it. */
export function ReactUseWebSocket({ url, executionId }: { url: string; executionId: string }) {
  noteRender();
  const { lastJsonMessage, sendJsonMessage } = useWebSocket<RunEvent | null>(url);
  const isWelcomed = lastJsonMessage?.type === "connected";
  const [isSubscribed, setSubscribed] = useState(false);
  useEffect(() => {
    if (!isWelcomed) return;
    sendJsonMessage({ type: "subscribe", executionId });
  }, [isWelcomed, executionId, sendJsonMessage]);
  if (lastJsonMessage?.type === "subscribed" && !isSubscribed) setSubscribed(true);
  return <p data-subscribed={isSubscribed}>{lastJsonMessage?.chunk}</p>;
}
