// Nothing is left in a page after very much use of the client.
//
//   npm run test:engines    a small one
//   npm run test:soak       1,000,000 messages, and 100,000 times everything else

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { MEASURED_ENGINES } from "../support/engines.mjs";
import { openPage, useSite } from "./support/page.mjs";
import { StreamServer } from "./support/stream-server.mjs";

const WHOLE = process.argv.includes("--whole");

/** How often each thing is done: to warm the engine up, and then what must leave nothing. */
const LOADS = WHOLE
  ? {
      warmUp: {
        messages: 100_000,
        registrations: 20_000,
        subscriptions: 10_000,
        connections: 5_000,
      },
      load: {
        messages: 1_000_000,
        registrations: 100_000,
        subscriptions: 100_000,
        connections: 100_000,
      },
    }
  : {
      warmUp: { messages: 5_000, registrations: 1_000, subscriptions: 200, connections: 50 },
      load: { messages: 10_000, registrations: 30_000, subscriptions: 400, connections: 100 },
    };

/** What the engine's own code and statistics may grow by, as a share of the heap, and in bytes. */
const TOLERANCE = WHOLE ? 0.05 : 0.15;

const RETRY_MS = 20;
const PATIENCE_MS = 15_000;

const KIB = 1024;

const site = useSite();

for (const name of MEASURED_ENGINES) {
  test(`${name} keeps nothing of what is over`, async (t) => {
    const server = new StreamServer();
    const engine = await openPage(t, { name, server, url: site.page("soak") });
    await engine.call("configure", server.url);

    await use(engine, server, "exec_warm_up", LOADS.warmUp);
    const before = await measure(engine);
    const started = performance.now();
    await use(engine, server, "exec_load", LOADS.load);
    const seconds = (performance.now() - started) / 1000;
    const after = await measure(engine);

    const heap = ({ heapBytes }) => `${(heapBytes / KIB).toFixed(0)} KiB`;
    t.diagnostic(
      `${name}: ${JSON.stringify(LOADS.load)} in ${seconds.toFixed(1)} s; heap ${heap(before)}, ` +
        `then ${heap(after)}; WebAssembly ${before.wasmPages}, then ${after.wasmPages} pages; ` +
        `${after.awaited} objects of the client's wait to be collected, before ${before.awaited}`,
    );
    assert.equal(after.wasmPages, before.wasmPages, "WebAssembly memory grew");
    assert.ok(after.heapBytes <= before.heapBytes * (1 + TOLERANCE), "the heap grew");
    assert.equal(after.awaited, before.awaited, "closures are left");
    for (const what of ["timers", "listeners", "sockets"]) {
      assert.equal(after[what], 0, `${what} are left`);
    }
  });
}

/** Does everything so many times, with an execution that has not been before, and leaves. */
async function use(
  engine,
  server,
  executionId,
  { messages, registrations, subscriptions, connections },
) {
  await engine.call("connectAndDisconnect", connections);
  await engine.call("onAndOff", registrations);
  await engine.call("watch", executionId);
  await engine.call("subscribeAndUnsubscribe", subscriptions);
  await server.stream(executionId, messages);
  await deliveredAll(engine, messages);
  const left = await engine.call("leave", executionId);
  assert.deepEqual(left, { handlers: 0, subscriptions: 0 });
}

async function deliveredAll(engine, messages) {
  let last = -1;
  for (let deadline = 0; ; ) {
    const delivered = await engine.call("delivered");
    if (delivered === messages) return;
    // A page that is busy with them is no failure.
    if (delivered > last) deadline = Date.now() + PATIENCE_MS;
    assert.ok(Date.now() < deadline, `${delivered} of ${messages} messages came`);
    last = delivered;
    await delay(RETRY_MS);
  }
}

async function measure(engine) {
  const heapBytes = await engine.heapBytes();
  // After the collection, of which finalizers were told.
  return { heapBytes, ...(await engine.call("kept")) };
}
