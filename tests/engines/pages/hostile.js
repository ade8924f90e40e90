// A page that takes whatever its server sends.

import { websocket } from "/package/index.js";

let last = "";
let good = 0;
let errors = 0;

/** Connects, and counts events and errors from then on. */
globalThis.connect = async (url, executionId) => {
  websocket.configure({ url, logLevel: "silent" });
  websocket.on("node:stream", ({ chunk, seq }) => {
    if (String(seq) !== chunk) return;
    last = chunk;
    good += 1;
  });
  websocket.on("connection:error", () => {
    errors += 1;
  });
  websocket.subscribeToExecution(executionId);
  await websocket.connect("a token");
};

globalThis.seen = () => ({
  last,
  good,
  errors,
  problems: globalThis.problems(),
  isConnected: websocket.isConnected(),
});
