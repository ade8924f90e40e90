// A hundred thousand hostile frames in a real page: the next good one is delivered, once.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { EXECUTION, HostileServer } from "../client/support/hostile-server.mjs";
import { ENGINES, lacking } from "../support/engines.mjs";
import { hostileFrames } from "./support/hostile-frames.mjs";
import { openPage, useSite } from "./support/page.mjs";

const FRAMES = 100_000;

/** A good frame comes after each so many. */
const BETWEEN = 5_000;

const PATIENCE_MS = 30_000;
const RETRY_MS = 20;

const site = useSite();

for (const name of ENGINES) {
  test(`${FRAMES} hostile frames in ${name} cost nothing but themselves`, {
    skip: lacking(name),
  }, async (t) => {
    const server = new HostileServer();
    const engine = await openPage(t, { name, server, url: site.page("hostile") });
    await engine.call("connect", server.url, EXECUTION);
    const started = performance.now();
    let sent = 0;
    for (const frame of hostileFrames(FRAMES, 1)) {
      server.send(frame);
      sent += 1;
      if (sent % BETWEEN === 0) await takes(engine, server.sendNext());
    }
    const seconds = (performance.now() - started) / 1000;
    const { good, errors, problems } = await engine.call("seen");
    t.diagnostic(`${name}: ${sent} frames in ${seconds.toFixed(1)} s, ${errors} told as errors`);
    assert.equal(good, FRAMES / BETWEEN);
    assert.equal(server.connections, 1);
    assert.deepEqual(problems, []);
    assert.ok(errors > FRAMES / 10, `only ${errors} of the frames were hostile`);
  });
}

/** Waits until the page has got this event, on the connection that it had from the beginning. */
async function takes(engine, { chunk }) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const seen = await engine.call("seen");
    assert.ok(seen.isConnected, "the connection was lost");
    if (seen.last === chunk) return;
    assert.ok(Date.now() < deadline, `event ${chunk} never came; the last was ${seen.last}`);
    await delay(RETRY_MS);
  }
}
