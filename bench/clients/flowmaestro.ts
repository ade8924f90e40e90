// This package.

import { websocket } from "flowmaestro-websocket";
import type { RunEvent } from "../events.js";
import type { Contender, Handler } from "./contender.js";

export class FlowMaestroClient implements Contender {
  readonly name: string;

  /** With `numbered` the server has features: its events carry `seq` and `eventId`. */
  constructor(readonly protocol: "baseline" | "numbered" = "baseline") {
    this.name = protocol === "baseline" ? "flowmaestro" : "flowmaestro, numbered events";
  }

  async connect(origin: string, executionIds: string[]): Promise<void> {
    websocket.configure({ url: `${origin}/${this.protocol}` });
    const subscribed = new Promise<void>((resolve) => {
      let unanswered = executionIds.length;
      websocket.on("connection:subscribed", () => {
        if (--unanswered === 0) resolve();
      });
    });
    for (const executionId of executionIds) websocket.subscribeToExecution(executionId);
    await websocket.connect("bench");
    await subscribed;
  }

  on(type: string, executionId: string, handler: Handler): void {
    const handle = (event: unknown) => handler(event as RunEvent);
    websocket.on(type, handle, { executionId });
  }

  close(): void {
    websocket.disconnect();
  }
}
