import { act, cleanup, fireEvent, render, screen, within } from "@testing-library/react";
import { bindWorkflowStore } from "flowmaestro-websocket";
import { FakeGateway } from "flowmaestro-websocket/testing";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { AppLayout } from "./components/AppLayout";
import { CompletedNodes } from "./components/CompletedNodes";
import { ExecutionMonitor } from "./components/ExecutionMonitor";
import { ExecutionViewer } from "./components/ExecutionViewer";
import { RunButton } from "./components/RunButton";
import { wsClient } from "./lib/websocket";
import { useWorkflowStore } from "./stores/workflowStore";

const AT = Date.UTC(2025, 9, 29);
const EXECUTION = { executionId: "exec_1", timestamp: AT };
const NODE = { ...EXECUTION, nodeId: "node_1" };

let gateway: FakeGateway;

beforeEach(() => {
  gateway = new FakeGateway();
  useWorkflowStore.setState(useWorkflowStore.getInitialState());
});

afterEach(() => {
  cleanup();
  gateway.restore();
  localStorage.clear();
  vi.unstubAllGlobals();
});

const emit = (...events: Parameters<FakeGateway["emit"]>[0][]) =>
  act(() => {
    for (const event of events) gateway.emit(event);
  });

const lines = (list: string) =>
  within(screen.getByLabelText(list))
    .queryAllByRole("listitem")
    .map((item) => item.textContent);

const aRun = [
  { ...EXECUTION, type: "execution:started", workflowName: "Report", totalNodes: 2 },
  { ...NODE, type: "node:started", nodeName: "Read", nodeType: "reader" },
  { ...NODE, type: "node:completed", output: { pages: 3 }, duration: 7 },
  { ...EXECUTION, type: "execution:progress", completed: 1, total: 2, percentage: 50 },
  { ...EXECUTION, nodeId: "node_2", type: "node:failed", error: "no paper" },
  { ...EXECUTION, type: "execution:failed", status: "failed", error: "no paper" },
] as const;

test("the application's layout and monitor show a run, also over a reconnect", async () => {
  localStorage.setItem("auth_token", "token");
  render(
    <AppLayout>
      <ExecutionViewer executionId="exec_1" />
      <ExecutionMonitor executionId="exec_1" />
      <CompletedNodes />
    </AppLayout>,
  );
  await act(() => gateway.subscribed("exec_1"));
  expect(screen.getByText("live")).toBeTruthy();
  emit(...aRun.slice(0, 3));
  act(() => gateway.dropConnection());
  expect(screen.queryByText("live")).toBeNull();
  act(() => wsClient.reconnectNow());
  await act(() => gateway.subscribed("exec_1"));
  emit(...aRun.slice(3));
  expect(lines("log")).toEqual([
    "Workflow started: Report",
    "Node node_1 completed",
    "Progress: 1/2 nodes (50%)",
    "Node node_2 failed: no paper",
    "Workflow failed: no paper",
  ]);
  expect(lines("completed nodes")).toEqual(["exec_1 node_1 at 2025-10-29T00:00:00.000Z"]);
  expect(useWorkflowStore.getState().currentExecution?.nodes).toEqual({
    node_1: {
      status: "completed",
      startedAt: new Date(AT),
      completedAt: new Date(AT),
      output: { pages: 3 },
    },
    node_2: { status: "failed", error: "no paper" },
  });
});

test("without a token the application waits", async () => {
  render(<AppLayout>page</AppLayout>);
  await act(async () => {});
  expect(wsClient.stats().attempts).toBe(0);
});

test("a run that is started over HTTP and never unsubscribed", async () => {
  vi.stubGlobal("fetch", async () => Response.json({ executionId: "exec_1" }));
  const { unmount } = render(<RunButton token="token" />);
  fireEvent.click(screen.getByRole("button", { name: "ready" }));
  await act(() => gateway.subscribed("exec_1"));
  emit({
    ...EXECUTION,
    type: "execution:completed",
    status: "completed",
    outputs: {},
    duration: 9,
  });
  expect(screen.getByRole("button").textContent).toBe(`done at ${AT}`);
  unmount();
  expect(wsClient.hasHandlers("execution:completed")).toBe(false);
});

test("a bound store follows its execution, and no other", async () => {
  await wsClient.connect("token");
  const unbind = bindWorkflowStore(useWorkflowStore, "exec_1");
  wsClient.subscribeToExecution("exec_2");
  await gateway.subscribed("exec_2");
  emit(...aRun);
  emit({ ...NODE, executionId: "exec_2", type: "node:failed", error: "another's" });
  const run = useWorkflowStore.getState().currentExecution;
  expect(run).toMatchObject({ executionId: "exec_1", status: "failed" });
  expect(run?.nodes).toEqual({
    node_1: {
      status: "completed",
      startedAt: new Date(AT),
      completedAt: new Date(AT),
      output: { pages: 3 },
    },
    node_2: { status: "failed", error: "no paper", completedAt: new Date(AT) },
  });
  expect(run?.logs).toEqual([
    { level: "info", message: "Workflow started: Report" },
    { level: "success", message: "Node node_1 completed", nodeId: "node_1" },
    { level: "info", message: "Progress: 1 of 2 nodes (50 %)" },
    { level: "error", message: "Node node_2 failed: no paper", nodeId: "node_2" },
    { level: "error", message: "Workflow failed: no paper" },
  ]);
  unbind();
  unbind();
  expect(wsClient.stats()).toMatchObject({ handlers: 0 });
});
