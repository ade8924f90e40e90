// Every client in the race, by name.

import { CentrifugeClient } from "./centrifuge.js";
import type { Contender } from "./contender.js";
import { FlowMaestroClient } from "./flowmaestro.js";
import { GraphqlWsClient } from "./graphql-ws.js";
import { PlainClient } from "./plain.js";
import { ReconnectingClient } from "./reconnecting.js";
import { SocketIoClient } from "./socket-io.js";
import { ZodClient } from "./zod.js";

export const CLIENTS: Record<string, () => Contender> = {
  flowmaestro: () => new FlowMaestroClient(),
  numbered: () => new FlowMaestroClient("numbered"),
  plain: () => new PlainClient(),
  zod: () => new ZodClient("JIT"),
  zodWithoutJit: () => new ZodClient("no JIT"),
  reconnectingWebSocket: () => new ReconnectingClient("reconnecting-websocket"),
  partysocket: () => new ReconnectingClient("partysocket"),
  graphqlWs: () => new GraphqlWsClient(),
  centrifuge: () => new CentrifugeClient(),
  socketIo: () => new SocketIoClient(),
};

export type { Contender, Handler } from "./contender.js";
