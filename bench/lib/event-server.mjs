// The least server that every client can talk to: it answers as each protocol wants, and sends an
// event as soon as somebody has subscribed. The path names the protocol.

import { once } from "node:events";
import { WebSocketServer } from "ws";
import { PROTOCOLS } from "../protocols.mjs";

const EVENT = JSON.stringify({
  type: "node:started",
  timestamp: 1_698_765_433_000,
  executionId: "exec_0",
  nodeId: "node_3",
  nodeName: "Send Welcome Email",
  nodeType: "email",
  eventId: "evt_1",
  seq: 1,
});

export async function startEventServer() {
  const server = new WebSocketServer({
    host: "127.0.0.1",
    port: 0,
    // The first that is offered: graphql-ws insists on its own.
    handleProtocols: ([protocol]) => protocol ?? false,
  });
  server.on("connection", (socket, { url }) => {
    const protocol = PROTOCOLS[new URL(url, "ws://localhost").pathname.split("/")[1]]();
    for (const text of protocol.opened()) socket.send(text);
    socket.on("message", (data) => {
      const text = String(data);
      for (const answer of protocol.answer(text)) socket.send(answer);
      if (text.includes('"subscribe"')) socket.send(protocol.frame(EVENT));
    });
  });
  await once(server, "listening");
  return {
    origin: `ws://127.0.0.1:${server.address().port}`,
    close: () => {
      for (const socket of server.clients) socket.terminate();
      server.close();
    },
  };
}
