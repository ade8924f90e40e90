// How long a page waits for its first event.

import { setTimeout as delay } from "node:timers/promises";
import { startEventServer } from "../lib/event-server.mjs";
import { compared } from "../lib/figure.mjs";
import { median } from "../lib/statistics.mjs";

const CLIENTS = [
  "flowmaestro",
  "plain",
  "reconnectingWebSocket",
  "partysocket",
  "graphqlWs",
  "centrifuge",
  "socketIo",
];

const SCRIPTS = ["flowmaestro", "plain", "graphql-ws", "centrifuge", "socket-io"];

/** How much later than with the plain client the first event may come, in ms. */
const MAX_LATER_MS = 15;

/**
 * How long a page that was opened is left alone, in ms. Meanwhile the browser starts a process for the
 * next one, with which the page would have to share the processors: that doubled what was measured.
 */
const QUIET_MS = 500;

export async function connect({ browser, quick }) {
  const server = await startEventServer();
  try {
    const { origin } = server;
    return [
      await reconnecting(browser, origin, quick ? 2 : 200),
      await importing(browser, origin, quick ? 1 : 30),
    ];
  } finally {
    server.close();
  }
}

/** Again and again in one page: the code is warm. */
async function reconnecting(browser, origin, times) {
  const [ours, plain, ...peers] = await browser.withPage("connect", (page) =>
    inTurns(CLIENTS, times, (client) => page.call("connectOnce", { client, origin })),
  );
  return {
    title: `Connect, subscribe, first event: median of ${times}`,
    rows: [
      compared(ours.name, ours.value, "ms", plain, 1.1),
      ...[plain, ...peers].map(({ name, value }) => compared(name, value, "ms", plain)),
    ],
  };
}

/** Each time in a fresh page, where nothing is cached. */
async function importing(browser, origin, times) {
  const [ours, plain, ...peers] = await inTurns(SCRIPTS, times, (name) =>
    browser.withPage("import", async (page) => {
      await delay(QUIET_MS);
      return page.call("importOnce", { script: `/imports/${name}.js`, origin });
    }),
  );
  const laterMs = ours.value - plain.value;
  return {
    title: `From the import of the client to its first event: median of ${times} pages`,
    rows: [
      {
        ...compared(ours.name, ours.value, "ms", plain),
        goal: `≤ ${plain.name} + ${MAX_LATER_MS} ms`,
        met: laterMs <= MAX_LATER_MS,
      },
      ...[plain, ...peers].map(({ name, value }) => compared(name, value, "ms", plain)),
    ],
  };
}

async function inTurns(candidates, times, measure) {
  const measured = candidates.map(() => ({ name: "", samples: [] }));
  for (let time = 0; time < times; time++) {
    for (const [index, candidate] of candidates.entries()) {
      const { name, ms } = await measure(candidate);
      measured[index].name = name;
      measured[index].samples.push(ms);
    }
  }
  return measured.map(({ name, samples }) => ({ name, value: median(samples) }));
}
