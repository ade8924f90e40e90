// Which handlers are called for an event, and in which order, whatever they do meanwhile.

import { websocket } from "flowmaestro-websocket";
import { FakeGateway } from "flowmaestro-websocket/testing";
import { afterEach, beforeEach, expect, test } from "vitest";

const executionId = "exec_1";
const type = "execution:progress";

let gateway: FakeGateway;
let called: string[];

beforeEach(async () => {
  called = [];
  gateway = new FakeGateway();
  websocket.configure({ url: "wss://test/ws", logLevel: "silent" });
  await websocket.connect("token");
  for (const id of [executionId, "exec_2"]) {
    websocket.subscribeToExecution(id);
    await gateway.subscribed(id);
  }
});

afterEach(() => {
  gateway.restore();
});

/** Emits one event; returns who was called for it. */
function emit(of = executionId): string[] {
  called = [];
  gateway.emit({ type, timestamp: 1, executionId: of, completed: 1, total: 2, percentage: 50 });
  return called;
}

/** Registers a handler that says its name, and then does something. */
function on(name: string, options = {}, then = () => {}, of: typeof type | "*" = type) {
  const handler = () => {
    called.push(name);
    then();
  };
  return websocket.on(of, handler, options);
}

test("those of all executions and of one take turns as they were registered, and `*` is last", () => {
  on("any", {}, undefined, "*");
  on("all 1");
  on("one 1", { executionId });
  on("other", { executionId: "exec_2" });
  on("all 2");
  on("one 2", { executionId });
  expect(emit()).toEqual(["all 1", "one 1", "all 2", "one 2", "any"]);
  expect(emit("exec_2")).toEqual(["all 1", "other", "all 2", "any"]);
});

test.each([
  ["of one execution", { executionId }],
  ["of all", {}],
])(
  "one %s that was removed meanwhile is not called, and none twice or not at all",
  (_, options) => {
    const ends: (() => void)[] = [];
    on("a", options);
    // The place of those behind it moves by one.
    on("b", options, () => ends[0]?.());
    ends.push(on("c", options));
    on("d", options);
    expect(emit()).toEqual(["a", "b", "d"]);
    ends[0] = on("e", options);
    expect(emit()).toEqual(["a", "b", "d"]);
  },
);

test.each([
  ["of one execution", { executionId }],
  ["of all", {}],
])("one %s that ends those before it is followed by the next", (_, options) => {
  const ends = [on("a", options), on("b", options)];
  on("c", options, () => {
    for (const end of ends) end();
  });
  on("d", options);
  on("e", options);
  expect(emit()).toEqual(["a", "b", "c", "d", "e"]);
  expect(emit()).toEqual(["c", "d", "e"]);
});

test("one that came meanwhile is called from the next event on", () => {
  let hasAdded = false;
  on("a", { executionId }, () => {
    if (hasAdded) return;
    hasAdded = true;
    on("new");
    on("new of one", { executionId });
  });
  on("b", { executionId });
  expect(emit()).toEqual(["a", "b"]);
  expect(emit()).toEqual(["a", "b", "new", "new of one"]);
});

test("those that are called once are gone before they are called", () => {
  on("a", { executionId, once: true }, () => {
    if (called.length === 1)
      gateway.emit({ type, timestamp: 2, executionId, completed: 2, total: 2, percentage: 100 });
  });
  on("b", { executionId, once: true });
  on("c", { executionId });
  expect(emit()).toEqual(["a", "b", "c", "c"]);
  expect(emit()).toEqual(["c"]);
});

test("a type has handlers until the last of them ends, whatever its execution", () => {
  const ends = [on("a", { executionId }), on("b", { executionId: "exec_2" }), on("c")];
  for (const end of ends) {
    expect(websocket.hasHandlers(type)).toBe(true);
    end();
  }
  expect(websocket.hasHandlers(type)).toBe(false);
});
