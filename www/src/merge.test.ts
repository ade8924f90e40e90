import { describe, expect, test } from "vitest";
import { RunFeed } from "./feed";
import { merge } from "./merge";
import type { RunEvent } from "./run";

const executionId = "exec_1";

function chunk(text: string, timestamp = 1): RunEvent {
  return { type: "node:stream", timestamp, executionId, nodeId: "a", chunk: text };
}

const [a, b, c, d, e] = ["a", "b", "c", "d", "e"].map((text) => chunk(text)) as [
  RunEvent,
  RunEvent,
  RunEvent,
  RunEvent,
  RunEvent,
];
const asked: RunEvent = {
  type: "user:input:required",
  timestamp: 5,
  executionId,
  nodeId: "a",
  prompt: "Publish?",
  inputType: "approval",
};

function answer(timestamp: number): RunEvent {
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
  const textOf = (feed: RunFeed) => feed.state.nodes.get("a")?.text;

  test("says every chunk once, wherever the snapshot comes in", () => {
    const all = ["a", "b", "b", "c", "d", "d", "e"].map((text, i) => chunk(text, i));
    for (let from = 0; from <= all.length; from += 1) {
      for (let asked = from; asked <= all.length; asked += 1) {
        for (let arrived = from; arrived <= all.length; arrived += 1) {
          const feed = new RunFeed();
          feed.subscribed();
          for (const event of all.slice(from, arrived)) feed.push(copy(event));
          feed.load(copy(all.slice(0, asked)));
          for (const event of all.slice(arrived)) feed.push(copy(event));
          expect(textOf(feed), `${from} ${asked} ${arrived}`).toBe("abbcdde");
        }
      }
    }
  });

  test("recovers what an outage has swallowed", () => {
    const feed = new RunFeed();
    feed.subscribed();
    feed.load([a]);
    feed.push(b);
    feed.subscribed();
    feed.push(e);
    feed.load([a, b, c, d, e].map(copy));
    expect(textOf(feed)).toBe("abcde");
  });

  test("a new subscription forgets what the last one had not settled", () => {
    const withoutSnapshot = new RunFeed();
    withoutSnapshot.subscribed();
    withoutSnapshot.push(a);
    withoutSnapshot.subscribed();
    withoutSnapshot.push(d);
    withoutSnapshot.load([a, b, c, d].map(copy));
    expect(textOf(withoutSnapshot)).toBe("abcd");

    const withSnapshot = new RunFeed();
    withSnapshot.subscribed();
    withSnapshot.load([a]);
    withSnapshot.subscribed();
    withSnapshot.push(c);
    withSnapshot.load([a, b].map(copy));
    expect(textOf(withSnapshot)).toBe("abc");
  });

  test("goes on with what is live while the snapshot cannot be had", () => {
    const feed = new RunFeed();
    feed.subscribed();
    feed.push(a);
    expect(textOf(feed)).toBe("a");
  });

  test("a question that is asked again stays open after an earlier answer", () => {
    const feed = new RunFeed();
    feed.subscribed();
    feed.load([asked]);
    feed.push(answer(6));
    expect(feed.state.nodes.get("a")?.status).toBe("running");
    feed.push({ ...asked, timestamp: 8 });
    expect(feed.state.nodes.get("a")?.status).toBe("waiting");
  });
});
