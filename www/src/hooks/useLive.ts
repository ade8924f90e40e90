import { type EventMap, websocket } from "flowmaestro-websocket";
import { useCallback, useEffect, useState } from "react";
import { messageOf } from "../api";
import { useConnectionId } from "./useConnection";

export interface Live<T> {
  /** Undefined until the first load. */
  readonly value: T | undefined;
  /** Why the latest load failed; a new connection tries again by itself. */
  readonly error: string | undefined;
  readonly reload: () => void;
}

/**
 * A value loaded over HTTP, then changed by events. It is loaded again with each new connection,
 * since events may have been missed. Events that arrive while it loads are applied to the answer
 * too, which may be older than they are; so `apply` must take the same event twice.
 *
 * `load`, `types` and `apply` must stay the same between renders.
 */
export function useLive<T, K extends keyof EventMap = never>(
  load: (signal: AbortSignal) => Promise<T>,
  types: readonly K[],
  apply: (value: T, event: EventMap[K]) => T,
): Live<T> {
  const connectionId = useConnectionId();
  const [loads, setLoads] = useState(0);
  const [value, setValue] = useState<T>();
  const [error, setError] = useState<string>();

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new connection loads again.
  useEffect(() => {
    const ended = new AbortController();
    const meanwhile: EventMap[K][] = [];
    let loading = true;
    for (const type of types) {
      websocket.on(
        type,
        (event) => {
          if (loading) meanwhile.push(event);
          setValue((before) => (before === undefined ? before : apply(before, event)));
        },
        { signal: ended.signal },
      );
    }
    load(ended.signal)
      .then(
        (loaded) => {
          if (ended.signal.aborted) return;
          setValue(meanwhile.reduce(apply, loaded));
          setError(undefined);
        },
        (cause) => {
          if (!ended.signal.aborted) setError(messageOf(cause));
        },
      )
      .finally(() => {
        loading = false;
      });
    return () => ended.abort();
  }, [load, types, apply, connectionId, loads]);

  return { value, error, reload: useCallback(() => setLoads((n) => n + 1), []) };
}
