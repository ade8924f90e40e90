// What the page has asked its client for, kept outside of the WebAssembly instance: when that dies (by a
// panic or another trap), a fresh one is asked for the same, and the page sees one more reconnect.

import { call } from "../src/handlers.js";
import { crashed } from "../src/platform.js";
import type { TokenProvider } from "./client.js";
import type { ClientOptions } from "./option-types.js";
import type { WasmClient } from "./wasm.js";

/** A registered handler, whatever instance knows it, and by which number. */
export interface Registration {
  id: number;
  readonly type: string;
  readonly handler: (event: never) => void;
  readonly executionId: string | undefined;
  readonly once: boolean;
  readonly removed: () => void;
  readonly unlisten: () => void;
}

/** How far the events of an execution have come, and in which history. */
interface Position {
  executionId: string;
  seq: number;
  epoch: string;
}

export class Wishes {
  token: string | TokenProvider | undefined;
  isConnectionWanted = false;
  readonly registrations = new Map<number, Registration>();
  readonly #options: Record<string, unknown> = {};
  /** How often each is subscribed. */
  readonly #executions = new Map<string, number>();
  readonly #rooms = new Map<string, number>();
  readonly #presence = new Set<string>();
  readonly #positions = new Map<string, Position>();

  configure(options: ClientOptions): void {
    for (const [name, value] of Object.entries(options)) {
      const group = typeof value === "object" && value;
      this.#options[name] = group ? { ...(this.#options[name] as object), ...group } : value;
    }
  }

  connect(token: string | TokenProvider | undefined): void {
    this.isConnectionWanted = true;
    this.token = token ?? this.token;
  }

  disconnect(): void {
    this.isConnectionWanted = false;
    this.token = undefined;
  }

  subscribe(executionId: string, presence = false): void {
    count(this.#executions, executionId, 1);
    if (presence) this.#presence.add(executionId);
  }

  unsubscribe(executionId: string): void {
    if (!count(this.#executions, executionId, -1)) this.#presence.delete(executionId);
  }

  subscribeToRoom(room: string): void {
    count(this.#rooms, room, 1);
  }

  unsubscribeFromRoom(room: string): void {
    count(this.#rooms, room, -1);
  }

  /** Calls the handlers of one of the client's own events, for which there is no instance to do so. */
  tell(type: string, event: unknown): void {
    for (const { type: wanted, handler, once, unlisten } of [...this.registrations.values()]) {
      if (wanted !== type) continue;
      if (once) unlisten();
      call(handler as (event: unknown) => void, event);
    }
  }

  /** Remembers how far an instance has come that is dead. */
  note(positions: Position[]): void {
    for (const position of positions) this.#positions.set(position.executionId, position);
  }

  /** Asks a fresh instance for everything but what `others` ask for: the connection, what is watched. */
  restore(client: WasmClient, others: () => void): void {
    client.configure(this.#options);
    const registrations = [...this.registrations.values()];
    this.registrations.clear();
    for (const registration of registrations) {
      const { type, handler, executionId, once, removed } = registration;
      registration.id = client.on(type, handler, executionId, once, removed);
      this.registrations.set(registration.id, registration);
    }
    for (const { executionId, seq, epoch } of this.#positions.values()) {
      client.subscribeToExecution(executionId);
      client.goOnFrom(executionId, seq, epoch);
    }
    each(this.#executions, (executionId) => client.subscribeToExecution(executionId));
    each(this.#rooms, (room) => client.subscribeToRoom(room));
    for (const executionId of this.#presence) client.watchPresence(executionId);
    others();
    for (const executionId of this.#positions.keys()) client.unsubscribeFromExecution(executionId);
    this.#positions.clear();
  }
}

/** A client whose instance's death is noticed by whichever call it happens in. */
export function guarded(client: WasmClient, error: () => Error): WasmClient {
  const attempt = <T>(work: () => T): T => {
    try {
      return work();
    } catch (cause) {
      if (!isCrash(cause)) throw cause;
      crashed(cause);
      throw error();
    }
  };
  return new Proxy(client, {
    get: (target, name) => {
      const value = attempt(() => Reflect.get(target, name));
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => attempt(() => value.apply(target, args));
    },
  });
}

/**
 * Whether an exception has left the instance as no function of it may: by a trap, or because the stack
 * was full, which engines name differently. What the client throws itself is something else.
 */
function isCrash(cause: unknown): boolean {
  if (cause instanceof WebAssembly.RuntimeError || cause instanceof RangeError) return true;
  return cause instanceof Error && cause.name === "InternalError";
}

function count(counts: Map<string, number>, name: string, change: number): number {
  const next = Math.max((counts.get(name) ?? 0) + change, 0);
  if (next) counts.set(name, next);
  else counts.delete(name);
  return next;
}

function each(counts: Map<string, number>, act: (name: string) => void): void {
  for (const [name, times] of counts) {
    for (let left = times; left > 0; left -= 1) act(name);
  }
}
