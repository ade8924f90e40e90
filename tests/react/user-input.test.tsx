import { act, render } from "@testing-library/react";
import { websocket } from "flowmaestro-websocket";
import { type UserInputHook, useUserInput } from "flowmaestro-websocket/react";
import { beforeEach, expect, test } from "vitest";
import { emit, gateway, pass } from "./setup";

beforeEach(async () => {
  await websocket.connect("token");
});

/** Renders the hook; `hook()` is what it gave last. */
function renderHook(executionId: string | null) {
  let latest: UserInputHook | undefined;
  function Component(props: { executionId: string | null }) {
    latest = useUserInput(props.executionId);
    return null;
  }
  const { rerender, unmount } = render(<Component executionId={executionId} />);
  const hook = () => {
    if (!latest) throw new Error("nothing was rendered");
    return latest;
  };
  return {
    hook,
    unmount,
    rerender: (id: string | null) => rerender(<Component executionId={id} />),
  };
}

function ask(executionId: string, nodeId: string, prompt = "Well?") {
  const request = { executionId, nodeId, prompt, inputType: "text" };
  emit({ type: "user:input:required", ...request });
}

const prompts = ({ pending }: UserInputHook) => pending.map(({ request }) => request.prompt);

test("requests of the execution wait, oldest first; a newer one of a node replaces its older", async () => {
  const { hook } = renderHook("exec_1");
  websocket.subscribeToExecution("exec_2");
  await pass(0);
  ask("exec_1", "node_1", "first");
  ask("exec_1", "node_2", "second");
  ask("exec_2", "node_1", "another's");
  expect(prompts(hook())).toEqual(["first", "second"]);
  ask("exec_1", "node_1", "again");
  expect(prompts(hook())).toEqual(["second", "again"]);
});

test("an answer is sent, and its request is gone at once", async () => {
  const { hook } = renderHook("exec_1");
  await pass(0);
  ask("exec_1", "node_1");
  ask("exec_1", "node_2", "other");
  act(() => void hook().submit("node_1", { approved: true }));
  expect(prompts(hook())).toEqual(["other"]);
  await pass(0);
  gateway.assertReceived({
    type: "user:input:response",
    executionId: "exec_1",
    nodeId: "node_1",
    value: { approved: true },
  });
  expect(prompts(hook())).toEqual(["other"]);
});

test("an answer that was not sent brings its request back, with the error", async () => {
  const { hook } = renderHook("exec_1");
  await pass(0);
  ask("exec_1", "node_1");
  act(() => gateway.dropConnection());
  act(() => void hook().submit("node_1", "yes"));
  expect(hook().pending).toEqual([]);
  act(() => websocket.disconnect());
  await pass(0);
  expect(hook().pending).toMatchObject([
    { request: { nodeId: "node_1" }, error: { name: "RequestError", code: "not_connected" } },
  ]);
});

test("an answer that cannot be sent says why, and can be tried again", async () => {
  const { hook } = renderHook("exec_1");
  await pass(0);
  ask("exec_1", "node_1");
  act(() => void hook().submit("node_1", 1n));
  await pass(0);
  expect(hook().pending).toMatchObject([{ error: { code: "not_serializable" } }]);
  act(() => void hook().submit("node_1", 1));
  await pass(0);
  expect(hook().pending).toEqual([]);
});

test("an error of an older answer leaves the newer request alone", async () => {
  const { hook } = renderHook("exec_1");
  await pass(0);
  ask("exec_1", "node_1");
  const notSent = hook().submit("node_1", 1n);
  ask("exec_1", "node_1", "again");
  await act(() => expect(notSent).rejects.toMatchObject({ code: "not_serializable" }));
  expect(hook().pending).toEqual([
    { request: expect.objectContaining({ nodeId: "node_1", prompt: "again" }) },
  ]);
});

test("what was answered elsewhere on the page is gone", async () => {
  const { hook } = renderHook("exec_1");
  await pass(0);
  ask("exec_1", "node_1");
  await act(() => websocket.submitUserInput("exec_1", "node_1", "yes"));
  expect(hook().pending).toEqual([]);
});

test("a node that goes on waits no longer, nor does an execution that ended", async () => {
  const { hook } = renderHook("exec_1");
  await pass(0);
  for (const nodeId of ["node_1", "node_2", "node_3", "node_4"]) ask("exec_1", nodeId, nodeId);
  emit({ type: "node:completed", executionId: "exec_1", nodeId: "node_1", output: 1, duration: 1 });
  emit({ type: "node:failed", executionId: "exec_1", nodeId: "node_2", error: "timed out" });
  expect(prompts(hook())).toEqual(["node_3", "node_4"]);
  emit({ type: "execution:failed", executionId: "exec_1", status: "failed", error: "stopped" });
  expect(hook().pending).toEqual([]);
  ask("exec_1", "node_5");
  const result = { status: "completed", outputs: {}, duration: 1 } as const;
  emit({ type: "execution:completed", executionId: "exec_1", ...result });
  expect(hook().pending).toEqual([]);
});

test("another execution starts with nothing", async () => {
  const { hook, rerender } = renderHook("exec_1");
  await pass(0);
  ask("exec_1", "node_1");
  rerender("exec_2");
  expect(hook().pending).toEqual([]);
  await pass(1000);
  gateway.assertSubscribed("exec_2");
  gateway.assertNotSubscribed("exec_1");
});

test("a component that is gone leaves nothing behind", async () => {
  const { unmount } = renderHook("exec_1");
  await pass(0);
  unmount();
  await pass(1000);
  expect(websocket.stats()).toMatchObject({ handlers: 0, subscriptions: 0 });
});

test("without an execution an answer is refused, with a reason", async () => {
  const { hook } = renderHook(null);
  await expect(hook().submit("node_1", "yes")).rejects.toThrow(/executionId must be a string/);
});
