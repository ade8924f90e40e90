"use client";

import { websocket } from "flowmaestro-websocket";
import { useEvent, useExecutionEvents, useWebSocket } from "flowmaestro-websocket/react";
import { useEffect, useState } from "react";

export function Events({ url, token, execution }) {
  const [subscribed, setSubscribed] = useState(false);
  const [nodes, setNodes] = useState([]);
  const [configured, setConfigured] = useState(false);

  useEffect(() => {
    websocket.configure({ url, tokenPlacement: "subprotocol" });
    setConfigured(true);
  }, [url]);

  const { state } = useWebSocket(configured ? token : null);
  useEvent("connection:subscribed", () => setSubscribed(true));
  useExecutionEvents(execution, {
    onNodeComplete: ({ nodeId }) => setNodes((nodes) => [...nodes, nodeId]),
  });

  return (
    <>
      <p>In the component: {state.status}.</p>
      <output data-subscribed={subscribed || undefined}>{nodes.join(" ")}</output>
    </>
  );
}
