import { act, render, screen } from "@testing-library/react";
import { websocket } from "flowmaestro-websocket";
import {
  type ExecutionEventHandlers,
  useDocumentEvents,
  useEvent,
  useExecutionEvents,
} from "flowmaestro-websocket/react";
import { type ReactNode, StrictMode, Suspense, startTransition, useState } from "react";
import { beforeEach, expect, test, vi } from "vitest";
import { chunk, emit, frames, gateway, pass, started } from "./setup";

beforeEach(async () => {
  await websocket.connect("token");
});

type Props = ExecutionEventHandlers & { executionId: string | null };

function Execution({ executionId, ...handlers }: Props) {
  useExecutionEvents(executionId, handlers);
  return null;
}

test("only events of the execution arrive, each at its handler", async () => {
  const handlers = {
    onStart: vi.fn(),
    onProgress: vi.fn(),
    onNodeStart: vi.fn(),
    onNodeComplete: vi.fn(),
    onNodeFail: vi.fn(),
    onNodeRetry: vi.fn(),
    onNodeStream: vi.fn(),
    onUserInputRequired: vi.fn(),
    onComplete: vi.fn(),
    onFail: vi.fn(),
  };
  render(<Execution executionId="exec_1" {...handlers} />);
  render(<Execution executionId="exec_2" />);
  await pass(0);
  const of = (executionId: string) => ({ executionId, nodeId: "node_1" });
  for (const id of ["exec_1", "exec_2"]) {
    emit(started(id));
    emit({ type: "execution:progress", executionId: id, completed: 1, total: 3, percentage: 33.3 });
    emit({ type: "node:started", ...of(id), nodeName: "Read", nodeType: "reader" });
    emit({ type: "node:retry", ...of(id), attempt: 2, nextRetryIn: 100, error: "busy" });
    emit(chunk(id, "text"));
    emit({ type: "user:input:required", ...of(id), prompt: "Well?", inputType: "approval" });
    emit({ type: "node:completed", ...of(id), output: 1, duration: 5 });
    emit({ type: "node:failed", ...of(id), error: "no" });
    emit({ type: "execution:failed", executionId: id, status: "failed", error: "no" });
  }
  const { onComplete, ...others } = handlers;
  for (const handler of Object.values(others)) {
    expect(handler).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({ executionId: "exec_1" }),
    );
  }
  expect(onComplete).not.toHaveBeenCalled();
});

test("a completed execution is told, and released", async () => {
  const onComplete = vi.fn();
  render(<Execution executionId="exec_1" onComplete={onComplete} />);
  await pass(0);
  const result = { status: "completed", outputs: { sent: 3 }, duration: 9 } as const;
  emit({ type: "execution:completed", executionId: "exec_1", ...result });
  expect(onComplete).toHaveBeenCalledExactlyOnceWith(expect.objectContaining(result));
});

test("five renders with inline handlers send nothing", async () => {
  const subscribe = vi.spyOn(websocket, "subscribeToExecution");
  const { rerender } = render(<Execution executionId="exec_1" onStart={() => {}} />);
  await pass(0);
  gateway.clearReceived();
  for (let i = 0; i < 5; i++) {
    rerender(<Execution executionId="exec_1" onStart={() => {}} onFail={() => {}} />);
    await pass(1000);
  }
  gateway.assertNothingReceived();
  expect(subscribe).toHaveBeenCalledOnce();
});

test("a handler sees the latest closure", async () => {
  const seen: string[] = [];
  const component = (label: string) => (
    <Execution executionId="exec_1" onNodeStream={({ chunk }) => seen.push(`${label} ${chunk}`)} />
  );
  const { rerender } = render(component("first"));
  await pass(0);
  emit(chunk("exec_1", "a"));
  rerender(component("second"));
  emit(chunk("exec_1", "b"));
  expect(seen).toEqual(["first a", "second b"]);
});

test("a handler that comes later is called, one that is gone is not", async () => {
  const onNodeStream = vi.fn();
  const { rerender } = render(<Execution executionId="exec_1" />);
  await pass(0);
  rerender(<Execution executionId="exec_1" onNodeStream={onNodeStream} />);
  emit(chunk("exec_1", "a"));
  rerender(<Execution executionId="exec_1" />);
  emit(chunk("exec_1", "b"));
  expect(onNodeStream).toHaveBeenCalledOnce();
});

test("two components share a subscription, and one leaving does not silence the other", async () => {
  const onNodeStream = vi.fn();
  render(<Execution executionId="exec_1" onNodeStream={onNodeStream} />);
  const leaving = render(<Execution executionId="exec_1" />);
  await pass(0);
  leaving.unmount();
  await pass(60_000);
  emit(chunk("exec_1", "text"));
  expect(onNodeStream).toHaveBeenCalledOnce();
  expect(frames()).toEqual(["subscribe exec_1"]);
});

test("the last one leaving ends the subscription and the handlers", async () => {
  const onNodeStream = vi.fn();
  const { unmount } = render(<Execution executionId="exec_1" onNodeStream={onNodeStream} />);
  await pass(0);
  unmount();
  emit(chunk("exec_1", "late"));
  await pass(1000);
  expect(frames()).toEqual(["subscribe exec_1", "unsubscribe exec_1"]);
  expect(onNodeStream).not.toHaveBeenCalled();
  expect(websocket.stats()).toMatchObject({ handlers: 0, subscriptions: 0 });
});

test("a StrictMode double mount sends one subscribe", async () => {
  const onStart = vi.fn();
  render(<Execution executionId="exec_1" onStart={onStart} />, { wrapper: StrictMode });
  await pass(60_000);
  emit(started("exec_1"));
  expect(frames()).toEqual(["subscribe exec_1"]);
  expect(onStart).toHaveBeenCalledOnce();
});

test("another id moves the subscription, and null ends it", async () => {
  const onStart = vi.fn();
  const component = (id: string | null) => <Execution executionId={id} onStart={onStart} />;
  const { rerender } = render(component(null));
  await pass(1000);
  rerender(component("exec_1"));
  await pass(1000);
  rerender(component("exec_2"));
  await pass(1000);
  expect(frames()).toEqual(["subscribe exec_1", "subscribe exec_2", "unsubscribe exec_1"]);
  emit(started("exec_2"));
  expect(onStart).toHaveBeenCalledExactlyOnceWith(
    expect.objectContaining({ executionId: "exec_2" }),
  );
  rerender(component(null));
  await pass(1000);
  gateway.assertNotSubscribed("exec_2");
});

test("subscriptions come back after a reconnect", async () => {
  const onStart = vi.fn();
  render(<Execution executionId="exec_1" onStart={onStart} />);
  await pass(0);
  act(() => gateway.dropConnection());
  await pass(1000);
  emit(started("exec_1"));
  expect(onStart).toHaveBeenCalledOnce();
});

test("a render that React throws away leaves nothing behind", async () => {
  const never = new Promise<never>(() => {});
  let open: (executionId: string) => void = () => {};
  function Suspending(): ReactNode {
    throw never;
  }
  function Page() {
    const [executionId, setExecutionId] = useState<string | null>(null);
    open = setExecutionId;
    return executionId === null ? (
      <p>closed</p>
    ) : (
      <>
        <Execution executionId={executionId} />
        <Suspending />
      </>
    );
  }
  render(<Page />, { wrapper: ({ children }) => <Suspense fallback="…">{children}</Suspense> });
  await act(async () => startTransition(() => open("exec_1")));
  await pass(1000);
  expect(screen.getByText("closed")).toBeTruthy();
  gateway.assertNothingReceived();
});

test("a subscription that is refused is reported, and the page stays", async () => {
  websocket.configure({ limits: { maxSubscriptions: 1 } });
  const reportError = vi.fn();
  vi.stubGlobal("reportError", reportError);
  render(
    <>
      <Execution executionId="exec_1" />
      <Execution executionId="exec_2" />
      <p>still here</p>
    </>,
  );
  await pass(0);
  vi.unstubAllGlobals();
  expect(screen.getByText("still here")).toBeTruthy();
  expect(reportError).toHaveBeenCalledExactlyOnceWith(
    expect.objectContaining({ name: "RequestError", code: "too_many_subscriptions" }),
  );
  expect(frames()).toEqual(["subscribe exec_1"]);
});

test("only the documents of the knowledge base arrive", async () => {
  const handlers = { onProcessing: vi.fn(), onCompleted: vi.fn(), onFailed: vi.fn() };
  function Documents({ knowledgeBaseId }: { knowledgeBaseId: string | null }) {
    useDocumentEvents(knowledgeBaseId, handlers);
    return null;
  }
  const { rerender, unmount } = render(<Documents knowledgeBaseId={null} />);
  const emitAll = (knowledgeBaseId: string) => {
    const of = { knowledgeBaseId, documentId: "doc_1" };
    emit({ type: "kb:document:processing", ...of, documentName: "notes.md" });
    emit({ type: "kb:document:completed", ...of, chunkCount: 3 });
    emit({ type: "kb:document:failed", ...of, error: "unreadable" });
  };
  emitAll("kb_1");
  rerender(<Documents knowledgeBaseId="kb_1" />);
  emitAll("kb_1");
  emitAll("kb_2");
  for (const handler of Object.values(handlers)) {
    expect(handler).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({ knowledgeBaseId: "kb_1" }),
    );
  }
  unmount();
  expect(websocket.stats().handlers).toBe(0);
});

test("useEvent listens to one type, of one execution, while it is enabled", async () => {
  const seen: string[] = [];
  function Listener({ enabled, label }: { enabled: boolean; label: string }) {
    const options = { executionId: "exec_1", enabled };
    useEvent("node:stream", ({ chunk }) => seen.push(`${label} ${chunk}`), options);
    return null;
  }
  websocket.subscribeToExecution("exec_1");
  websocket.subscribeToExecution("exec_2");
  await pass(0);
  const { rerender } = render(<Listener enabled={false} label="first" />);
  emit(chunk("exec_1", "a"));
  rerender(<Listener enabled label="second" />);
  emit(chunk("exec_1", "b"));
  emit(chunk("exec_2", "c"));
  rerender(<Listener enabled label="third" />);
  emit(chunk("exec_1", "d"));
  expect(seen).toEqual(["second b", "third d"]);
});

test("useEvent takes names that this version does not know", async () => {
  const handler = vi.fn();
  function Listener() {
    useEvent("billing:updated", handler);
    return null;
  }
  render(<Listener />);
  act(() => void gateway.send({ type: "billing:updated", amount: 3 }));
  expect(handler).toHaveBeenCalledExactlyOnceWith({ type: "billing:updated", amount: 3 });
});
