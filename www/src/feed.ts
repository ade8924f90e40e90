import { merge } from "./merge";
import { emptyRun, type RunEvent, type RunState, reduce } from "./run";

/**
 * The state of one run from two sources: snapshots asked for over HTTP, and live events. Each
 * subscription begins with `subscribed()`; its snapshot comes later, in `load()`, when live events
 * may already have arrived.
 */
export class RunFeed {
  #state: RunState = emptyRun;
  #snapshot: readonly RunEvent[] | undefined;
  /** Events since the subscription, until they reach past its snapshot. */
  #live: RunEvent[] | undefined;

  get state(): RunState {
    return this.#state;
  }

  subscribed(): void {
    this.#snapshot = undefined;
    this.#live = [];
  }

  load(snapshot: readonly RunEvent[]): void {
    this.#snapshot = snapshot;
    this.#rebuild(snapshot, this.#live ?? []);
  }

  push(event: RunEvent): void {
    this.#live?.push(event);
    if (this.#live && this.#snapshot) this.#rebuild(this.#snapshot, this.#live);
    else this.#state = reduce(this.#state, event);
  }

  #rebuild(snapshot: readonly RunEvent[], live: readonly RunEvent[]): void {
    const { events, settled } = merge(snapshot, live);
    this.#state = events.reduce(reduce, emptyRun);
    if (settled) {
      this.#snapshot = undefined;
      this.#live = undefined;
    }
  }
}
