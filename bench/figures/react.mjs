// A run of a hundred nodes shown by React, over a real socket from the gateway.

import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { feed } from "../lib/feed.mjs";
import { alone, compared } from "../lib/figure.mjs";
import { buildServers, startGateway } from "../lib/servers.mjs";
import { median } from "../lib/statistics.mjs";

/** Each page is opened so often, in turns with the others. */
const ROUNDS = 5;

const STEADY = { perSecond: 2000, count: 6000 };

/** How many of the hundred nodes run at a time: as in a workflow, and as badly as can be. */
const RUNNING = [8, 100];

const FLOOD = { perSecond: 10_000, count: 100_000 };
const MESSAGES = { perSecond: 1000, count: 1000 };
const QUICK = { perSecond: 1000, count: 200 };

const NAMES = {
  empty: "the page without events",
  flowmaestro: "flowmaestro",
  wholeRun: "flowmaestro",
  plain: "plain JS + Zustand",
  flowmaestroZustand: "flowmaestro + Zustand",
  reactUseWebSocket: "react-use-websocket",
};

/** How many of the empty page's frames are to be kept: one of them may fall to either side. */
const MIN_FRAMES = 0.97;

const MAX_RENDERS = 60;

/** Time for what is still under way after the last event, in ms. */
const SETTLING_MS = 500;

export async function react({ browser, quick }) {
  const gateway = await startGateway(buildServers({ quick }));
  try {
    return await measureAll({ browser, gateway, quick });
  } finally {
    await gateway.close();
  }
}

async function measureAll({ browser, gateway, quick }) {
  const rounds = quick ? 1 : ROUNDS;
  const measure = async (pages, load, times) => {
    const samples = pages.map(() => []);
    for (let round = 0; round < times; round++) {
      for (const [index, page] of pages.entries()) {
        samples[index].push(
          await watchRun({ browser, gateway }, page, { ...load, ...(quick && QUICK) }),
        );
      }
    }
    return pages.map((page, index) => ({ name: NAMES[page], ...medians(samples[index]) }));
  };
  return [
    ...(await steady(measure, rounds)),
    await flood(measure, quick ? 1 : 3),
    await oneComponent(measure, rounds),
  ];
}

async function steady(measure, rounds) {
  const pages = ["flowmaestro", "flowmaestroZustand", "plain", "empty"];
  const figures = [];
  for (const running of RUNNING) {
    const measured = await measure(pages, { ...STEADY, running }, rounds);
    const [ours, withZustand, plain, empty] = measured;
    const rowOf = (page, value, what, max) =>
      compared(`${page.name}${what}`, value(page), "µs", { ...plain, value: value(plain) }, max);
    const all = ({ allMicroseconds }) => allMicroseconds;
    const ofEvents = (page) => all(page) - all(empty);
    const script = ({ scriptMicroseconds }) => scriptMicroseconds;
    const scriptOfEvents = (page) => script(page) - script(empty);
    figures.push({
      title: `Main thread for an event of 2,000 a second, ${running} of 100 nodes running at a time`,
      note:
        "without what the same page costs meanwhile that gets no events; " +
        "what is not script is layout and paint",
      rows: [
        rowOf(ours, ofEvents, "", 0.4),
        ...[withZustand, plain].map((page) => rowOf(page, ofEvents, "")),
        ...[ours, withZustand, plain].map((page) => rowOf(page, scriptOfEvents, ": script alone")),
        ...[ours, plain].map((page) => rowOf(page, all, ": the page as a whole")),
        alone(empty.name, all(empty), "µs"),
      ],
    });
  }
  return figures;
}

async function flood(measure, rounds) {
  const pages = ["flowmaestro", "flowmaestroZustand", "plain", "empty"];
  const measured = await measure(pages, FLOOD, rounds);
  const empty = measured.at(-1);
  return {
    title: "10,000 events a second for 10 s, into a page of 100 nodes that all run",
    note: "behind: the age of a text when it is first shown",
    rows: measured.flatMap((page) => {
      const isOurs = page.name === NAMES.flowmaestro;
      const max = (value) => (isOurs ? value : undefined);
      return [
        alone(`${page.name}: most that it was behind`, page.behindMs, "ms", max(100)),
        alone(`${page.name}: longest task`, page.longestTaskMs, "ms", max(50)),
        framesOf(page, empty, isOurs),
        alone(`${page.name}: events that came in a second`, page.eventsPerSecond, ""),
      ];
    }),
  };
}

function framesOf({ name, framesPerSecond }, empty, isOurs) {
  const peer = { name: empty.name, value: empty.framesPerSecond };
  const row = compared(`${name}: frames in a second`, framesPerSecond, "", peer);
  if (!isOurs) return row;
  return { ...row, goal: `≥ ${MIN_FRAMES} ×`, met: row.ratio >= MIN_FRAMES };
}

async function oneComponent(measure, rounds) {
  const [ours, peer] = await measure(["wholeRun", "reactUseWebSocket"], MESSAGES, rounds);
  // Of however long it took to emit them.
  const perSecond = ours.renders / (MESSAGES.count / ours.eventsPerSecond);
  return {
    title: "1,000 messages in a second, into one subscribed component",
    rows: [
      alone(`${ours.name}: renders in a second`, perSecond, "", MAX_RENDERS),
      alone(`${ours.name}: renders`, ours.renders, ""),
      alone(`${peer.name}: renders`, peer.renders, ""),
    ],
  };
}

/** Opens a page, lets a run happen, and returns what the page and the browser noticed. */
async function watchRun({ browser, gateway: { url, post, register } }, page, load) {
  const executionId = `exec_${randomUUID()}`;
  await register(executionId);
  return browser.withPage("react", async (opened) => {
    await opened.call("show", { page, url, executionId });
    await opened.call("startWatching");
    const before = await opened.busySeconds();
    // Without a reader too, so that the machine is as busy.
    const eventsPerSecond = await feed({ post, executionId, ...load });
    await delay(SETTLING_MS);
    const after = await opened.busySeconds();
    const watched = await opened.call("watched");
    if (page !== "empty" && watched.renders === 0) throw new Error(`${page} has shown nothing`);
    const perEvent = (seconds) => (seconds / load.count) * 1e6;
    return {
      ...watched,
      eventsPerSecond,
      allMicroseconds: perEvent(after.all - before.all),
      scriptMicroseconds: perEvent(after.script - before.script),
    };
  });
}

function medians(samples) {
  const fields = Object.keys(samples[0]);
  return Object.fromEntries(
    fields.map((field) => [field, median(samples.map((sample) => sample[field]))]),
  );
}
