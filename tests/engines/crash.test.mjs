// The client's WebAssembly dies: for the page that is one more reconnect, and a typed error. The build
// is one whose client dies on demand.

import assert from "node:assert/strict";
import { join } from "node:path";
import { before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { ROOT, run, TARGET_DIR } from "../../scripts/lib/run.mjs";
import { EPOCH, EXECUTION, HostileServer } from "../client/support/hostile-server.mjs";
import { ENGINES, lacking } from "../support/engines.mjs";
import { openPage, useSite } from "./support/page.mjs";

const PATIENCE_MS = 15_000;
const RETRY_MS = 20;

/** In a call of the page's. */
const DEATHS = ["panic", "trap", "stack"];

const site = useSite(join(TARGET_DIR, "crash/pkg"));

before(() => run("node", [join(ROOT, "scripts/build.mjs"), "--crash"]));

for (const name of ENGINES) {
  const skip = lacking(name);
  let engine;
  let server;

  /** A page that is subscribed, and has got two events. */
  async function begin(t) {
    server = new HostileServer();
    engine = await openPage(t, { name, server, url: site.page("crash") });
    await engine.call("begin", server.url, EXECUTION);
    server.sendNext();
    server.sendNext();
    await until(({ chunks }) => chunks.length === 2);
  }

  async function until(condition) {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const told = await engine.call("told", EXECUTION);
      if (condition(told)) return told;
      assert.ok(Date.now() < deadline, `it did not come to this: ${JSON.stringify(told)}`);
      await delay(RETRY_MS);
    }
  }

  test(`${name}: a death in a call is one more reconnect`, { skip }, async (t) => {
    await begin(t);
    await engine.call("watch", EXECUTION);
    for (const [index, how] of DEATHS.entries()) {
      assert.equal(await engine.call("die", how), "ConnectionError: crashed");
      const again = index + 2;
      await until(({ state }) => state === "connected" && server.connections === again);
      const asked = server.received.filter(({ type }) => type === "subscribe").at(-1);
      assert.deepEqual([asked.after, asked.epoch], [index + 2, EPOCH]);
      await untilOpen(1);
      server.sendNext();
      await until(({ chunks }) => chunks.length === index + 3);
    }
    const { chunks, errors, problems, states } = await engine.call("told", EXECUTION);
    assert.deepEqual(chunks, ["1", "2", "3", "4", "5"]);
    assert.deepEqual(errors, ["crashed", "crashed", "crashed"]);
    assert.deepEqual(problems, []);
    const round = ["connecting", "connected"];
    assert.deepEqual(states, [...round, ...round, ...round, ...round]);
    // What is watched has all of it, from the server's history.
    await until(({ text }) => text === "12345");
  });

  test(`${name}: an event in which it dies comes again`, { skip }, async (t) => {
    await begin(t);
    await engine.call("die", "event");
    server.sendNext();
    const { chunks, errors } = await until((told) => told.chunks.length === 3);
    assert.deepEqual(chunks, ["1", "2", "3"]);
    assert.deepEqual(errors, ["crashed"]);
    assert.equal(server.connections, 2);
    await engine.call("leave", EXECUTION);
  });

  test(`${name}: it goes on after events that nobody listens to, too`, { skip }, async (t) => {
    await begin(t);
    // Read, it would be refused: it lacks a name.
    server.sendNext({ type: "node:started" });
    server.sendNext();
    await until(({ chunks }) => chunks.length === 3);
    await engine.call("die", "trap");
    await until(({ state }) => state === "connected" && server.connections === 2);
    server.sendNext();
    const { chunks, errors } = await until((told) => told.chunks.length >= 4);
    assert.deepEqual(chunks, ["1", "2", "4", "5"]);
    assert.deepEqual(errors, ["crashed"]);
  });

  test(`${name}: calls that wait for it are settled`, { skip }, async (t) => {
    await begin(t);
    server.isSilent = true;
    const codes = await engine.call("askAndDie", EXECUTION);
    assert.deepEqual(codes, ["unconfirmed", "connection_lost"]);
  });

  test(`${name}: a storm of deaths ends in a failure`, { skip }, async (t) => {
    await begin(t);
    for (let death = 1; death <= 4; death++) {
      await engine.call("die", "trap");
      if (death < 4) await until(({ state }) => state === "connected");
    }
    const { error, states } = await until(({ state }) => state === "failed");
    assert.equal(error, "crashed");
    assert.equal(states.at(-1), "failed");
    assert.equal(await engine.call("die", "trap"), "ConnectionError: crashed");
    await untilOpen(0);
    assert.equal(server.connections, 4);
  });

  /** Waits until the page has so many sockets. */
  async function untilOpen(count) {
    const deadline = Date.now() + PATIENCE_MS;
    while (server.open !== count) {
      assert.ok(Date.now() < deadline, `${server.open} sockets are open`);
      await delay(RETRY_MS);
    }
  }
}
