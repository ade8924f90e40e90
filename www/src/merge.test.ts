import type { ExecutionEvent } from "flowmaestro-websocket";
import { describe, expect, test } from "vitest";
import { RunFeed } from "./feed";
import { merge } from "./merge";

const executionId = "exec_1";

function chunk(text: string, timestamp = 1): ExecutionEvent {
  return { type: "node:stream", timestamp, executionId, nodeId: "a", chunk: text };
}

const [a, b, c, d, e] = ["a", "b", "c", "d", "e"].map((text) => chunk(text)) as [
  ExecutionEvent,
  ExecutionEvent,
  ExecutionEvent,
  ExecutionEvent,
  ExecutionEvent,
];
const asked: ExecutionEvent = {
  type: "user:input:required",
  timestamp: 5,
  executionId,
  nodeId: "a",
  prompt: "Publish?",
  inputType: "approval",
};

function answer(timestamp: number): ExecutionEvent {
  return { type: "user:input:response", timestamp, executionId, nodeId: "a", value: "approve" };
}

/** As it comes from another parse: equal, but not the same object. */
function copy<T>(value: T): T {
  return structuredClone(value);
}

describe("merge", () => {
  test.each([
    ["nothing live", [a, b], [], [a, b], false],
    ["an empty snapshot", [], [a, b], [a, b], true],
    ["an overlap", [a, b, c], [b, c, d], [a, b, c, d], true],
    ["no overlap", [a, b], [c, d], [a, b, c, d], true],
    ["a snapshot that reaches further", [a, b, c, d], [b, c], [a, b, c, d], false],
    ["live events that the snapshot ends with", [a, b, c], [b, c], [a, b, c], false],
    ["everything in both", [a, b], [a, b, c], [a, b, c], true],
    ["the same words twice", [a, b, a, b], [a, b, a, b, c], [a, b, a, b, c], true],
    ["a false start", [a, b, a, c], [a, c, d], [a, b, a, c, d], true],
  ])("%s", (_, snapshot, live, events, settled) => {
    expect(merge(copy(snapshot), live)).toEqual({ events, settled });
  });

  test("an answer is no part of the overlap, and is kept", () => {
    const merged = merge([a, asked, answer(6), b], [asked, answer(7), b, c].map(copy));
    expect(merged).toEqual({ events: [a, asked, answer(6), b, answer(7), c], settled: true });
  });
});

describe("a run's feed", () => {
  /** A feed, and what has happened in the run as far as whoever shows it knows. */
  class Run {
    #events: readonly ExecutionEvent[] = [];
    readonly #feed = new RunFeed((events) => {
      this.#events = events;
    });

    get text(): string {
      return this.#events
        .map((event) => (event.type === "node:stream" ? event.chunk : ""))
        .join("");
    }

    subscribed(): void {
      this.#feed.subscribed();
    }

    load(snapshot: readonly ExecutionEvent[]): void {
      this.#feed.load(snapshot);
    }

    /** It is shown as it comes, whatever the feed makes of it. */
    push(event: ExecutionEvent): void {
      this.#events = [...this.#events, event];
      this.#feed.push(event);
    }
  }

  test("says every chunk once, wherever the snapshot comes in", () => {
    const all = ["a", "b", "b", "c", "d", "d", "e"].map((text, i) => chunk(text, i));
    for (let from = 0; from <= all.length; from += 1) {
      for (let asked = from; asked <= all.length; asked += 1) {
        for (let arrived = from; arrived <= all.length; arrived += 1) {
          const run = new Run();
          run.subscribed();
          for (const event of all.slice(from, arrived)) run.push(copy(event));
          run.load(copy(all.slice(0, asked)));
          for (const event of all.slice(arrived)) run.push(copy(event));
          expect(run.text, `${from} ${asked} ${arrived}`).toBe("abbcdde");
        }
      }
    }
  });

  test("recovers what an outage has swallowed", () => {
    const run = new Run();
    run.subscribed();
    run.load([a]);
    run.push(b);
    run.subscribed();
    run.push(e);
    run.load([a, b, c, d, e].map(copy));
    expect(run.text).toBe("abcde");
  });

  test("a new subscription forgets what the last one had not settled", () => {
    const withoutSnapshot = new Run();
    withoutSnapshot.subscribed();
    withoutSnapshot.push(a);
    withoutSnapshot.subscribed();
    withoutSnapshot.push(d);
    withoutSnapshot.load([a, b, c, d].map(copy));
    expect(withoutSnapshot.text).toBe("abcd");

    const withSnapshot = new Run();
    withSnapshot.subscribed();
    withSnapshot.load([a]);
    withSnapshot.subscribed();
    withSnapshot.push(c);
    withSnapshot.load([a, b].map(copy));
    expect(withSnapshot.text).toBe("abc");
  });
});
