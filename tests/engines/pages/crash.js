// A page whose client dies on demand.

import { websocket } from "/package/index.js";

const told = { chunks: [], errors: [], states: [], runs: 0 };

globalThis.begin = async (url, executionId) => {
  // With everything that an instance may be told, and a fresh one has to be told again.
  const reconnect = { initialDelayMs: 10, jitter: "none" };
  websocket.configure({ url: "ws://nowhere.invalid/", reconnect, logLevel: "silent" });
  websocket.configure({ url, reconnect: { multiplier: 1 } });
  websocket.on("node:stream", ({ chunk }) => told.chunks.push(chunk), { executionId });
  websocket.on("connection:error", ({ code }) => told.errors.push(code));
  websocket.on("connection:state", ({ state }) => told.states.push(state.status));
  // What has ended stays so, and its number may be another's by then.
  websocket.on("node:stream", () => console.error("a handler that was removed was called"))();
  websocket.subscribeToExecution(executionId, { presence: true });
  websocket.subscribeToExecution(executionId);
  await websocket.connect("a token");
};

/** Watches what the execution looks like, for which every event counts. */
globalThis.watch = (executionId) => {
  websocket.execution(executionId).subscribe(() => {
    told.runs += 1;
  });
};

/** Dies in a call, as its name says. What is thrown is told. */
globalThis.die = (how) => {
  try {
    websocket.hasHandlers(`crash:${how}`);
    return "nothing";
  } catch (error) {
    return `${error.name}: ${error.code}`;
  }
};

/** Asks for what the instance dies before: how that ends. */
globalThis.askAndDie = async (executionId) => {
  const calls = [
    websocket.submitUserInput(executionId, "n", "yes"),
    websocket.replay(executionId, 0),
  ];
  globalThis.die("trap");
  const settled = await Promise.allSettled(calls);
  return settled.map(({ reason }) => reason?.code);
};

/** Unsubscribes as often as was subscribed. */
globalThis.leave = (executionId) => {
  for (let times = 0; times < 2; times++) websocket.unsubscribeFromExecution(executionId);
};

globalThis.told = (executionId) => ({
  ...told,
  problems: globalThis.problems(),
  state: websocket.state.status,
  error: websocket.state.error?.code,
  text: websocket.execution(executionId).getSnapshot().nodes.n?.text,
});
