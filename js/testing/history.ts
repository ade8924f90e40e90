// What executions have been through, for those who missed it: the gateway's `replay` feature.

interface Entry {
  timestamp: number;
  /** The event with its number. */
  text: string;
}

/** The events of every execution, numbered from 1. */
export class History {
  /** Another history has another. */
  readonly epoch = "epoch-1";
  readonly #logs = new Map<string, Entry[]>();

  /** Numbers an event and keeps it. Returns its text, with the number. */
  append(event: { executionId: string; timestamp: number }): string {
    const log = this.#log(event.executionId);
    const seq = log.length + 1;
    const text = JSON.stringify({ ...event, eventId: `${event.executionId}-${seq}`, seq });
    log.push({ timestamp: event.timestamp, text });
    return text;
  }

  /** The number of the last event, 0 if there is none. */
  head(executionId: string): number {
    return this.#logs.get(executionId)?.length ?? 0;
  }

  /** The events that come after a number. */
  after(executionId: string, seq: number): string[] {
    return this.#log(executionId)
      .slice(seq)
      .map(({ text }) => text);
  }

  /** The events that happened since a time, in ms since the Unix epoch. */
  since(executionId: string, time: number): string[] {
    return this.#log(executionId)
      .filter(({ timestamp }) => timestamp >= time)
      .map(({ text }) => text);
  }

  #log(executionId: string): Entry[] {
    const log = this.#logs.get(executionId) ?? [];
    this.#logs.set(executionId, log);
    return log;
  }
}
