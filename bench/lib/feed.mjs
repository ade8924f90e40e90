// A backend that emits events at a steady rate.

import { setTimeout as delay } from "node:timers/promises";
import { makeEvents } from "../events.mjs";

/** The least time between two requests, in ms. */
const TICK_MS = 5;

/** The most events of a request: the server takes no endless ones. */
const MAX_EVENTS = 500;

/** How many times as long as planned it may take. */
const MAX_DELAY = 5;

/**
 * Posts `count` events at `perSecond`. Each streamed text begins with the time of its emission. A
 * request that took long is made up for by a larger one.
 * @returns {Promise<number>} the events emitted in a second, which a busy machine may keep low.
 */
export async function feed({ post, executionId, count, perSecond, running }) {
  const events = makeEvents({ executionId, count, seed: 1, running });
  const started = performance.now();
  const deadline = started + (MAX_DELAY * count * 1000) / perSecond;
  for (let sent = 0; sent < count; ) {
    const due = Math.ceil(((performance.now() - started) * perSecond) / 1000);
    const next = events.slice(sent, Math.min(due, sent + MAX_EVENTS));
    if (next.length > 0) await emit(post, next);
    sent += next.length;
    if (performance.now() > deadline) throw new Error(`only ${sent} events went out in time`);
    await delay(TICK_MS);
  }
  return (count * 1000) / (performance.now() - started);
}

async function emit(post, events) {
  const now = Date.now();
  const stamped = events.map((event) => ({
    ...event,
    timestamp: now,
    ...(event.chunk !== undefined && { chunk: `@${now} ${event.chunk}` }),
  }));
  const response = await post(stamped);
  if (!response.ok) throw new Error(`the server refuses the events: ${response.status}`);
  await response.arrayBuffer();
}
