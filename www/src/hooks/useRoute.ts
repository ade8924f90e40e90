import { useSyncExternalStore } from "react";

const prefix = "#/runs/";

/** The id of the run that the address names, if it names one. */
export function useRoute(): string | undefined {
  const hash = useSyncExternalStore(subscribe, () => window.location.hash);
  if (!hash.startsWith(prefix)) return undefined;
  try {
    return decodeURIComponent(hash.slice(prefix.length));
  } catch {
    return undefined; // A mistyped address: show the start.
  }
}

export function runAddress(executionId: string): string {
  return prefix + encodeURIComponent(executionId);
}

function subscribe(notify: () => void): () => void {
  window.addEventListener("hashchange", notify);
  return () => window.removeEventListener("hashchange", notify);
}
