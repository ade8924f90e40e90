import { useInsertionEffect, useRef } from "react";

/**
 * Does what an effect wants of the client, which may refuse it: too many subscriptions, an id that
 * is none, WebAssembly that the page forbids. A refusal goes to the page's error reporting, as an
 * exception of a handler does; thrown from an effect it would unmount the whole tree.
 *
 * @returns The clean-up, which does nothing when the client refused.
 */
export function attempt(work: () => () => void): () => void {
  try {
    return work();
  } catch (error) {
    report(error);
    return () => {};
  }
}

function report(error: unknown): void {
  if (typeof globalThis.reportError === "function") globalThis.reportError(error);
  else console.error(error); // React Native and some test environments.
}

/** The value of the latest committed render, for handlers that outlive the render they came from. */
export function useLatest<T>(value: T): { readonly current: T } {
  const latest = useRef(value);
  // Before every other effect, so that none of them can see an older value.
  useInsertionEffect(() => {
    latest.current = value;
  });
  return latest;
}
