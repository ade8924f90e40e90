import type { ExecutionEvent } from "flowmaestro-websocket";
import { merge } from "./merge";

/**
 * What has happened in one run from two sources: snapshots asked for over HTTP, and live events. Each
 * subscription begins with `subscribed()`; its snapshot comes later, in `load()`, when live events
 * may already have arrived. Until these reach past the snapshot, whoever holds the run's state is to
 * restore it from what both say.
 */
export class RunFeed {
  readonly #restore: (events: readonly ExecutionEvent[]) => void;
  #snapshot: readonly ExecutionEvent[] | undefined;
  /** Events since the subscription, until they reach past its snapshot. */
  #live: ExecutionEvent[] | undefined;

  constructor(restore: (events: readonly ExecutionEvent[]) => void) {
    this.#restore = restore;
  }

  subscribed(): void {
    this.#snapshot = undefined;
    this.#live = [];
  }

  load(snapshot: readonly ExecutionEvent[]): void {
    this.#snapshot = snapshot;
    this.#rebuild(snapshot, this.#live ?? []);
  }

  push(event: ExecutionEvent): void {
    this.#live?.push(event);
    if (this.#live && this.#snapshot) this.#rebuild(this.#snapshot, this.#live);
  }

  #rebuild(snapshot: readonly ExecutionEvent[], live: readonly ExecutionEvent[]): void {
    const { events, settled } = merge(snapshot, live);
    this.#restore(events);
    if (settled) {
      this.#snapshot = undefined;
      this.#live = undefined;
    }
  }
}
