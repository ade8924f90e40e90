// GraphQL subscriptions: one for each execution, whose results are events.

import { type Client, createClient } from "graphql-ws/client";
import type { RunEvent } from "../events.mjs";
import type { Contender, Handler } from "./contender.js";
import { Listeners } from "./plain.js";

export class GraphqlWsClient implements Contender {
  readonly name = "graphql-ws";
  readonly protocol = "graphql-ws";
  readonly #listeners = new Listeners();
  #client: Client | undefined;

  async connect(url: string, executionIds: string[]): Promise<void> {
    const client = createClient({ url });
    this.#client = client;
    const connected = new Promise<void>((resolve) => client.on("connected", () => resolve()));
    for (const executionId of executionIds) {
      const query = "subscription ($executionId: ID!) { execution(id: $executionId) }";
      const request = { query, variables: { executionId } };
      client.subscribe<{ execution: RunEvent }>(request, {
        next: ({ data }) => data && this.#listeners.emit(data.execution),
        error: (error) => console.error("the subscription failed", error),
        complete: () => {},
      });
    }
    await connected;
    // The protocol has no answer to a subscription: it was sent by a microtask after `connected`.
    await new Promise((resolve) => setTimeout(resolve));
  }

  on(type: string, executionId: string, handler: Handler): void {
    this.#listeners.on(type, executionId, handler);
  }

  close(): void {
    void this.#client?.dispose();
  }
}
