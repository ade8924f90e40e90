// This package.

import { websocket } from "flowmaestro-websocket";
import type { RunEvent } from "../events.mjs";
import type { Contender, Handler } from "./contender.js";

export class FlowMaestroClient implements Contender {
  readonly name: string;

  /** With `numbered` the server has features: its events carry `seq` and `eventId`. */
  constructor(readonly protocol: "baseline" | "numbered" = "baseline") {
    this.name = protocol === "baseline" ? "flowmaestro" : "flowmaestro, numbered events";
  }

  async connect(url: string, executionIds: string[]): Promise<void> {
    const address = new URL(url);
    // It sets the token itself, and wants to be given one.
    const token = address.searchParams.get("token") ?? "none";
    address.searchParams.delete("token");
    websocket.configure({ url: address.href });
    const subscribed = new Promise<void>((resolve) => {
      let unanswered = executionIds.length;
      websocket.on("connection:subscribed", () => {
        if (--unanswered === 0) resolve();
      });
    });
    for (const executionId of executionIds) websocket.subscribeToExecution(executionId);
    await websocket.connect(token);
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
