// Promises of something to come, which do not wait for ever.

import { realClearTimeout, realSetTimeout } from "./scheduling.js";

interface Waiter {
  isFulfilled: () => boolean;
  what: string;
  resolve: () => void;
  reject: (error: Error) => void;
  timeout: ReturnType<typeof setTimeout>;
}

export class Waiting {
  readonly #timeoutMs: number;
  readonly #describe: () => string;
  readonly #waiters = new Set<Waiter>();

  /** `describe` says what there is instead, when a wait was in vain. */
  constructor(timeoutMs: number, describe: () => string) {
    this.#timeoutMs = timeoutMs;
    this.#describe = describe;
  }

  /** Resolves once the condition holds, which is looked at now and at each `check`. */
  until(isFulfilled: () => boolean, what: string): Promise<void> {
    if (isFulfilled()) return Promise.resolve();
    const promise = new Promise<void>((resolve, reject) => {
      const expire = () => {
        this.#waiters.delete(waiter);
        reject(new Error(`waited ${this.#timeoutMs} ms for ${what}; ${this.#describe()}`));
      };
      const timeout = realSetTimeout(expire, this.#timeoutMs);
      const waiter: Waiter = { isFulfilled, what, resolve, reject, timeout };
      this.#waiters.add(waiter);
    });
    // A test that failed before it came to await this has its own error to show.
    promise.catch(() => {});
    return promise;
  }

  check(): void {
    for (const waiter of [...this.#waiters]) {
      if (waiter.isFulfilled()) this.#settle(waiter, waiter.resolve);
    }
  }

  /** Rejects what is still waited for. */
  cancel(why: string): void {
    for (const waiter of this.#waiters) {
      const error = new Error(`${why} while waiting for ${waiter.what}`);
      this.#settle(waiter, () => waiter.reject(error));
    }
  }

  #settle(waiter: Waiter, settle: () => void): void {
    this.#waiters.delete(waiter);
    realClearTimeout(waiter.timeout);
    settle();
  }
}
