// What an execution looks like: which components render again, and when.

import { act, render, screen } from "@testing-library/react";
import { type Execution, websocket } from "flowmaestro-websocket";
import {
  useDocuments,
  useExecution,
  useExecutionLog,
  useNode,
  useNodeStream,
} from "flowmaestro-websocket/react";
import type { EmittedEvent } from "flowmaestro-websocket/testing";
import { Profiler, type ReactNode, StrictMode, useState } from "react";
import { hydrateRoot } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { beforeEach, expect, test, vi } from "vitest";
import { chunk, emit, frames, pass, started } from "./setup";

const executionId = "exec_1";

beforeEach(async () => {
  await websocket.connect("token");
});

function nodeStarted(nodeId: string): EmittedEvent {
  return { type: "node:started", executionId, nodeId, nodeName: nodeId, nodeType: "llm" };
}

const completed = {
  type: "execution:completed",
  executionId,
  status: "completed",
  outputs: {},
  duration: 9,
} as const satisfies EmittedEvent;

/** Counts the commits of what is in it. */
function counted(children: ReactNode) {
  const commits = vi.fn();
  return {
    commits,
    element: (
      <Profiler id="counted" onRender={() => commits()}>
        {children}
      </Profiler>
    ),
  };
}

function Status({ id = executionId }: { id?: string | null }) {
  const { status } = useExecution(id);
  return <output>{status}</output>;
}

test("a component shows what has happened, from the next frame on", async () => {
  render(<Status />);
  await pass(0);
  emit(started(executionId));
  expect(screen.getByRole("status").textContent).toBe("pending");
  await pass(20);
  expect(screen.getByRole("status").textContent).toBe("running");
  emit(completed);
  expect(screen.getByRole("status").textContent).toBe("completed");
});

test("many events in a frame are one render", async () => {
  const { commits, element } = counted(<Status />);
  render(element);
  await pass(20);
  commits.mockClear();
  emit(started(executionId));
  for (let i = 0; i < 100; i++) emit(chunk(executionId, "x"));
  // That many are shown in the third frame after the last.
  await pass(60);
  expect(commits).toHaveBeenCalledOnce();
});

test("a component of a node renders when that has changed, and no other", async () => {
  function Node({ nodeId }: { nodeId: string }) {
    const node = useNode(executionId, nodeId);
    return <p>{`${nodeId} ${node?.status} ${node?.text}`}</p>;
  }
  const one = counted(<Node nodeId="node_1" />);
  const two = counted(<Node nodeId="node_2" />);
  render(one.element);
  render(two.element);
  await pass(20);
  emit(nodeStarted("node_1"));
  emit(nodeStarted("node_2"));
  await pass(20);
  expect(screen.getByText("node_2 running")).toBeTruthy();
  one.commits.mockClear();
  two.commits.mockClear();
  emit(chunk(executionId, "Hello"));
  emit({ type: "execution:progress", executionId, completed: 1, total: 2, percentage: 50 });
  await pass(20);
  expect(screen.getByText("node_1 running Hello")).toBeTruthy();
  expect(one.commits).toHaveBeenCalledOnce();
  expect(two.commits).not.toHaveBeenCalled();
});

test("streamed text, and the log", async () => {
  function Text() {
    const text = useNodeStream(executionId, "node_1");
    const log = useExecutionLog(executionId);
    return <p>{`${text}|${log.map(({ type }) => type)}`}</p>;
  }
  render(<Text />);
  await pass(0);
  emit(started(executionId));
  emit(chunk(executionId, "Hel"));
  emit(chunk(executionId, "lo"));
  await pass(20);
  expect(screen.getByText("Hello|execution:started")).toBeTruthy();
});

test("a selector may be inline, and make a new object, where it says what is equal", async () => {
  const same = (before: { done: number }, after: { done: number }) => before.done === after.done;
  const values = new Set<object>();
  function Done() {
    const [, render] = useState(0);
    const value = useExecution(executionId, ({ progress }) => ({ done: progress.completed }), same);
    values.add(value);
    return (
      <button type="button" onClick={() => render((n) => n + 1)}>
        {value.done}
      </button>
    );
  }
  const { commits, element } = counted(<Done />);
  render(element);
  await pass(20);
  commits.mockClear();
  emit(started(executionId));
  await pass(20);
  expect(commits).not.toHaveBeenCalled();
  act(() => screen.getByRole("button").click());
  expect(values.size).toBe(1);
  emit({ type: "execution:progress", executionId, completed: 1, total: 2, percentage: 50 });
  await pass(20);
  expect(screen.getByText("1")).toBeTruthy();
});

test("without an equality a selector that makes a new object does not render for ever", async () => {
  const all = (run: Execution) => ({ ...run });
  function All() {
    return <output>{useExecution(executionId, (run) => all(run)).status}</output>;
  }
  render(<All />);
  await pass(0);
  emit(completed);
  expect(screen.getByRole("status").textContent).toBe("completed");
});

test("components share a subscription, which renders do not touch and the last one ends", async () => {
  const { rerender, unmount } = render(
    <StrictMode>
      <Status />
      <Status />
    </StrictMode>,
  );
  await pass(0);
  expect(frames()).toEqual(["subscribe exec_1"]);
  rerender(
    <StrictMode>
      <Status />
    </StrictMode>,
  );
  await pass(2000);
  expect(frames()).toEqual(["subscribe exec_1"]);
  unmount();
  await pass(2000);
  expect(frames()).toEqual(["subscribe exec_1", "unsubscribe exec_1"]);
});

test("the same function is subscribed from render to render", async () => {
  const view = websocket.execution(executionId);
  const end = view.subscribe(() => {});
  const subscribe = vi.spyOn(websocket, "execution");
  const { rerender } = render(<Status />);
  for (let i = 0; i < 5; i++) rerender(<Status />);
  expect(subscribe).toHaveBeenCalledOnce();
  end();
});

test("another execution, and none", async () => {
  const { rerender } = render(<Status />);
  await pass(0);
  emit(completed);
  rerender(<Status id="exec_2" />);
  expect(screen.getByRole("status").textContent).toBe("pending");
  rerender(<Status id={null} />);
  await pass(2000);
  expect(screen.getByRole("status").textContent).toBe("pending");
  expect(websocket.stats().subscriptions).toBe(0);
});

test("what the client refuses goes to the page's error reporting", async () => {
  const reported = vi.fn();
  vi.stubGlobal("reportError", reported);
  render(<Status id="" />);
  expect(reported).toHaveBeenCalledWith(expect.any(TypeError));
  expect(screen.getByRole("status").textContent).toBe("pending");
  vi.unstubAllGlobals();
});

test("a server renders nothing that is known, and the browser goes on from there", async () => {
  const html = renderToString(<Status />);
  expect(html).toBe("<output>pending</output>");
  const end = websocket.execution(executionId).subscribe(() => {});
  await pass(0);
  emit(completed);
  const container = document.createElement("div");
  container.innerHTML = html;
  const onRecoverableError = vi.fn();
  const root = await act(async () => hydrateRoot(container, <Status />, { onRecoverableError }));
  expect(onRecoverableError).not.toHaveBeenCalled();
  expect(container.textContent).toBe("completed");
  act(() => root.unmount());
  end();
});

test("the documents of a knowledge base", async () => {
  function Documents() {
    const { documents } = useDocuments("kb_1");
    const first = useDocuments("kb_1", (base) => base.documents.doc_1?.status);
    const all = Object.values(documents).map(({ name, status }) => `${name} ${status}`);
    return <p>{`${all} ${first}`}</p>;
  }
  render(<Documents />);
  const of = { knowledgeBaseId: "kb_1", documentId: "doc_1" };
  emit({ type: "kb:document:processing", ...of, documentName: "a.pdf" });
  await pass(20);
  expect(screen.getByText("a.pdf processing processing")).toBeTruthy();
  emit({ type: "kb:document:completed", ...of, chunkCount: 3 });
  await pass(20);
  expect(screen.getByText("a.pdf completed completed")).toBeTruthy();
});
