// Made-up events of a run: the same ones for the same seed, in the proportions of a workflow that
// streams text (about two thirds `node:stream`, 100 nodes). None of them ends the run.

// @ts-check

/**
 * An event as any of the clients hands it to its user.
 * @typedef {object} RunEvent
 * @property {string} type
 * @property {number} timestamp
 * @property {string} executionId
 * @property {string} [nodeId]
 * @property {string} [chunk]
 * @property {number} [percentage]
 */

/**
 * What is made: `firstSeq` is the number of the first event, where they are numbered as the gateway
 * does it; with an `outputLength` each is a `node:completed` with an output of so many characters.
 * @typedef {object} EventOptions
 * @property {string} executionId
 * @property {number} count
 * @property {number} seed
 * @property {number} [firstSeq]
 * @property {number} [outputLength]
 */

export const NODES = 100;

/** The types, each with its share of a thousand. @type {[type: string, share: number][]} */
const SHARES = [
  ["node:stream", 650],
  ["node:started", 110],
  ["node:completed", 100],
  ["execution:progress", 100],
  ["node:retry", 20],
  ["node:failed", 10],
  ["user:input:required", 10],
];

export const TYPES = SHARES.map(([type]) => type);

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
  return Array.from({ length: options.count }, (_, index) => {
    const event = makeEvent(options, next, index);
    if (options.firstSeq === undefined) return event;
    const seq = options.firstSeq + index;
    const ack = event.type === "user:input:required" ? { ack: true } : {};
    return { ...event, eventId: `evt_${seq}`, seq, ...ack };
  });
}

/**
 * @param {EventOptions} options
 * @param {() => number} next
 * @param {number} index
 */
function makeEvent(options, next, index) {
  const { executionId, outputLength } = options;
  const type = outputLength === undefined ? pickType(next()) : "node:completed";
  const timestamp = 1_698_765_432_000 + index;
  const nodeId = `node_${Math.floor(next() * NODES)}`;
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

/** @param {number} at */
function pickType(at) {
  let sum = 0;
  for (const [type, share] of SHARES) {
    sum += share / 1000;
    if (at < sum) return type;
  }
  return "node:stream";
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
