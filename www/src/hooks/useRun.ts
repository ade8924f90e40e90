import { type ConnectionStateEvent, websocket } from "flowmaestro-websocket";
import { useEffect, useMemo, useSyncExternalStore } from "react";
import { type Api, messageOf } from "../api";
import { RunFeed } from "../feed";
import { emptyRun, type RunEvent, type RunState } from "../run";
import { useSession } from "../session";

export interface RunView {
  readonly state: RunState;
  /** Undefined until the first load. */
  readonly workflowId: string | undefined;
  /** Why the latest load failed; a new connection tries again by itself. */
  readonly error: string | undefined;
}

const empty: RunView = { state: emptyRun, workflowId: undefined, error: undefined };

/** One run, loaded and followed live; React hears of it at most once per frame. */
export function useRun(executionId: string): RunView & { readonly reload: () => void } {
  const { api } = useSession();
  const store = useMemo(() => new RunStore(api, executionId), [api, executionId]);
  useEffect(() => store.open(), [store]);
  const view = useSyncExternalStore(store.subscribe, store.view);
  return { ...view, reload: store.reload };
}

/** The event as the HTTP API has it: what the socket adds to it there is not. */
function withoutEnvelope(event: object): RunEvent {
  const { eventId, seq, ack, redelivered, ...rest } = event as Record<string, unknown>;
  return rest as unknown as RunEvent;
}

class RunStore {
  readonly #api: Api;
  readonly #executionId: string;
  readonly #listeners = new Set<() => void>();
  readonly #feed = new RunFeed();
  /** What React has. */
  #view = empty;
  /** What it gets with the next frame, `state` apart. */
  #next = empty;
  #frame: number | undefined;
  #loading = new AbortController();

  constructor(api: Api, executionId: string) {
    this.#api = api;
    this.#executionId = executionId;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly view = (): RunView => this.#view;

  /** Follows the run until the returned function is called. */
  open(): () => void {
    const ended = new AbortController();
    const { signal } = ended;
    const executionId = this.#executionId;
    websocket.on("connection:subscribed", this.#begin, { executionId, signal });
    websocket.on("*", this.#take, { executionId, signal });
    websocket.on("connection:state", this.#retry, { signal });
    websocket.subscribeToExecution(executionId);
    // Somebody else may hold the subscription already, and then nothing announces it.
    this.#begin();
    return () => {
      ended.abort();
      websocket.unsubscribeFromExecution(executionId);
      this.#loading.abort();
      if (this.#frame !== undefined) cancelAnimationFrame(this.#frame);
      this.#frame = undefined;
    };
  }

  readonly reload = (): void => {
    void this.#load();
  };

  readonly #begin = (): void => {
    this.#feed.subscribed();
    void this.#load();
  };

  /** For a run that cannot be subscribed any more, and so is not announced. */
  readonly #retry = ({ state }: ConnectionStateEvent): void => {
    if (state.status === "connected" && this.#next.error !== undefined) void this.#load();
  };

  readonly #take = (event: object): void => {
    this.#feed.push(withoutEnvelope(event));
    this.#changed({});
  };

  async #load(): Promise<void> {
    this.#loading.abort();
    this.#loading = new AbortController();
    const { signal } = this.#loading;
    try {
      const { workflowId, events } = await this.#api.run(this.#executionId, signal);
      if (signal.aborted) return;
      this.#feed.load(events);
      this.#changed({ workflowId, error: undefined });
    } catch (cause) {
      if (!signal.aborted) this.#changed({ error: messageOf(cause) });
    }
  }

  #changed(change: Partial<RunView>): void {
    this.#next = { ...this.#next, ...change };
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined;
      this.#view = { ...this.#next, state: this.#feed.state };
      for (const listener of this.#listeners) listener();
    });
  }
}
