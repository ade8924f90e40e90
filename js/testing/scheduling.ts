// When things happen that no fake clock may hold up. The real timers are kept from before any test
// can have replaced them.

export const realSetTimeout = globalThis.setTimeout;
export const realClearTimeout = globalThis.clearTimeout;

/** Runs a task in a microtask: after what runs now, and under a fake clock as well. */
export function soon(task: () => void): void {
  void Promise.resolve().then(task);
}

/** Hands an exception of somebody's listener to the page, or to the process. */
export function reportException(error: unknown): void {
  if (typeof globalThis.reportError === "function") {
    globalThis.reportError(error);
    return;
  }
  realSetTimeout(() => {
    throw error;
  });
}
