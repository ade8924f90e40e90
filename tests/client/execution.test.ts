// Snapshots of executions and knowledge bases: what they say, what stays the same, when one is told.

import { type Execution, RequestError, type View, websocket } from "flowmaestro-websocket";
import { type EmittedEvent, FakeGateway } from "flowmaestro-websocket/testing";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

const executionId = "exec_1";

let gateway: FakeGateway;
/** As in a page of 60 frames a second. */
const FRAME_MS = 1000 / 60;

let frames: Map<number, FrameRequestCallback>;
let now: number;

beforeEach(async () => {
  frames = new Map();
  now = 0;
  let last = 0;
  vi.stubGlobal("requestAnimationFrame", (draw: FrameRequestCallback) => {
    last += 1;
    frames.set(last, draw);
    return last;
  });
  vi.stubGlobal("cancelAnimationFrame", (frame: number) => frames.delete(frame));
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  gateway = new FakeGateway();
  websocket.configure({ url: "wss://test/ws", logLevel: "silent" });
  await websocket.connect("token");
});

afterEach(() => {
  gateway.restore();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function drawFrame() {
  const due = [...frames.values()];
  frames.clear();
  now += FRAME_MS;
  for (const draw of due) draw(now);
}

function drawFrames(count: number) {
  for (let frame = 0; frame < count; frame++) drawFrame();
}

/** Watches an execution, and has what its subscription says drawn. */
async function watch(callback = () => {}): Promise<View<Execution> & { end: () => void }> {
  const view = websocket.execution(executionId);
  const end = view.subscribe(callback);
  await gateway.subscribed(executionId);
  drawFrame();
  return { ...view, end };
}

const at = (timestamp: number) => ({ executionId, timestamp });

const events = {
  started: { type: "execution:started", ...at(1), workflowName: "Invoices", totalNodes: 2 },
  progress: { type: "execution:progress", ...at(5), completed: 1, total: 2, percentage: 50 },
  completed: {
    type: "execution:completed",
    ...at(9),
    status: "completed",
    outputs: { total: 3 },
    duration: 8,
  },
  failed: {
    type: "execution:failed",
    ...at(9),
    status: "failed",
    error: "no route",
    failedNodeId: "b",
  },
} as const satisfies Record<string, EmittedEvent>;

function nodeStarted(nodeId: string, timestamp = 2): EmittedEvent {
  return {
    type: "node:started",
    ...at(timestamp),
    nodeId,
    nodeName: `Node ${nodeId}`,
    nodeType: "llm",
  };
}

function nodeCompleted(nodeId: string, output: unknown, timestamp = 4): EmittedEvent {
  return { type: "node:completed", ...at(timestamp), nodeId, output, duration: 2 };
}

function chunk(nodeId: string, text: string, timestamp = 3): EmittedEvent {
  return { type: "node:stream", ...at(timestamp), nodeId, chunk: text };
}

function question(nodeId: string, timestamp = 3): EmittedEvent {
  const [prompt, inputType] = ["Send it?", "approval"];
  return { type: "user:input:required", ...at(timestamp), nodeId, prompt, inputType };
}

function emit(...emitted: EmittedEvent[]) {
  for (const event of emitted) gateway.emit(event);
}

describe("what a snapshot says", () => {
  test("nothing is known of what nobody watches", () => {
    const view = websocket.execution(executionId);
    expect(view.getSnapshot()).toMatchObject({
      status: "pending",
      nodes: {},
      log: [],
      pending: [],
    });
    expect(view.getSnapshot()).toBe(view.getServerSnapshot());
    expect(gateway.received).toEqual([]);
  });

  test("a run from its start to its end", async () => {
    const { getSnapshot } = await watch();
    emit(events.started, nodeStarted("a"), chunk("a", "Hel"), chunk("a", "lo"), events.progress);
    drawFrame();
    expect(getSnapshot()).toMatchObject({
      status: "running",
      workflowName: "Invoices",
      progress: { completed: 1, total: 2, percentage: 50 },
      startedAt: 1,
      nodes: {
        a: {
          nodeId: "a",
          status: "running",
          name: "Node a",
          type: "llm",
          attempt: 1,
          startedAt: 2,
          text: "Hello",
          textDropped: 0,
        },
      },
    });
    expect(getSnapshot().endedAt).toBeUndefined();
    emit(nodeCompleted("a", { pages: 3 }), events.completed);
    expect(getSnapshot()).toMatchObject({
      status: "completed",
      progress: { percentage: 100 },
      endedAt: 9,
      duration: 8,
      outputs: { total: 3 },
      nodes: { a: { status: "completed", output: { pages: 3 }, endedAt: 4, duration: 2 } },
    });
    expect(getSnapshot().log.map(({ type, nodeId }) => [type, nodeId])).toEqual([
      ["execution:started", undefined],
      ["node:started", "a"],
      ["node:completed", "a"],
      ["execution:progress", undefined],
      ["execution:completed", undefined],
    ]);
    expect(getSnapshot().log[0]?.event).toEqual(events.started);
  });

  test("a failure names its node, and what went wrong", async () => {
    const { getSnapshot } = await watch();
    emit(nodeStarted("a"), events.failed);
    expect(getSnapshot()).toMatchObject({
      status: "failed",
      error: "no route",
      failedNodeId: "b",
      nodes: { a: { status: "stopped" }, b: { status: "failed" } },
    });
  });

  test("a retry says when, and why", async () => {
    const { getSnapshot } = await watch();
    const retry = { attempt: 2, nextRetryIn: 1000, error: "timeout" };
    emit(nodeStarted("a"), chunk("a", "gone"));
    emit({ type: "node:retry", ...at(4), nodeId: "a", ...retry });
    drawFrame();
    expect(getSnapshot().nodes.a).toMatchObject({
      status: "retrying",
      attempt: 2,
      retryAt: 1004,
      error: "timeout",
      text: "",
    });
    emit(nodeStarted("a", 1004), chunk("a", "new", 1005));
    drawFrame();
    const { status, attempt, retryAt, error, text } = getSnapshot().nodes.a ?? {};
    expect({ status, attempt, text }).toEqual({ status: "running", attempt: 2, text: "new" });
    expect([retryAt, error]).toEqual([undefined, undefined]);
  });

  test("a question waits for its answer, also this page's own", async () => {
    const { getSnapshot } = await watch();
    emit(question("a"));
    const { pending, nodes } = getSnapshot();
    expect(pending).toMatchObject([{ nodeId: "a", prompt: "Send it?" }]);
    expect(nodes.a).toMatchObject({ status: "waiting" });
    expect(nodes.a?.question).toBe(pending[0]);
    await websocket.submitUserInput(executionId, "a", "yes");
    drawFrame();
    expect(getSnapshot().pending).toEqual([]);
    expect(getSnapshot().nodes.a).toMatchObject({ status: "running", question: undefined });
    expect(getSnapshot().log.at(-1)?.event).toMatchObject({ value: "yes" });
  });

  test("a node may have any name", async () => {
    const { getSnapshot } = await watch();
    emit(nodeStarted("__proto__"), nodeStarted("constructor"));
    drawFrame();
    expect(Object.keys(getSnapshot().nodes)).toEqual(["__proto__", "constructor"]);
    expect(Object.values(getSnapshot().nodes)).toMatchObject([
      { nodeId: "__proto__", status: "running" },
      { nodeId: "constructor", status: "running" },
    ]);
    expect(getSnapshot().nodes.toString).toBeUndefined();
  });

  test("it is incomplete where the server does not send what has passed", async () => {
    websocket.subscribeToExecution(executionId);
    await gateway.subscribed(executionId);
    const { getSnapshot } = await watch();
    expect(getSnapshot().isComplete).toBe(false);
  });
});

describe("what stays the same", () => {
  test("all that has not changed, and everything is frozen", async () => {
    const { getSnapshot } = await watch();
    emit(events.started, nodeStarted("a"), nodeStarted("b"), question("b"), events.progress);
    drawFrame();
    const before = getSnapshot();
    emit(chunk("a", "text"));
    drawFrame();
    const after = getSnapshot();
    expect(after).not.toBe(before);
    expect(after.nodes).not.toBe(before.nodes);
    expect(after.nodes.a).not.toBe(before.nodes.a);
    expect(after.nodes.b).toBe(before.nodes.b);
    const rest = ({ nodes, ...rest }: Execution) => Object.entries(rest);
    for (const [i, [name, value]] of rest(after).entries()) {
      expect(value, name).toBe(rest(before)[i]?.[1]);
    }
    const parts = [after, ...rest(after).map(([, part]) => part), after.nodes, after.nodes.a];
    expect(parts.every((part) => Object.isFrozen(part))).toBe(true);
    expect(Object.isFrozen(after.log[0])).toBe(true);
  });

  test("the nodes, where only the header has changed", async () => {
    const { getSnapshot } = await watch();
    emit(events.started, nodeStarted("a"));
    drawFrame();
    const before = getSnapshot();
    emit(events.progress);
    drawFrame();
    expect(getSnapshot().progress.completed).toBe(1);
    expect(getSnapshot().nodes).toBe(before.nodes);
  });

  test("the snapshot, where an event says nothing new", async () => {
    const told = vi.fn();
    const { getSnapshot } = await watch(told);
    emit(nodeStarted("a"));
    drawFrame();
    told.mockClear();
    const before = getSnapshot();
    emit(nodeStarted("a"));
    drawFrame();
    expect(getSnapshot()).toBe(before);
    expect(told).not.toHaveBeenCalled();
  });

  test("the view, while it is watched", async () => {
    const view = websocket.execution(executionId);
    const end = view.subscribe(() => {});
    expect(websocket.execution(executionId)).toBe(view);
    end();
  });
});

describe("when a subscriber is told", () => {
  test("once for all that has happened before a frame", async () => {
    const told = vi.fn();
    const { getSnapshot } = await watch(told);
    told.mockClear();
    const before = getSnapshot();
    emit(events.started, nodeStarted("a"), chunk("a", "1"), chunk("a", "2"));
    expect(told).not.toHaveBeenCalled();
    expect(getSnapshot()).toBe(before);
    drawFrame();
    expect(told).toHaveBeenCalledTimes(1);
    expect(getSnapshot().nodes.a?.text).toBe("12");
    drawFrame();
    vi.advanceTimersByTime(1000);
    expect(told).toHaveBeenCalledTimes(1);
  });

  test("in every third frame, while much happens", async () => {
    const told = vi.fn();
    const { getSnapshot } = await watch(told);
    const words = (count: number) => Array.from({ length: count }, () => chunk("a", "word "));
    emit(...words(100));
    drawFrames(3);
    told.mockClear();
    for (const timesTold of [0, 0, 1, 1, 1, 2]) {
      emit(...words(9));
      drawFrame();
      expect(told).toHaveBeenCalledTimes(timesTold);
    }
    expect(getSnapshot().nodes.a?.text).toBe("word ".repeat(154));
    // And in each frame again, as soon as it is less.
    for (const timesTold of [3, 4]) {
      emit(...words(8));
      drawFrame();
      expect(told).toHaveBeenCalledTimes(timesTold);
    }
  });

  test("of the last that happened, though nothing follows it", async () => {
    const told = vi.fn();
    const { getSnapshot } = await watch(told);
    told.mockClear();
    emit(...Array.from({ length: 9 }, () => chunk("a", "word ")));
    drawFrames(2);
    expect(told).not.toHaveBeenCalled();
    drawFrame();
    expect(told).toHaveBeenCalledTimes(1);
    expect(getSnapshot().nodes.a?.text).toBe("word ".repeat(9));
    drawFrame();
    vi.advanceTimersByTime(1000);
    expect(told).toHaveBeenCalledTimes(1);
  });

  test("without frames, as in a hidden page, a little later", async () => {
    const told = vi.fn();
    const { getSnapshot } = await watch(told);
    told.mockClear();
    emit(nodeStarted("a"));
    vi.advanceTimersByTime(249);
    expect(told).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(told).toHaveBeenCalledTimes(1);
    expect(getSnapshot().nodes.a?.status).toBe("running");
    drawFrame();
    expect(told).toHaveBeenCalledTimes(1);
  });

  test("where there are no frames at all", async () => {
    const { getSnapshot } = await watch();
    vi.stubGlobal("requestAnimationFrame", undefined);
    emit(nodeStarted("a"));
    vi.advanceTimersByTime(16);
    expect(getSnapshot().nodes.a?.status).toBe("running");
  });

  test.each([
    ["an end", events.completed],
    ["a failure", events.failed],
    ["a question", question("a")],
  ])("at once of %s, after the handlers", async (_, event) => {
    const order: string[] = [];
    await watch(() => order.push("subscriber"));
    order.length = 0;
    websocket.on("*", () => order.push("handler"), { executionId });
    emit(nodeStarted("a"));
    expect(order).toEqual(["handler"]);
    emit(event);
    expect(order).toEqual(["handler", "handler", "subscriber"]);
    drawFrame();
    expect(order).toHaveLength(3);
  });

  test("each, though one throws, and not one that has ended", async () => {
    const reported = vi.fn();
    vi.stubGlobal("reportError", reported);
    const [first, last] = [vi.fn(), vi.fn()];
    const view = websocket.execution(executionId);
    view.subscribe(() => {
      endLast();
      throw new Error("thrown by a subscriber");
    });
    view.subscribe(first);
    const endLast = view.subscribe(last);
    await gateway.subscribed(executionId);
    emit(events.completed);
    expect(first).toHaveBeenCalled();
    expect(last).not.toHaveBeenCalled();
    expect(reported).toHaveBeenCalledWith(new Error("thrown by a subscriber"));
  });
});

describe("who watches", () => {
  const count = (type: string) =>
    gateway.received.filter((message) => message.type === type).length;

  test("subscribers share one subscription, and the last one ends it", async () => {
    websocket.configure({ unsubscribeDelayMs: 100 });
    const first = await watch();
    const second = await watch();
    expect(count("subscribe")).toBe(1);
    first.end();
    first.end();
    vi.advanceTimersByTime(1000);
    expect(websocket.stats().subscriptions).toBe(1);
    second.end();
    vi.advanceTimersByTime(99);
    expect(count("unsubscribe")).toBe(0);
    vi.advanceTimersByTime(101);
    expect(count("unsubscribe")).toBe(1);
    expect(websocket.execution(executionId).getSnapshot().status).toBe("pending");
  });

  test("whoever mounts again at once finds what was there", async () => {
    const first = await watch();
    emit(nodeStarted("a"), events.completed);
    const before = first.getSnapshot();
    first.end();
    vi.advanceTimersByTime(249);
    const second = await watch();
    expect(second.getSnapshot()).toBe(before);
    vi.advanceTimersByTime(1000);
    expect(second.getSnapshot()).toBe(before);
  });

  test("another subscription of the execution stays", async () => {
    websocket.subscribeToExecution(executionId);
    const { end } = await watch();
    end();
    vi.advanceTimersByTime(1000);
    const handler = vi.fn();
    websocket.on("node:started", handler);
    emit(nodeStarted("a"));
    expect(handler).toHaveBeenCalledTimes(1);
  });

  test("handlers get what they got, and what they change nothing", async () => {
    const { getSnapshot } = await watch();
    const handled: unknown[] = [];
    websocket.on("node:completed", (event) => handled.push(event));
    emit(nodeCompleted("a", { pages: 3 }));
    drawFrame();
    expect(handled).toEqual([nodeCompleted("a", { pages: 3 })]);
    expect(getSnapshot().log[0]?.event).toBe(handled[0]);
  });

  test("other executions are their own", async () => {
    const { getSnapshot } = await watch();
    const other = websocket.execution("exec_2");
    other.subscribe(() => {});
    await gateway.subscribed("exec_2");
    emit(nodeStarted("a"));
    gateway.emit({ ...nodeStarted("b"), executionId: "exec_2" } as EmittedEvent);
    drawFrame();
    expect(Object.keys(getSnapshot().nodes)).toEqual(["a"]);
    expect(Object.keys(other.getSnapshot().nodes)).toEqual(["b"]);
  });

  test("an id that is none is refused when it is subscribed", () => {
    const view = websocket.execution("");
    expect(view.getSnapshot().status).toBe("pending");
    expect(() => view.subscribe(() => {})).toThrow(TypeError);
  });

  test("over the limit a subscription is refused, and nothing is watched", async () => {
    websocket.configure({ limits: { maxSubscriptions: 1 } });
    await watch();
    const other = websocket.execution("exec_2");
    expect(() => other.subscribe(() => {})).toThrow(RequestError);
    expect(websocket.execution("exec_2")).not.toBe(other);
  });
});

describe("what is kept", () => {
  test("the end of the text, the latest of the log, and no output that is too large", async () => {
    websocket.configure({
      execution: { maxLogEntries: 2, maxTextLength: 4, maxOutputLength: 200 },
    });
    const { getSnapshot } = await watch();
    emit(nodeStarted("a"), chunk("a", "abc"), chunk("a", "def"));
    emit(nodeCompleted("a", "x".repeat(200)), events.progress);
    drawFrame();
    expect(getSnapshot().nodes.a).toMatchObject({
      status: "completed",
      text: "cdef",
      textDropped: 2,
      output: undefined,
    });
    expect(getSnapshot().log.map(({ type, event }) => [type, event !== undefined])).toEqual([
      ["node:completed", false],
      ["execution:progress", true],
    ]);
    expect(getSnapshot().truncated).toEqual({ nodes: 0, log: 1, payloads: 1 });
  });

  test("a chunk that is longer than the limit, its end", async () => {
    websocket.configure({ execution: { maxTextLength: 3 } });
    const { getSnapshot } = await watch();
    emit(chunk("a", "abcde"));
    drawFrame();
    expect(getSnapshot().nodes.a).toMatchObject({ text: "cde", textDropped: 2 });
    emit(chunk("a", "f"));
    drawFrame();
    expect(getSnapshot().nodes.a).toMatchObject({ text: "def", textDropped: 3 });
  });

  test("a thousand nodes", async () => {
    const { getSnapshot } = await watch();
    for (let i = 0; i <= 1000; i++) emit(nodeStarted(`node_${i}`));
    drawFrames(3);
    expect(Object.keys(getSnapshot().nodes)).toHaveLength(1000);
    expect(getSnapshot().truncated.nodes).toBe(1);
  });

  test.each([
    [{ maxLogEntries: 0 }, "execution.maxLogEntries must be a whole number from 1"],
    [{ maxTextLength: -1 }, "execution.maxTextLength must be"],
    [{ maxOutputLength: 0.5 }, "execution.maxOutputLength must be"],
    [{ maxLog: 1 }, "there is no option execution.maxLog"],
  ])("%o is refused", (execution, message) => {
    expect(() => websocket.configure({ execution } as never)).toThrow(message);
  });
});

describe("what has passed", () => {
  const told = { ...at(1), workflowName: "Invoices", totalNodes: 2, type: "execution:started" };

  async function keepHistory() {
    gateway.restore();
    gateway = new FakeGateway({ features: ["replay"] });
    websocket.configure({ url: "wss://test/ws", logLevel: "silent" });
    await websocket.connect("token");
  }

  test("is sent by a server that keeps it", async () => {
    await keepHistory();
    emit(events.started, nodeStarted("a"), chunk("a", "Hello"));
    const { getSnapshot } = await watch();
    emit(events.completed);
    expect(getSnapshot()).toMatchObject({
      isComplete: true,
      workflowName: "Invoices",
      nodes: { a: { text: "Hello" } },
    });
  });

  test("is asked for where somebody has subscribed before, and not handled twice", async () => {
    await keepHistory();
    const handler = vi.fn();
    websocket.on("*", handler, { executionId });
    websocket.subscribeToExecution(executionId);
    await gateway.subscribed(executionId);
    emit(events.started, nodeStarted("a"), chunk("a", "Hel"));
    const view = websocket.execution(executionId);
    view.subscribe(() => {});
    emit(chunk("a", "lo"));
    drawFrame();
    expect(view.getSnapshot().isComplete).toBe(false);
    await vi.waitFor(() => {
      drawFrame();
      expect(view.getSnapshot().isComplete).toBe(true);
    });
    expect(view.getSnapshot()).toMatchObject({
      workflowName: "Invoices",
      nodes: { a: { status: "running", text: "Hello" } },
    });
    expect(handler).toHaveBeenCalledTimes(4);
  });

  test("is not asked for where somebody subscribes in the same breath", async () => {
    await keepHistory();
    websocket.subscribeToExecution(executionId);
    const { getSnapshot } = await watch();
    expect(getSnapshot().isComplete).toBe(true);
    expect(gateway.received.map(({ type }) => type)).toEqual(["subscribe"]);
  });

  test("may come from elsewhere, and counts once", async () => {
    const { getSnapshot } = await watch();
    emit(nodeCompleted("b", 1), events.progress, chunk("a", "lo"));
    drawFrame();
    expect(getSnapshot().isComplete).toBe(false);
    const other = { ...told, executionId: "exec_2", workflowName: "Other" };
    const unknown = { type: "billing:updated", executionId };
    const streamed = [chunk("a", "Hel"), chunk("a", "lo")];
    const past = [nodeCompleted("b", 1), told, other, unknown, ...streamed, nodeStarted("a")];
    websocket.restoreExecution(executionId, past);
    drawFrame();
    expect(getSnapshot()).toMatchObject({ isComplete: true, workflowName: "Invoices" });
    expect(Object.keys(getSnapshot().nodes)).toEqual(["b", "a"]);
    expect(getSnapshot().nodes.a?.text).toBe("Hello");
    expect(getSnapshot().log.map(({ type }) => type)).toEqual([
      "execution:started",
      "node:started",
      "node:completed",
      "execution:progress",
    ]);
    emit(chunk("a", "!"));
    drawFrame();
    expect(getSnapshot().nodes.a?.text).toBe("Hello!");
  });

  test("from elsewhere with numbers goes to its place", async () => {
    await keepHistory();
    const { getSnapshot } = await watch();
    emit(chunk("a", "1"), chunk("a", "2"));
    websocket.restoreExecution(executionId, [
      { ...chunk("a", "1"), seq: 1 },
      { ...chunk("a", "2"), seq: 2 },
      { ...chunk("a", "3"), seq: 3 },
    ]);
    emit(chunk("a", "3"), chunk("a", "4"));
    drawFrame();
    expect(getSnapshot().nodes.a?.text).toBe("1234");
  });

  test("from elsewhere is checked, and changes nothing when it is wrong", async () => {
    const { getSnapshot } = await watch();
    emit(nodeStarted("a"));
    drawFrame();
    const before = getSnapshot();
    const wrong = { type: "node:completed", ...at(4), nodeId: "a", output: 1 };
    const restore = () => websocket.restoreExecution(executionId, [told, wrong]);
    expect(restore).toThrow(new TypeError("node:completed.duration: missing"));
    drawFrame();
    expect(getSnapshot()).toBe(before);
  });

  test("from elsewhere is of no use to nobody", () => {
    websocket.restoreExecution(executionId, [told]);
    drawFrame();
    expect(websocket.execution(executionId).getSnapshot().status).toBe("pending");
  });
});

describe("a knowledge base", () => {
  const knowledgeBaseId = "kb_1";
  const document = { knowledgeBaseId, documentId: "doc_1" };
  const processing: EmittedEvent = {
    type: "kb:document:processing",
    timestamp: 1,
    ...document,
    documentName: "a.pdf",
  };

  test("has documents", () => {
    const told = vi.fn();
    const view = websocket.documents(knowledgeBaseId);
    view.subscribe(told);
    gateway.emit(processing);
    gateway.emit({ ...processing, knowledgeBaseId: "kb_2" } as EmittedEvent);
    gateway.emit({ ...processing, documentId: "doc_2", timestamp: 2 } as EmittedEvent);
    drawFrame();
    expect(told).toHaveBeenCalledTimes(1);
    const before = view.getSnapshot();
    expect(before.documents).toMatchObject({
      doc_1: { documentId: "doc_1", status: "processing", name: "a.pdf", startedAt: 1 },
      doc_2: { status: "processing" },
    });
    gateway.emit({ type: "kb:document:completed", timestamp: 3, ...document, chunkCount: 7 });
    drawFrame();
    const after = view.getSnapshot();
    expect(after.documents.doc_1).toMatchObject({ status: "completed", chunkCount: 7, endedAt: 3 });
    expect(after.documents.doc_2).toBe(before.documents.doc_2);
    expect(after.truncated).toBe(before.truncated);
    expect(Object.isFrozen(after.documents)).toBe(true);
  });

  test("fails to have one", () => {
    const view = websocket.documents(knowledgeBaseId);
    view.subscribe(() => {});
    gateway.emit({ type: "kb:document:failed", timestamp: 3, ...document, error: "no text" });
    drawFrame();
    expect(view.getSnapshot().documents.doc_1).toMatchObject({
      status: "failed",
      error: "no text",
    });
  });

  test("may have missed something once the connection was lost", () => {
    const view = websocket.documents(knowledgeBaseId);
    view.subscribe(() => {});
    expect(view.getSnapshot().isComplete).toBe(true);
    gateway.dropConnection();
    drawFrame();
    expect(view.getSnapshot().isComplete).toBe(false);
  });

  test("is forgotten when nobody subscribes any more, and its place taken by another", () => {
    const view = websocket.documents(knowledgeBaseId);
    const end = view.subscribe(() => {});
    const other = websocket.documents("kb_2");
    other.subscribe(() => {});
    gateway.emit(processing);
    drawFrame();
    end();
    vi.advanceTimersByTime(250);
    expect(view.getSnapshot().documents).toEqual({});
    const third = websocket.documents("kb_3");
    third.subscribe(() => {});
    gateway.emit({ ...processing, knowledgeBaseId: "kb_2" } as EmittedEvent);
    gateway.emit({ ...processing, knowledgeBaseId: "kb_3", documentId: "x" } as EmittedEvent);
    drawFrame();
    expect(Object.keys(other.getSnapshot().documents)).toEqual(["doc_1"]);
    expect(Object.keys(third.getSnapshot().documents)).toEqual(["x"]);
  });
});
