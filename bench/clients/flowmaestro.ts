// This package.

import { websocket } from "flowmaestro-websocket";
import type { RunEvent } from "../events.mjs";
import type { Contender, Handler } from "./contender.js";

export class FlowMaestroClient implements Contender {
  readonly name: string;
  #executionIds: string[] = [];
  readonly #unlisten: (() => void)[] = [];

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
    this.#executionIds = executionIds;
    const subscribed = new Promise<void>((resolve) => {
      let unanswered = executionIds.length;
      const count = () => {
        if (--unanswered === 0) resolve();
      };
      this.#unlisten.push(websocket.on("connection:subscribed", count));
    });
    for (const executionId of executionIds) websocket.subscribeToExecution(executionId);
    await websocket.connect(token);
    await subscribed;
  }

  on(type: string, executionId: string, handler: Handler): void {
    const handle = (event: unknown) => handler(event as RunEvent);
    this.#unlisten.push(websocket.on(type, handle, { executionId }));
  }

  /** The next one starts anew, though the package has but one client in a page. */
  close(): void {
    for (const unlisten of this.#unlisten) unlisten();
    for (const executionId of this.#executionIds) websocket.unsubscribeFromExecution(executionId);
    websocket.disconnect();
  }
}
