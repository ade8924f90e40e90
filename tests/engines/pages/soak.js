// A page that uses the client for as long as it is told to.

import { websocket } from "/package/index.js";

/** How many executions are subscribed at a time. */
const AT_ONCE = 50;

let delivered = 0;

const count = () => {
  delivered += 1;
};

globalThis.configure = (url) =>
  websocket.configure({ url, logLevel: "silent", unsubscribeDelayMs: 0 });

/** Connects and disconnects so many times. */
globalThis.connectAndDisconnect = async (times) => {
  for (let left = times; left > 0; left -= 1) {
    await websocket.connect("a token");
    websocket.disconnect();
  }
};

/** Registers handlers and ends them so many times, in each of the ways that there are. */
globalThis.onAndOff = (times) => {
  for (let left = times; left > 0; left -= 1) {
    websocket.on("node:stream", count, { executionId: `exec_${left % 10}` })();
    websocket.on(`my:${left}`, count);
    websocket.off(`my:${left}`, count);
    const controller = new AbortController();
    websocket.once("*", count, { signal: controller.signal });
    controller.abort();
  }
};

/** Connects, and watches an execution. */
globalThis.watch = async (executionId) => {
  await websocket.connect("a token");
  delivered = 0;
  globalThis.unlisten = websocket.on("node:stream", count, { executionId });
  const subscribed = once("connection:subscribed");
  websocket.subscribeToExecution(executionId);
  await subscribed;
};

/** Subscribes to executions and leaves them so many times, all but the one that is watched. */
globalThis.subscribeAndUnsubscribe = async (times) => {
  for (let left = times; left > 0; left -= AT_ONCE) {
    const count = Math.min(AT_ONCE, left);
    const executionIds = Array.from({ length: count }, (_, index) => `left_${left - index}`);
    const subscribed = executionIds.map((executionId) =>
      once("connection:subscribed", { executionId }),
    );
    for (const executionId of executionIds) websocket.subscribeToExecution(executionId);
    await Promise.all(subscribed);
    for (const executionId of executionIds) websocket.unsubscribeFromExecution(executionId);
    while (websocket.stats().subscriptions > 1) await macrotask();
  }
};

globalThis.delivered = () => delivered;

/** Ends everything, and says what the client holds then. */
globalThis.leave = async (executionId) => {
  globalThis.unlisten();
  websocket.unsubscribeFromExecution(executionId);
  websocket.disconnect();
  // A socket takes a moment to close.
  while (kept().sockets > 0) await macrotask();
  const { handlers, subscriptions } = websocket.stats();
  return { handlers, subscriptions };
};

function once(type, options) {
  return new Promise((resolve) => websocket.once(type, resolve, options));
}

/** Unlike a timer it is not put off in a page that uses many. */
function macrotask() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
