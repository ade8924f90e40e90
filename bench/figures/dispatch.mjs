// What a client itself costs: frames handed to it without a socket.

import { compared } from "../lib/figure.mjs";
import { median } from "../lib/statistics.mjs";

const KIB = 1024;

const PEERS = ["reconnectingWebSocket", "partysocket", "graphqlWs", "centrifuge", "socketIo"];

/**
 * Short rounds, and many: most of them end before the system takes the processor away. But not so
 * short that the page's clock is too coarse: its steps of 5 µs are 5 ns of an event.
 */
const EVENTS_PER_ROUND = 1000;
const ROUNDS = 300;

/** Rounds that are not counted: the engine compiles meanwhile. */
const WARM_UP = 100;

/** How many rounds a page makes at a time, before the next page has its turn. */
const TURN = 20;

/** The dispatch figures, all of which are made alike. */
export async function dispatch({ browser, quick }) {
  const rounds = quick ? { warmUp: 0, count: TURN } : { warmUp: WARM_UP, count: ROUNDS };
  /**
   * Each of `variants` in a page of its own, in turns. Applications have one client: several in one
   * page would spoil for each other what the engine has learned of its objects.
   */
  const measureAll = async (variants, opened = []) => {
    const next = variants[opened.length];
    if (!next) return inTurns(opened, rounds);
    return browser.withPage("dispatch", async (page) => {
      const name = await page.call("setUp", { eventsPerRound: EVENTS_PER_ROUND, ...next });
      return measureAll(variants, [...opened, { page, name, samples: [] }]);
    });
  };
  const measure = ({ clients, ...options }) =>
    measureAll(clients.map((client) => ({ client, ...options })));
  return [
    await oneHandler(measure),
    await numbered(measure),
    await nobody(measure),
    await large(measure, 4 * KIB),
    await large(measure, 64 * KIB),
    await scoped(measureAll),
  ];
}

async function inTurns(opened, { warmUp, count }) {
  for (let first = 0; first < warmUp + count; first += TURN) {
    for (const { page, samples } of opened) {
      const measured = await page.call("rounds", { first, count: TURN });
      if (first >= warmUp) samples.push(...measured);
    }
  }
  return opened.map(({ name, samples }) => ({ name, value: median(samples) }));
}

async function oneHandler(measure) {
  const [ours, plain, zod, zodWithoutJit, ...peers] = await measure({
    clients: ["flowmaestro", "plain", "zod", "zodWithoutJit", ...PEERS],
  });
  return {
    title: "Dispatch of one event to one handler, validated, without the socket",
    rows: [
      compared(ours.name, ours.value, "ns", plain, 1.3),
      compared(ours.name, ours.value, "ns", zod, 1.1),
      compared(ours.name, ours.value, "ns", zodWithoutJit, 0.8),
      ...[zod, zodWithoutJit, ...peers].map(beside(plain)),
      { name: plain.name, value: plain.value, unit: "ns" },
    ],
  };
}

async function numbered(measure) {
  const [ours, plain] = await measure({ clients: ["numbered", "plain"] });
  return {
    title: "The same from a server with features: checked for order, gaps and duplicates",
    rows: [beside(plain)(ours), { name: plain.name, value: plain.value, unit: "ns" }],
  };
}

async function nobody(measure) {
  const [ours, plain] = await measure({ clients: ["flowmaestro", "plain"], handlers: 0 });
  return {
    title: "An event nobody listens to",
    rows: [
      compared(ours.name, ours.value, "ns", plain, 0.5),
      { name: plain.name, value: plain.value, unit: "ns" },
    ],
  };
}

async function large(measure, outputLength) {
  const eventsPerRound = Math.ceil((EVENTS_PER_ROUND * KIB) / outputLength);
  const clients = ["flowmaestro", "plain", "zod", "zodWithoutJit"];
  const [ours, plain, ...others] = await measure({ clients, outputLength, eventsPerRound });
  return {
    title: `Dispatch of a node:completed with an output of ${outputLength / KIB} KiB`,
    rows: [
      compared(ours.name, ours.value, "ns", plain, 1.1),
      ...others.map(beside(plain)),
      { name: plain.name, value: plain.value, unit: "ns" },
    ],
  };
}

async function scoped(measureAll) {
  const variants = ["flowmaestro", "plain"].flatMap((client) => [
    { client, handlers: 10 },
    { client, handlers: 10, executions: 100 },
  ]);
  const [oursAlone, ours, plainAlone, plain] = await measureAll(variants);
  return {
    title: "An event of one execution with 10 handlers, beside 99 other such executions",
    rows: [
      compared(ours.name, ours.value, "ns", { ...oursAlone, name: "itself alone" }, 1.1),
      compared(plain.name, plain.value, "ns", { ...plainAlone, name: "itself alone" }),
      compared(ours.name, ours.value, "ns", plain),
    ],
  };
}

const beside =
  (peer) =>
  ({ name, value }) =>
    compared(name, value, "ns", peer);
