// Made-up events of a run: the same ones for the same seed. A hundred nodes run again and again, and
// stream text: two thirds are `node:stream`. None of the events ends the run.

// @ts-check

/**
 * An event as any of the clients hands it to its user.
 * @typedef {{
 *   type: string,
 *   timestamp: number,
 *   executionId: string,
 *   nodeId?: string,
 *   chunk?: string,
 *   percentage?: number,
 *   [field: string]: unknown,
 * }} RunEvent
 */

/**
 * What is made: `firstSeq` is the number of the first event, where they are numbered as the gateway
 * does it; with an `outputLength` each is a `node:completed` with an output of so many characters;
 * `running` is how many of the nodes run at a time (default: all).
 * @typedef {object} EventOptions
 * @property {string} executionId
 * @property {number} count
 * @property {number} seed
 * @property {number} [firstSeq]
 * @property {number} [outputLength]
 * @property {number} [running]
 */

export const NODES = 100;

const TEXT = "node:stream";

/** What a node emits in one go. Most go well. */
const USUAL = ["node:started", ...repeat(TEXT, 6), "node:completed", "execution:progress"];
const RETRIED = ["node:started", TEXT, TEXT, "node:retry", ...USUAL];
const FAILED = ["node:started", ...repeat(TEXT, 3), "node:failed"];
const ASKING = ["node:started", ...repeat(TEXT, 4), "user:input:required", "node:completed"];

/** One go in so many is one of these. */
const UNUSUAL = [
  { one: 20, go: RETRIED },
  { one: 50, go: FAILED },
  { one: 100, go: ASKING },
];

/** The types of the events. */
export const TYPES = [...new Set([...USUAL, ...RETRIED, ...FAILED, ...ASKING])];

const WORDS =
  "the customer has been asked for a report of last month and it will be sent once approved".split(
    " ",
  );

/**
 * A generator of numbers from 0 to 1 that gives the same ones for the same seed (mulberry32).
 * @param {number} seed
 */
function random(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * The events.
 * @param {EventOptions} options
 * @returns {RunEvent[]}
 */
export function makeEvents(options) {
  const next = random(options.seed);
  const { running = NODES } = options;
  const goes = Array.from({ length: running }, (_, node) => startGo(node, next));
  return Array.from({ length: options.count }, (_, index) => {
    const event = makeEvent(options, goes, next, index);
    if (options.firstSeq === undefined) return event;
    const seq = options.firstSeq + index;
    const ack = event.type === "user:input:required" ? { ack: true } : {};
    return { ...event, eventId: `evt_${seq}`, seq, ...ack };
  });
}

/**
 * A node, and what it has yet to emit.
 * @typedef {{ nodeId: string, types: IterableIterator<string> }} Go
 */

/**
 * @param {number} node
 * @param {() => number} next
 * @returns {Go}
 */
function startGo(node, next) {
  const { go } = UNUSUAL.find(({ one }) => next() * one < 1) ?? { go: USUAL };
  return { nodeId: `node_${node}`, types: go.values() };
}

/**
 * The next event of one of the nodes that run. After its last, another node runs in its place.
 * @param {EventOptions} options
 * @param {Go[]} goes
 * @param {() => number} next
 * @param {number} index
 * @returns {RunEvent}
 */
function makeEvent(options, goes, next, index) {
  const { executionId, outputLength } = options;
  const place = Math.floor(next() * goes.length);
  const { nodeId, types } = goes[place] ?? startGo(0, next);
  const taken = types.next();
  if (taken.done) {
    const node = goes.length === NODES ? place : Math.floor(next() * NODES);
    goes[place] = startGo(node, next);
    return makeEvent(options, goes, next, index);
  }
  const type = outputLength === undefined ? taken.value : "node:completed";
  const timestamp = 1_698_765_432_000 + index;
  const base = { type, timestamp, executionId };
  const words = (/** @type {number} */ count) =>
    Array.from({ length: count }, () => WORDS[Math.floor(next() * WORDS.length)]).join(" ");
  switch (type) {
    case "node:stream":
      return { ...base, nodeId, chunk: `${words(1 + Math.floor(next() * 8))} ` };
    case "node:started":
      return { ...base, nodeId, nodeName: `Step ${nodeId}`, nodeType: "llm" };
    case "node:completed": {
      const output = makeOutput(words, outputLength ?? 200);
      return { ...base, nodeId, output, duration: 2500, metadata: { provider: "mail" } };
    }
    case "node:failed":
      return { ...base, nodeId, error: "API request failed: 401 Unauthorized" };
    case "node:retry":
      return { ...base, nodeId, attempt: 2, nextRetryIn: 4000, error: "Connection timeout" };
    case "execution:progress":
      return { ...base, completed: index % NODES, total: NODES, percentage: index % NODES };
    default:
      return { ...base, nodeId, prompt: "Send it?", inputType: "approval" };
  }
}

/**
 * @param {string} type
 * @param {number} count
 */
function repeat(type, count) {
  return Array.from({ length: count }, () => type);
}

/**
 * What a node produces: rows of text and numbers, about this long as JSON.
 * @param {(count: number) => string} words
 * @param {number} length
 */
function makeOutput(words, length) {
  /** @type {{ id: number, status: string, summary: string }[]} */
  const rows = [];
  for (let written = 0; written < length; ) {
    const row = { id: rows.length, status: "sent", summary: words(10) };
    rows.push(row);
    written += JSON.stringify(row).length + 1;
  }
  return { rows };
}
