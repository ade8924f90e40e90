import { useCallback, useEffect, useMemo, useRef, useSyncExternalStore } from "react";
import type { View } from "../index.js";
import { attempt } from "./effects.js";

/** Whether two values of a selector count as the same. */
export type Equality<T> = (before: T, after: T) => boolean;

const NOTHING = () => {};

/** Selects the whole snapshot. */
export function everything<S>(snapshot: S): S {
  return snapshot;
}

/**
 * What `select` makes of a view's snapshot. It may be written inline; the component renders again
 * when the value is another one.
 *
 * @param isWatched - `false` subscribes to nothing.
 */
export function useView<S, T>(
  view: View<S>,
  isWatched: boolean,
  select: (snapshot: S) => T,
  isEqual: Equality<T>,
): T {
  const subscribe = useCallback(
    (notify: () => void) => (isWatched ? attempt(() => view.subscribe(notify)) : NOTHING),
    [view, isWatched],
  );
  const committed = useRef<{ value: T } | undefined>(undefined);
  // React asks several times in a render, and wants the same answer.
  const [current, onServer] = useMemo(() => {
    const selected = selection(select, isEqual, committed);
    return [() => selected(view.getSnapshot()), () => selected(view.getServerSnapshot())];
  }, [view, select, isEqual]);
  const value = useSyncExternalStore(subscribe, current, onServer);
  useEffect(() => {
    committed.current = { value };
  }, [value]);
  return value;
}

/** A function that selects, and goes on giving the value that it has while the new one is equal. */
function selection<S, T>(
  select: (snapshot: S) => T,
  isEqual: Equality<T>,
  committed: { readonly current: { value: T } | undefined },
): (snapshot: S) => T {
  let last: { snapshot: S; value: T } | undefined;
  return (snapshot) => {
    if (last?.snapshot === snapshot) return last.value;
    const before = last ?? committed.current;
    const selected = select(snapshot);
    const value = before && isEqual(before.value, selected) ? before.value : selected;
    last = { snapshot, value };
    return value;
  };
}
