import {
  type ConnectionStateEvent,
  type Execution,
  type ExecutionEvent,
  websocket,
} from "flowmaestro-websocket";
import { useExecution } from "flowmaestro-websocket/react";
import { useEffect, useMemo, useSyncExternalStore } from "react";
import { type Api, messageOf } from "../api";
import { RunFeed } from "../feed";
import { useSession } from "../session";

interface Loaded {
  /** Undefined until the first load. */
  readonly workflowId: string | undefined;
  /** Why the latest load failed; a new connection tries again by itself. */
  readonly error: string | undefined;
}

export interface RunView extends Loaded {
  readonly run: Execution;
  readonly reload: () => void;
}

const nothing: Loaded = { workflowId: undefined, error: undefined };

/** One run, loaded and followed live. */
export function useRun(executionId: string): RunView {
  const { api } = useSession();
  const run = useExecution(executionId);
  const past = useMemo(() => new Past(api, executionId), [api, executionId]);
  useEffect(() => past.open(), [past]);
  const loaded = useSyncExternalStore(past.subscribe, past.loaded);
  return { ...loaded, run, reload: past.reload };
}

/** The event as the HTTP API has it: what the socket adds to it there is not. */
function withoutEnvelope(event: object): ExecutionEvent {
  const { eventId, seq, ack, redelivered, ...rest } = event as Record<string, unknown>;
  return rest as unknown as ExecutionEvent;
}

/**
 * What has happened in a run before it was subscribed. The server's journal is older than the
 * gateway's memory: it knows every run there was, and outlives restarts.
 */
class Past {
  readonly #api: Api;
  readonly #executionId: string;
  readonly #listeners = new Set<() => void>();
  readonly #feed: RunFeed;
  #loaded = nothing;
  #loading = new AbortController();

  constructor(api: Api, executionId: string) {
    this.#api = api;
    this.#executionId = executionId;
    this.#feed = new RunFeed((events) => websocket.restoreExecution(executionId, events));
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly loaded = (): Loaded => this.#loaded;

  /** Follows the run until the returned function is called. */
  open(): () => void {
    const ended = new AbortController();
    const { signal } = ended;
    const executionId = this.#executionId;
    websocket.on("connection:subscribed", this.#begin, { executionId, signal });
    websocket.on("*", this.#take, { executionId, signal });
    websocket.on("connection:state", this.#retry, { signal });
    // Somebody else may hold the subscription already, and then nothing announces it.
    this.#begin();
    return () => {
      ended.abort();
      this.#loading.abort();
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
    if (state.status === "connected" && this.#loaded.error !== undefined) void this.#load();
  };

  readonly #take = (event: object): void => this.#feed.push(withoutEnvelope(event));

  async #load(): Promise<void> {
    this.#loading.abort();
    this.#loading = new AbortController();
    const { signal } = this.#loading;
    try {
      const { workflowId, events } = await this.#api.run(this.#executionId, signal);
      if (signal.aborted) return;
      this.#feed.load(events);
      this.#change({ workflowId, error: undefined });
    } catch (cause) {
      if (!signal.aborted) this.#change({ ...this.#loaded, error: messageOf(cause) });
    }
  }

  #change(loaded: Loaded): void {
    this.#loaded = loaded;
    for (const listener of this.#listeners) listener();
  }
}
