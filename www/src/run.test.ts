import { describe, expect, test } from "vitest";
import { emptyRun, pendingRequests, type RunEvent, reduce, runStatus } from "./run";

const executionId = "exec_1";

function node(type: "node:started", timestamp: number): RunEvent {
  return { type, timestamp, executionId, nodeId: "a", nodeName: "Read", nodeType: "document.read" };
}

const runStarted: RunEvent = {
  type: "execution:started",
  timestamp: 1000,
  executionId,
  workflowName: "Report",
  totalNodes: 2,
};
const started = node("node:started", 1001);
const retry: RunEvent = {
  type: "node:retry",
  timestamp: 1002,
  executionId,
  nodeId: "a",
  attempt: 2,
  nextRetryIn: 500,
  error: "503",
};
const asked: RunEvent = {
  type: "user:input:required",
  timestamp: 1003,
  executionId,
  nodeId: "a",
  prompt: "Publish?",
  inputType: "approval",
};
const completed: RunEvent = {
  type: "node:completed",
  timestamp: 1010,
  executionId,
  nodeId: "a",
  output: { words: 3 },
  duration: 9,
};
const failed: RunEvent = {
  type: "node:failed",
  timestamp: 1010,
  executionId,
  nodeId: "a",
  error: "no",
};
const runCompleted: RunEvent = {
  type: "execution:completed",
  timestamp: 1020,
  executionId,
  status: "completed",
  outputs: { words: 3 },
  duration: 20,
};

function chunk(text: string, timestamp: number): RunEvent {
  return { type: "node:stream", timestamp, executionId, nodeId: "a", chunk: text };
}

function answer(timestamp: number): RunEvent {
  return { type: "user:input:response", timestamp, executionId, nodeId: "a", value: "approve" };
}

function progress(completedNodes: number, timestamp: number): RunEvent {
  return {
    type: "execution:progress",
    timestamp,
    executionId,
    completed: completedNodes,
    total: 2,
    percentage: completedNodes * 50,
  };
}

function fold(...events: RunEvent[]) {
  return events.reduce(reduce, emptyRun);
}

function nodeAfter(...events: RunEvent[]) {
  return fold(...events).nodes.get("a");
}

describe("a node", () => {
  test("runs, is retried and completes", () => {
    expect(nodeAfter(started)).toMatchObject({ status: "running", name: "Read", startedAt: 1001 });
    expect(nodeAfter(started, retry)).toMatchObject({
      status: "retrying",
      attempt: 2,
      retryAt: 1502,
      error: "503",
    });
    const done = nodeAfter(started, retry, completed);
    expect(done).toMatchObject({
      status: "completed",
      attempt: 2,
      duration: 9,
      output: { words: 3 },
    });
    expect(done?.error).toBeUndefined();
  });

  test("keeps its attempt when the retry announces itself as a start", () => {
    expect(nodeAfter(started, retry, node("node:started", 1502))).toMatchObject({
      status: "running",
      attempt: 2,
    });
  });

  test("fails with its error", () => {
    expect(nodeAfter(started, failed)).toMatchObject({ status: "failed", error: "no" });
  });

  test("appends streamed text, the same word twice too", () => {
    expect(nodeAfter(started, chunk("la ", 1002), chunk("la ", 1002))?.text).toBe("la la ");
  });

  test("streams from its beginning once it has started again", () => {
    const again = nodeAfter(started, chunk("half", 1002), node("node:started", 2000));
    expect(again).toMatchObject({ status: "running", text: "" });
  });
});

describe("late and repeated events", () => {
  test("a chunk from before the latest start is no part of its text", () => {
    expect(nodeAfter(node("node:started", 2000), chunk("half", 1002))?.text).toBe("");
  });

  test("a late start completes what is known and changes no state", () => {
    expect(nodeAfter(completed, started)).toMatchObject({
      status: "completed",
      name: "Read",
      startedAt: 1001,
    });
  });

  test("within one millisecond the end wins over the start", () => {
    const end = { ...completed, timestamp: 1001 };
    expect(nodeAfter(end, started)?.status).toBe("completed");
    expect(nodeAfter(started, end)?.status).toBe("completed");
  });

  test("a repeated start drops no text", () => {
    expect(nodeAfter(started, chunk("text", 1002), started)?.text).toBe("text");
  });

  test("every order of the events gives the same log", () => {
    const events = [runStarted, started, retry, asked, completed, runCompleted];
    const inOrder = fold(...events);
    expect(fold(...events.toReversed()).log).toEqual(inOrder.log);
    expect(fold(...events, ...events)).toEqual(inOrder);
  });

  test("an older progress changes nothing", () => {
    expect(fold(progress(2, 1009), progress(1, 1005)).progress).toMatchObject({ completed: 2 });
  });

  test("the first end of a run is the one that counts", () => {
    const late: RunEvent = {
      type: "execution:failed",
      timestamp: 1030,
      executionId,
      status: "failed",
      error: "late",
    };
    expect(runStatus(fold(runCompleted, late))).toBe("completed");
  });
});

describe("a question", () => {
  test("is pending until it is answered, whatever the answering clock says", () => {
    expect(pendingRequests(fold(started, asked))).toEqual([asked]);
    expect(runStatus(fold(started, asked))).toBe("waiting");
    for (const clock of [1, 1004, 9_000_000]) {
      const answered = fold(started, asked, answer(clock));
      expect(pendingRequests(answered)).toEqual([]);
      expect(runStatus(answered)).toBe("running");
      expect(answered.nodes.get("a")?.request).toBeUndefined();
      expect(reduce(answered, completed).nodes.get("a")?.status).toBe("completed");
    }
  });

  test("asked again after an answer is pending again", () => {
    const again = { ...asked, timestamp: 1006 };
    expect(pendingRequests(fold(started, asked, answer(1004), again))).toEqual([again]);
  });

  test("an answer that nobody waits for is not even logged", () => {
    expect(fold(started, asked, answer(1004), answer(1005)).log).toHaveLength(3);
  });

  test("is gone with the node's end", () => {
    expect(nodeAfter(started, asked, completed)?.request).toBeUndefined();
  });

  test("is not pending once the run has ended", () => {
    expect(pendingRequests(fold(started, asked, runCompleted))).toEqual([]);
  });
});

test("an event of an unknown type changes no node and no status", () => {
  const unknown = { type: "node:paused", timestamp: 1002, executionId } as unknown as RunEvent;
  const state = fold(started, unknown);
  expect(state.nodes).toEqual(fold(started).nodes);
  expect(runStatus(state)).toBe("running");
});

test("a node's id may be any string", () => {
  const odd = { ...started, nodeId: "__proto__" } as RunEvent;
  expect(fold(odd).nodes.get("__proto__")?.status).toBe("running");
});
