import { act, render, screen } from "@testing-library/react";
import { websocket } from "flowmaestro-websocket";
import {
  type ConnectionHook,
  type ConnectionHookOptions,
  useConnectionState,
  useWebSocket,
} from "flowmaestro-websocket/react";
import { StrictMode } from "react";
import { renderToString } from "react-dom/server";
import { expect, test, vi } from "vitest";
import { emit, frames, gateway, pass, started, startGateway } from "./setup";

type Props = ConnectionHookOptions & { token: Parameters<typeof useWebSocket>[0] };

function Connected({ token, ...options }: Props) {
  const { isConnected, state } = useWebSocket(token, options);
  return <p>{isConnected ? "online" : state.status}</p>;
}

function Status() {
  return <p>{useConnectionState().status}</p>;
}

/** What a component gets from `useWebSocket`, after its last render. */
function renderHook(token: string) {
  const seen: ConnectionHook[] = [];
  function Component() {
    seen.push(useWebSocket(token));
    return null;
  }
  const { rerender } = render(<Component />);
  return { seen, rerender: () => rerender(<Component />) };
}

const connections = () => websocket.stats().attempts;

test("a missing token waits, and connects once it is there", async () => {
  const { rerender } = render(<Connected token={null} />);
  await pass(60_000);
  expect(screen.getByText("disconnected")).toBeTruthy();
  expect(connections()).toBe(0);
  rerender(<Connected token="token" />);
  await pass(0);
  expect(screen.getByText("online")).toBeTruthy();
});

test("a StrictMode double mount opens one socket", async () => {
  render(<Connected token="token" disconnectOnUnmount />, { wrapper: StrictMode });
  await pass(0);
  expect(screen.getByText("online")).toBeTruthy();
  expect(connections()).toBe(1);
});

test("the connection stays when the last component is gone, and is used by the next", async () => {
  const { unmount } = render(<Connected token="token" />);
  await pass(0);
  unmount();
  await pass(60_000);
  expect(websocket.isConnected()).toBe(true);
  render(<Connected token="token" />);
  await pass(0);
  expect(connections()).toBe(1);
});

test("the last component ends the connection where the option says so, no other does", async () => {
  const first = render(<Connected token="token" disconnectOnUnmount />);
  const second = render(<Connected token="token" disconnectOnUnmount />);
  await pass(0);
  first.unmount();
  await pass(60_000);
  expect(websocket.isConnected()).toBe(true);
  second.unmount();
  await pass(0);
  expect(websocket.state.status).toBe("disconnected");
});

test("signing out ends the connection, unless another component has a token", async () => {
  const first = render(<Connected token="token" />);
  const second = render(<Connected token="token" />);
  await pass(0);
  first.rerender(<Connected token={null} />);
  await pass(0);
  expect(websocket.isConnected()).toBe(true);
  second.rerender(<Connected token={null} />);
  await pass(0);
  expect(websocket.state.status).toBe("disconnected");
});

test("when the last of two users is gone, the connection is the other's again", async () => {
  const tokens: string[] = [];
  gateway.restore();
  startGateway({ authenticate: (token) => tokens.push(token) > 0 });
  render(<Connected token="ada" />);
  await pass(0);
  const second = render(<Connected token="grace" />);
  await pass(0);
  second.unmount();
  await pass(0);
  expect(tokens).toEqual(["ada", "grace", "ada"]);
  expect(websocket.isConnected()).toBe(true);
});

test("a new token is a new connection", async () => {
  const { rerender } = render(<Connected token="ada" />);
  await pass(0);
  rerender(<Connected token="grace" />);
  await pass(0);
  expect(websocket.isConnected()).toBe(true);
  expect(connections()).toBe(2);
});

test("an inline provider is asked for each connection, not for each render", async () => {
  const fetchToken = vi.fn(async (user: string) => user);
  const { rerender } = render(<Connected token={() => fetchToken("first render")} />);
  await pass(0);
  for (const render of ["second", "third", "last"]) {
    rerender(<Connected token={() => fetchToken(`${render} render`)} />);
    await pass(0);
  }
  expect(connections()).toBe(1);
  act(() => gateway.dropConnection());
  await pass(1000);
  expect(websocket.isConnected()).toBe(true);
  expect(fetchToken.mock.calls).toEqual([["first render"], ["last render"]]);
});

test("a render is no reason to try again once the client has given up", async () => {
  gateway.refuseConnections();
  const component = () => <Connected token={async () => "token"} />;
  const { rerender } = render(component());
  await pass(60_000);
  expect(screen.getByText("failed")).toBeTruthy();
  const attempts = connections();
  rerender(component());
  await pass(60_000);
  expect(connections()).toBe(attempts);
});

test("a provider still gives tokens when its component is gone", async () => {
  const { unmount } = render(<Connected token={async () => "token"} />);
  await pass(0);
  unmount();
  gateway.dropConnection();
  await pass(1000);
  expect(websocket.isConnected()).toBe(true);
});

test("two components with providers share a connection", async () => {
  render(<Connected token={async () => "token"} />);
  await pass(0);
  render(<Connected token={async () => "token"} />);
  await pass(0);
  expect(connections()).toBe(1);
});

test("the functions stay the same, and do what their names say", async () => {
  const { seen, rerender } = renderHook("token");
  rerender();
  await pass(0);
  const [first, last] = [seen[0], seen.at(-1)];
  expect(last?.subscribe).toBe(first?.subscribe);
  const handler = vi.fn();
  const unlisten = last?.subscribe("execution:started", handler);
  last?.subscribeToExecution("exec_1");
  await pass(0);
  emit(started("exec_1"));
  expect(handler).toHaveBeenCalledOnce();
  unlisten?.();
  last?.unsubscribeFromExecution("exec_1");
  await pass(1000);
  expect(frames()).toEqual(["subscribe exec_1", "unsubscribe exec_1"]);
  expect(websocket.hasHandlers("execution:started")).toBe(false);
});

test("a component can try again at once", async () => {
  const { seen } = renderHook("token");
  await pass(0);
  act(() => gateway.dropConnection());
  expect(seen.at(-1)?.state).toMatchObject({ status: "waiting", attempt: 1 });
  act(() => seen.at(-1)?.reconnectNow());
  await pass(0);
  expect(seen.at(-1)?.isConnected).toBe(true);
});

test("the state is followed without connecting", async () => {
  render(<Status />);
  expect(screen.getByText("disconnected")).toBeTruthy();
  await act(() => websocket.connect("token"));
  expect(screen.getByText("connected")).toBeTruthy();
  act(() => gateway.dropConnection());
  expect(screen.getByText("waiting")).toBeTruthy();
});

test("a server renders that there is no connection", () => {
  const html = renderToString(<Connected token="token" />);
  expect(html).toBe("<p>disconnected</p>");
  expect(connections()).toBe(0);
});
