// What the executions and knowledge bases that somebody watches look like: frozen objects, made from
// what src/store.rs says has changed. What has not changed stays the same object.
//
// @ts-check

/** @import { Decoder, Message } from "./decoder.js" */
/** @import { Report } from "./platform.js" */
/** @import { DocumentState, Execution, KnowledgeBase, ExecutionLogEntry, NodeState } from "../js/execution.js" */

import { NUMBER, SUBJECT, TEXT, TIME } from "./decoder.js";
import { call } from "./handlers.js";

/** What is reported beside the kinds of frame in decoder.js: the page is to be told. */
const FRAME = 31;

/**
 * How long to wait for an animation frame, in ms. A page that is not seen has none, and nobody is in a
 * hurry there.
 */
const HIDDEN_MS = 250;

/** The same where there are no animation frames at all, as in Node. */
const FRAMELESS_MS = 16;

/**
 * With more events than these for the next frame there is no telling them apart on a screen, and what a
 * page does for each frame costs most: then it is told at most every so many ms, which is every third
 * frame of 60 in a second.
 */
const BUSY_EVENTS = 8;
const BUSY_MS = 42;

/** The number of every node or document beyond the limit. */
const REFUSED = 2 ** 32 - 1;

const RUN_STATUS = /** @type {const} */ (["pending", "running", "completed", "failed"]);

const NODE_STATUS = /** @type {const} */ ([
  "pending",
  "running",
  "retrying",
  "waiting",
  "completed",
  "failed",
  "stopped",
]);

const DOCUMENT_STATUS = /** @type {const} */ (["pending", "processing", "completed", "failed"]);

/** An execution of which nothing is known. @type {Execution} */
const NO_EXECUTION = Object.freeze({
  status: "pending",
  isComplete: true,
  workflowName: undefined,
  progress: Object.freeze({ completed: 0, total: 0, percentage: 0 }),
  startedAt: undefined,
  endedAt: undefined,
  duration: undefined,
  outputs: undefined,
  error: undefined,
  failedNodeId: undefined,
  nodes: Object.freeze(record({})),
  pending: Object.freeze([]),
  log: Object.freeze([]),
  truncated: Object.freeze({ nodes: 0, log: 0, payloads: 0 }),
});

/** A knowledge base of which nothing is known. @type {KnowledgeBase} */
const NO_KNOWLEDGE_BASE = Object.freeze({
  isComplete: true,
  documents: Object.freeze(record({})),
  truncated: Object.freeze({ documents: 0, payloads: 0 }),
});

/**
 * Something that is watched: its snapshot, who is to be told of the next one, and which of its nodes
 * or documents has which number.
 *
 * @template {object} S
 */
class Watched {
  /** @param {S} empty */
  constructor(empty) {
    this.empty = empty;
    this.snapshot = empty;
    /** @type {Set<() => void>} */
    this.subscribers = new Set();
    /** What the next snapshot has that this one has not. @type {{ -readonly [K in keyof S]?: S[K] }} */
    this.next = {};
    /** The nodes' or documents' names, by number. @type {string[]} */
    this.names = [];
    /** @type {Map<string, number>} */
    this.numbers = new Map();
  }

  /**
   * The number of a node or document: a new one where it has none yet.
   * @param {string} name
   * @param {number} max
   */
  number(name, max) {
    const known = this.numbers.get(name);
    if (known !== undefined) return known;
    if (this.names.length >= max) return REFUSED;
    this.numbers.set(name, this.names.length);
    return this.names.push(name) - 1;
  }

  /** The next snapshot is made, and everybody told. */
  publish() {
    for (const part of Object.values(this.next)) Object.freeze(part);
    this.snapshot = Object.freeze({ ...this.snapshot, ...this.next });
    this.next = {};
  }

  /** Each subscriber once; those that come or go meanwhile are left out. */
  tell() {
    for (const subscriber of [...this.subscribers]) {
      if (this.subscribers.has(subscriber)) call(subscriber, undefined);
    }
  }
}

/** @extends {Watched<Execution>} */
export class WatchedExecution extends Watched {
  constructor() {
    super(NO_EXECUTION);
    /** What the nodes have streamed, by their numbers. @type {string[]} */
    this.texts = [];
  }

  /**
   * What is neither of a node, nor in the log, nor pending.
   * @param {Float64Array} numbers in the order of src/store.rs, not a number where there is none
   * @param {{ workflowName: string } | undefined} started
   * @param {Pick<Execution, "outputs" | "error" | "failedNodeId"> | undefined} ended
   */
  header(numbers, started, ended) {
    const [status, isComplete, completed, total, percentage, startedAt, endedAt, duration] =
      numbers;
    const [nodes, log, payloads] = numbers.subarray(8);
    Object.assign(this.next, {
      status: RUN_STATUS[status],
      isComplete: isComplete === 1,
      workflowName: started?.workflowName,
      progress: unchanged(this.snapshot.progress, { completed, total, percentage }),
      startedAt: present(startedAt),
      endedAt: present(endedAt),
      duration: present(duration),
      outputs: ended?.outputs,
      error: ended?.error,
      failedNodeId: ended?.failedNodeId,
      truncated: unchanged(this.snapshot.truncated, { nodes, log, payloads }),
    });
  }

  /**
   * Of a node's text only this part stays.
   * @param {number} number
   * @param {number} start
   * @param {number} end
   */
  cutText(number, start, end) {
    this.texts[number] = (this.texts[number] ?? "").slice(start, end);
  }

  /**
   * Appends to a node's text. The engine only notes which two texts it is made of.
   * @param {number} number
   * @param {string} chunk
   */
  appendText(number, chunk) {
    this.texts[number] = (this.texts[number] ?? "") + chunk;
  }

  /**
   * A node, whose text is complete by now.
   * @param {number} number
   * @param {Float64Array} numbers in the order of src/store.rs, not a number where there is none
   * @param {{ nodeName: string, nodeType: string } | undefined} started
   * @param {Pick<NodeState, "output" | "metadata" | "error"> | undefined} ended
   * @param {Pick<NodeState, "error"> | undefined} retry
   * @param {NodeState["question"]} question
   */
  node(number, numbers, started, ended, retry, question) {
    const [status, attempt, startedAt, endedAt, duration, retryAt, textDropped] = numbers;
    const nodeId = this.names[number];
    this.next.nodes ??= record(this.snapshot.nodes);
    const nodes = /** @type {Record<string, NodeState>} */ (this.next.nodes);
    nodes[nodeId] = Object.freeze({
      nodeId,
      status: NODE_STATUS[status],
      name: started?.nodeName,
      type: started?.nodeType,
      attempt,
      startedAt: present(startedAt),
      endedAt: present(endedAt),
      duration: present(duration),
      retryAt: retry && present(retryAt),
      output: ended?.output,
      metadata: ended?.metadata,
      error: (ended ?? retry)?.error,
      question,
      text: this.texts[number] ?? "",
      textDropped,
    });
  }

  /**
   * Who waits for a person.
   * @param {Uint32Array} numbers
   */
  setPending(numbers) {
    const nodes = this.next.nodes ?? this.snapshot.nodes;
    const questions = Array.from(numbers, (number) => nodes[this.names[number]]?.question);
    this.next.pending = questions.filter((question) => question !== undefined);
  }

  /**
   * Of the log only this part stays.
   * @param {number} start
   * @param {number} end
   */
  cutLog(start, end) {
    /** @type {ExecutionLogEntry[]} */
    this.log = this.snapshot.log.slice(start, end);
    this.next.log = this.log;
  }

  /**
   * Appends to the log.
   * @param {ExecutionLogEntry["type"]} type
   * @param {number} timestamp
   * @param {number} number of its node; beyond all where it has none
   * @param {ExecutionLogEntry["event"]} event
   */
  appendLog(type, timestamp, number, event) {
    this.log?.push(Object.freeze({ type, timestamp, nodeId: this.names[number], event }));
  }
}

/** @extends {Watched<KnowledgeBase>} */
export class WatchedKnowledgeBase extends Watched {
  constructor() {
    super(NO_KNOWLEDGE_BASE);
  }

  /**
   * What is of no document.
   * @param {boolean} isComplete
   * @param {number} documents
   * @param {number} payloads
   */
  header(isComplete, documents, payloads) {
    this.next.isComplete = isComplete;
    this.next.truncated = unchanged(this.snapshot.truncated, { documents, payloads });
  }

  /**
   * A document.
   * @param {number} number
   * @param {Float64Array} numbers in the order of src/store.rs, not a number where there is none
   * @param {{ documentName: string } | undefined} started
   * @param {Pick<DocumentState, "error"> | undefined} ended
   */
  document(number, numbers, started, ended) {
    const [status, startedAt, endedAt, chunkCount] = numbers;
    const documentId = this.names[number];
    this.next.documents ??= record(this.snapshot.documents);
    const documents = /** @type {Record<string, DocumentState>} */ (this.next.documents);
    documents[documentId] = Object.freeze({
      documentId,
      status: DOCUMENT_STATUS[status],
      name: started?.documentName,
      startedAt: present(startedAt),
      endedAt: present(endedAt),
      chunkCount: present(chunkCount),
      error: ended?.error,
    });
  }
}

/** All that is watched, by the numbers that Rust has for it, and when the page is told of it. */
export class Watch {
  /**
   * @param {Decoder} decoder
   * @param {Report} report
   */
  constructor(decoder, report) {
    this.decoder = decoder;
    this.report = report;
    /** @type {(WatchedExecution | undefined)[]} */
    this.executions = [];
    /** @type {(WatchedKnowledgeBase | undefined)[]} */
    this.bases = [];
    /** @type {Map<string, number>} */
    this.baseKeys = new Map();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.frame = 0;
    /** How many events the page has not been told of. */
    this.events = 0;
    /** The time of the frame in which the page was told last, in ms of the page's clock. */
    this.toldAt = Number.NEGATIVE_INFINITY;
  }

  /**
   * @param {number} key
   * @param {WatchedExecution | undefined} execution
   */
  setExecution(key, execution) {
    this.executions[key] = execution;
  }

  /** @param {number} key */
  execution(key) {
    return this.executions[key];
  }

  /**
   * Returns the number of a knowledge base from now on.
   * @param {string} knowledgeBaseId
   * @param {WatchedKnowledgeBase} base
   */
  openBase(knowledgeBaseId, base) {
    const free = this.bases.indexOf(undefined);
    const key = free < 0 ? this.bases.length : free;
    this.bases[key] = base;
    this.baseKeys.set(knowledgeBaseId, key);
    return key;
  }

  /**
   * Returns the number that a knowledge base had, or -1.
   * @param {string} knowledgeBaseId
   */
  closeBase(knowledgeBaseId) {
    const key = this.baseOf({ knowledgeBaseId });
    if (this.baseKeys.delete(knowledgeBaseId)) this.bases[key] = undefined;
    return key;
  }

  /**
   * The number of an event's knowledge base, or -1.
   * @param {Record<string, unknown>} event
   */
  baseOf({ knowledgeBaseId }) {
    return this.baseKeys.get(/** @type {string} */ (knowledgeBaseId)) ?? -1;
  }

  /** @param {number} key */
  base(key) {
    return this.bases[key];
  }

  /**
   * Reads from an event what decides something, as its declaration says, and returns the rest.
   * @param {Message} event
   * @param {Watched<object> | undefined} watched
   * @param {number} max how many nodes or documents there may be
   * @param {Float64Array} numbers for time, `seq`, node or document, size, and the event's numbers
   */
  read(event, watched, max, numbers) {
    const { names, kinds } = /** @type {import("./decoder.js").Declaration} */ (
      this.decoder.events.get(event.type)
    );
    this.events += 1;
    /** @type {unknown} */
    let rest = event;
    let next = 4;
    numbers[1] = Number.isSafeInteger(event.seq) ? /** @type {number} */ (event.seq) : 0;
    numbers[2] = -1;
    for (let i = 0; i < names.length; i++) {
      const value = /** @type {any} */ (event[names[i]]);
      if (kinds[i] & TIME) numbers[0] = value;
      else if (kinds[i] & TEXT) rest = value;
      else if (kinds[i] & SUBJECT) {
        if (value !== undefined) numbers[2] = watched?.number(value, max) ?? REFUSED;
      } else if ((kinds[i] & 3) === NUMBER) numbers[next++] = value;
    }
    numbers[3] = sizeOf(rest);
    return rest;
  }

  /** Has the page told at its next animation frame, or while much happens at a later one. */
  schedule() {
    if (this.timer !== undefined) return;
    const tell = () => {
      this.cancel();
      this.report(0, FRAME, undefined, 0);
    };
    /** @param {number} now when the frame began */
    const draw = (now) => {
      if (this.events > BUSY_EVENTS && now - this.toldAt < BUSY_MS) {
        this.frame = requestAnimationFrame(draw);
        return;
      }
      this.toldAt = now;
      tell();
    };
    const hasFrames = typeof requestAnimationFrame === "function";
    if (hasFrames) this.frame = requestAnimationFrame(draw);
    this.timer = setTimeout(tell, hasFrames ? HIDDEN_MS : FRAMELESS_MS);
  }

  /** What was to be told later has been told. */
  cancel() {
    this.events = 0;
    if (this.timer === undefined) return;
    clearTimeout(this.timer);
    this.timer = undefined;
    if (typeof cancelAnimationFrame === "function") cancelAnimationFrame(this.frame);
  }
}

/**
 * A copy of the entries without a prototype, since the server chooses the names.
 * @template T
 * @param {Record<string, T>} entries
 * @returns {Record<string, T>}
 */
function record(entries) {
  return Object.assign(Object.create(null), entries);
}

/**
 * The object of before, where the new one says the same.
 * @template {object} T
 * @param {T} before
 * @param {T} after
 */
function unchanged(before, after) {
  const values = Object.values(before);
  return Object.values(after).every((value, i) => value === values[i]) ? before : after;
}

/** @param {number} number */
function present(number) {
  return Number.isNaN(number) ? undefined : number;
}

/**
 * In UTF-16 code units: of a text as it is, of anything else as JSON.
 * @param {unknown} value
 */
function sizeOf(value) {
  if (typeof value === "string") return value.length;
  try {
    return JSON.stringify(value).length;
  } catch {
    // Nested deeper than the engine can follow.
    return REFUSED;
  }
}
