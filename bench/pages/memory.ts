// Whether the client keeps what it need not.

// Before the client, which makes its instance at the first call.
import "../../tests/support/wasm-pages.js";
import "../fake-socket.js";

import { websocket } from "flowmaestro-websocket";
import { makeEvents, TYPES } from "../events.mjs";
import { lastSocket, messageOf } from "../fake-socket.js";

const PROTOCOL = "numbered";
const EXECUTION = "exec_0";

/** Events of a run that is watched and left. */
const EVENTS_PER_RUN = 20;

/** Events that are made at a time. */
const CHUNK = 10_000;

let seq = 0;
let runs = 0;
let handled = 0;

async function setUp(): Promise<void> {
  websocket.configure({ url: `ws://localhost/${PROTOCOL}`, unsubscribeDelayMs: 0 });
  await websocket.connect("none");
  for (const type of TYPES) websocket.on(type, handle, { executionId: EXECUTION });
  const subscribed = until("connection:subscribed");
  websocket.subscribeToExecution(EXECUTION);
  await subscribed;
}

/** So many events of one execution. */
async function deliverEvents(count: number): Promise<void> {
  for (let delivered = 0; delivered < count; delivered += CHUNK) {
    const next = Math.min(CHUNK, count - delivered);
    deliver(EXECUTION, next, seq + 1);
    seq += next;
    await macrotask();
  }
}

/** So many executions, each subscribed, handled and left. */
async function watchRuns(count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    const executionId = `run_${runs++}`;
    const subscribed = until("connection:subscribed");
    const unlisten = TYPES.map((type) => websocket.on(type, handle, { executionId }));
    websocket.subscribeToExecution(executionId);
    await subscribed;
    deliver(executionId, EVENTS_PER_RUN, 1);
    for (const end of unlisten) end();
    websocket.unsubscribeFromExecution(executionId);
    while (websocket.stats().subscriptions > 1) await macrotask();
  }
}

function deliver(executionId: string, count: number, firstSeq: number): void {
  const socket = lastSocket();
  handled = 0;
  for (const event of makeEvents({ executionId, count, seed: firstSeq, firstSeq })) {
    socket.deliver(messageOf(JSON.stringify(event)));
  }
  if (handled !== count) throw new Error(`${handled} of ${count} events came`);
}

function handle(): void {
  handled += 1;
}

function until(type: "connection:subscribed"): Promise<void> {
  return new Promise((resolve) => websocket.once(type, () => resolve()));
}

function macrotask(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

Object.assign(globalThis, { setUp, deliverEvents, watchRuns });
