// Centrifugo's client: a channel for each execution, whose publications are events.

import { Centrifuge } from "centrifuge";
import type { Contender, Handler } from "./contender.js";
import { Listeners } from "./plain.js";

export class CentrifugeClient implements Contender {
  readonly name = "centrifuge";
  readonly protocol = "centrifuge";
  readonly #listeners = new Listeners();
  #client: Centrifuge | undefined;

  async connect(url: string, executionIds: string[]): Promise<void> {
    const client = new Centrifuge(url);
    this.#client = client;
    const subscriptions = executionIds.map((executionId) => client.newSubscription(executionId));
    for (const subscription of subscriptions) {
      subscription.on("publication", ({ data }) => this.#listeners.emit(data));
      subscription.subscribe();
    }
    client.connect();
    await Promise.all(subscriptions.map((subscription) => subscription.ready()));
  }

  on(type: string, executionId: string, handler: Handler): void {
    this.#listeners.on(type, executionId, handler);
  }

  close(): void {
    this.#client?.disconnect();
  }
}
