// What the gateway costs beside a bare broadcast with the same libraries.

import { execFileSync } from "node:child_process";
import { compared } from "../lib/figure.mjs";
import { Load } from "../lib/load.mjs";
import { processorNanoseconds } from "../lib/process-time.mjs";
import { buildServers, startBroadcast, startGateway } from "../lib/servers.mjs";
import { median } from "../lib/statistics.mjs";

/** The executions that readers subscribe to: several readers at a time have one each. */
const EXECUTIONS = ["exec_bench", "exec_bench_batches"];

const WANTED_CONNECTIONS = 10_000;

/** Files that this process has open besides its sockets, and to spare. */
const OTHER_FILES = 500;

const HELLO = JSON.stringify({ type: "hello", features: ["replay", "ack", "batch", "ping"] });

const MAX_RATIO = 1.2;

export async function gateway({ quick }) {
  const profile = buildServers({ quick });
  const servers = [await startGateway(profile), await startBroadcast(profile)];
  try {
    for (const executionId of EXECUTIONS) await servers[0].register(executionId);
    return [await toMany(servers, quick), await toOne(servers, quick)];
  } finally {
    for (const server of servers) await server.close();
  }
}

/** One event to very many. */
async function toMany([gateway, broadcast], quick) {
  const count = quick ? 50 : Math.min(WANTED_CONNECTIONS, mostConnections());
  const [executionId] = EXECUTIONS;
  const runs = [
    { server: gateway, executionId, load: await open(gateway, count, [subscribe(executionId)]) },
    { server: broadcast, executionId, load: await open(broadcast, count) },
  ];
  const rows = await race(runs, { rounds: quick ? 2 : 20, events: 1, deliveries: count });
  for (const { load } of runs) load.close();
  const title = `Gateway: one event to ${count.toLocaleString("en")} connections`;
  if (quick || count === WANTED_CONNECTIONS) return { title, rows };
  return { title, note: "the limit of open files allows no more", rows };
}

/**
 * A stream of events to a reader who keeps up. The two of the gateway watch different executions:
 * else each round would be delivered to both of them.
 */
async function toOne([gateway, broadcast], quick) {
  const [executionId, another] = EXECUTIONS;
  const runs = [
    { server: gateway, executionId, load: await open(gateway, 1, [subscribe(executionId)]) },
    {
      server: { ...gateway, name: "gateway, batches on" },
      executionId: another,
      load: await open(gateway, 1, [HELLO, subscribe(another)]),
    },
    { server: broadcast, executionId, load: await open(broadcast, 1) },
  ];
  const events = quick ? 100 : 5000;
  const rows = await race(runs, { rounds: quick ? 2 : 20, events, deliveries: events });
  for (const { load } of runs) load.close();
  return {
    title: `Gateway: ${events.toLocaleString("en")} events, emitted at once, to one reader`,
    rows,
  };
}

function subscribe(executionId) {
  return JSON.stringify({ type: "subscribe", executionId });
}

function open({ url }, count, texts) {
  return Load.open({ url, count, texts, ready: texts && '"subscribed"' });
}

/** The servers in turns; the last is the peer of the others. */
async function race(runs, { rounds, events, deliveries }) {
  const samples = runs.map(() => ({ ms: [], nanoseconds: [] }));
  for (let round = 0; round < rounds; round++) {
    for (const [index, { server, executionId, load }] of runs.entries()) {
      const before = processorNanoseconds(server.pid);
      const mark = `the end of round ${round} of ${index}`;
      const ms = await load.until(mark, () => emit(server, executionId, events, mark));
      samples[index].ms.push(ms);
      if (before === null) continue;
      samples[index].nanoseconds.push(processorNanoseconds(server.pid) - before);
    }
  }
  const peer = { name: runs.at(-1).server.name, ...summary(samples.at(-1), deliveries) };
  return runs.flatMap(({ server: { name } }, index) => {
    const { ms, microseconds } = summary(samples[index], deliveries);
    const max = name === peer.name ? undefined : MAX_RATIO;
    const beside = (value) => ({ name: peer.name, value });
    const rows = [compared(`${name}: until all have all`, ms, "ms", beside(peer.ms), max)];
    if (microseconds === undefined) return rows;
    const cost = beside(peer.microseconds);
    rows.push(compared(`${name}: processor per delivery`, microseconds, "µs", cost, max));
    return rows;
  });
}

function summary({ ms, nanoseconds }, deliveries) {
  const perDelivery = (value) => value / deliveries / 1000;
  return {
    ms: median(ms),
    microseconds: nanoseconds.length > 0 ? perDelivery(median(nanoseconds)) : undefined,
  };
}

async function emit(server, executionId, count, mark) {
  const events = Array.from({ length: count }, (_, index) => ({
    type: "node:stream",
    timestamp: Date.now(),
    executionId,
    nodeId: `node_${index % 100}`,
    chunk: index === count - 1 ? mark : "The customer's inquiry has been ",
  }));
  const response = await server.post(events);
  if (!response.ok) throw new Error(`${server.name} refuses the events: ${response.status}`);
}

/** Both servers' connections are open at the same time, and each is a file of this process. */
function mostConnections() {
  const limit = execFileSync("sh", ["-c", "ulimit -n"], { encoding: "utf8" }).trim();
  if (limit === "unlimited") return WANTED_CONNECTIONS;
  return Math.floor((Number(limit) - OTHER_FILES) / 2);
}
