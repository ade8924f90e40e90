// What the figures ask of a client.

import type { RunEvent } from "../events.mjs";

export type Handler = (event: RunEvent) => void;

/** A client in the race. */
export interface Contender {
  readonly name: string;
  /** The protocol that its server speaks: see protocols.mjs. */
  readonly protocol: string;
  /**
   * Connects, and subscribes to these executions; resolves once events may come.
   * @param url - Of the socket, with a token where the server wants one.
   */
  connect(url: string, executionIds: string[]): Promise<void>;
  /** Registers a handler for the events of this type of one execution. */
  on(type: string, executionId: string, handler: Handler): void;
  /** Ends the connection for good. */
  close(): void;
}
