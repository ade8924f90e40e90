// Who watches what: the first subscriber opens it, and a while after the last one it is closed.

import type { View } from "./execution.js";

/** What src/store.js keeps of something that is watched. */
interface Watched<S> {
  readonly empty: S;
  readonly snapshot: S;
  readonly subscribers: Set<() => void>;
}

/** Ends the watching, after a delay in ms. */
interface Opened {
  readonly delayMs: number;
  close(): void;
}

interface Entry<W, S> {
  readonly view: View<S>;
  readonly watched: W;
  opened: Opened;
  closing?: ReturnType<typeof setTimeout>;
}

/** Everything of one kind that is watched, by its id. */
export class Views<W extends Watched<S>, S> {
  readonly #entries = new Map<string, Entry<W, S>>();
  readonly #make: () => W;
  readonly #open: (id: string, watched: W) => Opened;
  readonly #empty: S;

  /** `open` begins to keep the snapshots up to date, or throws. */
  constructor(make: () => W, open: (id: string, watched: W) => Opened) {
    this.#make = make;
    this.#open = open;
    this.#empty = make().empty;
  }

  /** The same view for everybody while it is watched. */
  view(id: string): View<S> {
    const open = this.#entries.get(id);
    if (open) return open.view;
    const view: View<S> = {
      getSnapshot: () => this.#entries.get(id)?.watched.snapshot ?? this.#empty,
      getServerSnapshot: () => this.#empty,
      subscribe: (callback) => this.#subscribe(id, view, callback),
    };
    return Object.freeze(view);
  }

  /** Whether this is watched still. */
  has(watched: W): boolean {
    return [...this.#entries.values()].some((entry) => entry.watched === watched);
  }

  /** Begins anew with everything that is watched: what had kept the snapshots up to date is gone. */
  reopen(): void {
    for (const [id, entry] of this.#entries) {
      const { watched } = entry;
      Object.assign(watched, this.#make(), { subscribers: watched.subscribers });
      entry.opened = this.#open(id, watched);
    }
  }

  /** Forgets everything. */
  clear(): void {
    for (const { closing } of this.#entries.values()) clearTimeout(closing);
    this.#entries.clear();
  }

  #subscribe(id: string, view: View<S>, callback: () => void): () => void {
    const entry = this.#entries.get(id) ?? this.#enter(id, view);
    clearTimeout(entry.closing);
    const { subscribers } = entry.watched;
    // The same function may subscribe twice.
    const subscriber = () => callback();
    subscribers.add(subscriber);
    return () => {
      if (subscribers.delete(subscriber) && subscribers.size === 0) this.#leave(id, entry);
    };
  }

  #enter(id: string, view: View<S>): Entry<W, S> {
    const watched = this.#make();
    const entry = { view, watched, opened: this.#open(id, watched) };
    this.#entries.set(id, entry);
    return entry;
  }

  /** Not at once: whoever mounts again finds what was there, for which nobody can ask the server. */
  #leave(id: string, entry: Entry<W, S>): void {
    if (this.#entries.get(id) !== entry) return;
    entry.closing = setTimeout(() => {
      this.#entries.delete(id);
      entry.opened.close();
    }, entry.opened.delayMs);
  }
}
