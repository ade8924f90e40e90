// The browser's decoder (src/decoder.js) beside the native codec: the same texts, the same meaning.
//
// Both accept a text with equal meaning, or both refuse it; the exceptions are listed in `LENIENT`.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { Decoder } from "../../src/decoder.js";

/** What is reported of a frame; see the top of src/decoder.js. */
const KIND = {
  INVALID: 0,
  WELCOME: 1,
  WELCOME_WITH_FEATURES: 2,
  SUBSCRIBED: 3,
  UNSUBSCRIBED: 4,
  ERROR: 5,
  ERROR_FORBIDDEN: 6,
  EVENT: 7,
  FOREIGN_EVENT: 8,
  UNKNOWN: 9,
  RECOVERED: 10,
  NOT_RECOVERED: 11,
  ACKNOWLEDGED: 13,
  HEAD: 14,
  PONG: 15,
  AUTH_EXPIRING: 16,
  AUTHENTICATED: 17,
  STRAY_ANSWER: 18,
  REPLAYED: 23,
  REPLAYED_IN_PART: 24,
  UNREAD: 27,
};

const FIELD_KINDS = { string: 0, number: 1, record: 2, any: 3 };
const OPTIONAL = 4;

/** The executions that somebody holds, by their numbers. Then a room, as Rust names it. */
const KNOWN = ["exec_1", "exec_2"];
const ROOM = "workspace:w";

/** The client's own messages are `c.1`, `c.2` and so on. */
const CLIENT = "c";

/** How many differences are kept to be shown. */
const MAX_SHOWN = 10;

/** The messages beside the events. The native codec refuses one of them for any wrong field; the
 *  decoder takes from it what it can use, since all that could follow is an answer that nobody
 *  waits for: what has no sensible number or name counts as none. */
const ANSWERS = [
  "subscribed",
  "unsubscribed",
  "replayed",
  "ack",
  "pong",
  "presence",
  "authenticated",
  "auth:expiring",
  "error",
];

/** What the decoder accepts and the native codec does not. */
const LENIENT = {
  "a name twice": ({ kind }) => kind === "duplicate",
  "halves of surrogate pairs, numbers beyond f64, deep nesting, a reserved name": (
    { kind },
    text,
  ) => kind === "malformed" && readsDifferently(text),
  "an answer with a field that is not as it should be": ({ kind, type }) =>
    ["missing", "unexpected"].includes(kind) && ANSWERS.includes(type),
};

/**
 * Shows `runs` texts to both. Resolves with how many there were, how many both accepted, how often
 * each exception was met, and the differences.
 */
export async function compareDecoders({ program, runs, seed }) {
  const child = spawn(program, [String(seed), String(runs)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "close");
  const result = { compared: 0, accepted: 0, lenient: {}, differences: [], differing: 0 };
  let decoder;
  for await (const line of lines(child.stdout)) {
    if (decoder === undefined) decoder = declare(JSON.parse(line));
    else compare(decoder, JSON.parse(line), result);
  }
  const [code] = await ended;
  if (code !== 0) throw new Error(`${program} ended with exit code ${code}`);
  return result;
}

/** The lines of a stream. Not by `readline`, for which U+2028 ends one. */
async function* lines(stream) {
  let rest = "";
  for await (const chunk of stream.setEncoding("utf8")) {
    const parts = (rest + chunk).split("\n");
    rest = parts.pop();
    yield* parts;
  }
}

function declare({ events, features }) {
  const decoder = new Decoder();
  decoder.setLimit(2 ** 24);
  decoder.client = CLIENT;
  decoder.declare(events.map(declaration).join("\n"), features.join(" "));
  for (const [key, name] of KNOWN.entries()) decoder.intern(name, key);
  decoder.intern(decoder.room(ROOM), KNOWN.length);
  decoder.setHeard(0);
  return decoder;
}

/** An event as src/declarations.rs writes it. */
function declaration({ wireType, name, scoped, fields }) {
  const words = fields.flatMap(({ name, kind, optional, literal }) => {
    const number = FIELD_KINDS[kind] + (optional ? OPTIONAL : 0);
    return [name, String.fromCharCode("0".charCodeAt(0) + number), literal];
  });
  return [wireType, name, scoped ? 1 : 0, ...words].join(" ");
}

function compare(decoder, [verdict, text], result) {
  result.compared += 1;
  decoder.epochs.clear();
  const reported = [];
  let glance;
  decoder.accept(text, (frame, payload, detail) => {
    // What is said of an event that nobody listens to, before it is read as if somebody did.
    if ((frame & 31) === KIND.UNREAD) glance = { frame, detail };
    else reported.push({ kind: frame & 31, frame, payload, detail });
    return false;
  });
  const outcome = misjudged(glance, verdict, reported) ?? judge(decoder, text, verdict, reported);
  if (outcome === "accepted") result.accepted += 1;
  else if (outcome in LENIENT) result.lenient[outcome] = (result.lenient[outcome] ?? 0) + 1;
  else if (outcome !== "refused") {
    result.differing += 1;
    if (result.differences.length < MAX_SHOWN)
      result.differences.push({ text, verdict, reported, outcome });
  }
}

/** What is wrong with what was said of an event at a glance; `undefined` where nothing is. */
function misjudged(glance, verdict, [event]) {
  if (glance === undefined || verdict[0] !== "E") return undefined;
  const withoutAck = event.frame & ~(1 << 10);
  const isSame = (glance.frame & ~31) === (withoutAck & ~31);
  const isNumber = glance.detail === 0 || glance.detail === event.detail;
  return isSame && isNumber ? undefined : "another event at a glance";
}

/** `accepted`, `refused`, the name of an exception, or what is different. */
function judge(decoder, text, verdict, reported) {
  const native = JSON.parse(verdict.slice(1));
  switch (verdict[0]) {
    case "R":
      return judgeRefused(native, text, reported);
    case "B":
      return judgeBatch(decoder, native, text, reported);
    case "E":
      return judgeOne(reported, eventFrames(decoder, native));
    case "M":
      return judgeOne(reported, answerFrames(native, text));
    default:
      return judgeOne(reported, [{ frame: KIND.UNKNOWN, payload: native, detail: 0 }]);
  }
}

function judgeRefused(refusal, text, reported) {
  if (reported.length === 1 && reported[0].kind === KIND.INVALID) return "refused";
  const exception = Object.entries(LENIENT).find(([, holds]) => holds(refusal, text));
  return exception?.[0] ?? "only the native codec refuses";
}

function judgeBatch(decoder, verdicts, text, reported) {
  if (reported.length !== verdicts.length) return "not as many frames";
  const outcomes = verdicts.map((verdict, i) => judge(decoder, text, verdict, [reported[i]]));
  return outcomes.find((outcome) => outcome !== "refused" && outcome !== "accepted") ?? "accepted";
}

function judgeOne(reported, expected) {
  if (reported.length === 1 && reported[0].kind === KIND.INVALID) return "only the decoder refuses";
  if (reported.length !== expected.length) return "not as many frames";
  const differs = expected.some(({ frame, payload, detail }, i) => {
    const actual = reported[i];
    const isSame = payload === undefined || equal(actual.payload, payload);
    return actual.frame !== frame || actual.detail !== detail || !isSame;
  });
  return differs ? "another meaning" : "accepted";
}

/** What is to be reported of an event: the event itself is what handlers get. */
function eventFrames(decoder, event) {
  const { index, scoped } = decoder.events.get(event.type);
  if (event.type === "connected") return [welcome(decoder, event)];
  const frame = index << 5;
  if (!scoped) return [{ frame: KIND.EVENT | frame, payload: event, detail: 0 }];
  const key = KNOWN.indexOf(event.executionId);
  if (key < 0) return [{ frame: KIND.FOREIGN_EVENT | frame, payload: event, detail: 0 }];
  const ack = event.ack === true ? 1 << 10 : 0;
  const detail = positive(event.seq);
  return [{ frame: KIND.EVENT | frame | ack | ((key + 1) << 11), payload: event, detail }];
}

function welcome(decoder, event) {
  if (!Array.isArray(event.features)) return { frame: KIND.WELCOME, payload: event, detail: 0 };
  const bits = new Set(event.features.map((name) => decoder.features.get(name) ?? 0));
  const detail = [...bits].reduce((sum, bit) => sum + bit, 0);
  return { frame: KIND.WELCOME_WITH_FEATURES, payload: event, detail };
}

/** What is to be reported of any other message of the protocol. */
function answerFrames(message, text) {
  const about = (kind, detail = 0) => {
    const key = keyOf(message);
    const frame = key < 0 ? KIND.STRAY_ANSWER : kind | ((key + 1) << 11);
    return [{ frame, detail }];
  };
  switch (message.type) {
    case "subscribed":
      if (message.epoch === undefined) return about(KIND.SUBSCRIBED);
      return about(message.recovered ? KIND.RECOVERED : KIND.NOT_RECOVERED, message.head);
    case "unsubscribed":
      return about(KIND.UNSUBSCRIBED);
    case "replayed":
      return about(message.complete ? KIND.REPLAYED : KIND.REPLAYED_IN_PART, message.count);
    case "ack":
      return [{ frame: KIND.ACKNOWLEDGED, detail: ownNumber(message) }];
    case "pong":
      return pong(message);
    case "auth:expiring":
      return [{ frame: KIND.AUTH_EXPIRING, detail: 0 }];
    case "authenticated":
      return [{ frame: KIND.AUTHENTICATED, detail: 0 }];
    case "error":
      return [errorFrame(message)];
    default:
      return [{ frame: KIND.UNKNOWN, payload: JSON.parse(text), detail: 0 }];
  }
}

/** The number of what a message is about, or -1. */
function keyOf({ executionId, room }) {
  if (room === undefined) return KNOWN.indexOf(executionId);
  return room === ROOM ? KNOWN.length : -1;
}

/** Heads are those of executions: a room has none. */
function pong({ id, heads }) {
  const known = Object.entries(heads).filter(([name]) => KNOWN.includes(name));
  return [
    ...known.map(([name, head]) => ({
      frame: KIND.HEAD | ((KNOWN.indexOf(name) + 1) << 11),
      detail: head,
    })),
    { frame: KIND.PONG, detail: id },
  ];
}

function errorFrame(message) {
  const kind = message.code === "forbidden" ? KIND.ERROR_FORBIDDEN : KIND.ERROR;
  const frame = kind | ((keyOf(message) + 1) << 11);
  return { frame, detail: ownNumber(message) };
}

/** The number of one of the client's own messages, which it counts in 32 bits; else 0. */
function ownNumber({ messageId = "" }) {
  const digits = messageId.match(/^c\.([1-9][0-9]*)$/)?.[1];
  const number = Number(digits ?? 0);
  return number < 2 ** 32 ? number : 0;
}

function positive(number) {
  return Number.isSafeInteger(number) && number > 0 ? number : 0;
}

/** Whether JavaScript takes a text as JSON that Rust does not. */
function readsDifferently(text) {
  const halfOfAPair = /\\u[dD][89a-fA-F]/;
  const beyondDoubles = /[eE]\+?[0-9]{3}/;
  const isDeep = text.includes("[".repeat(120));
  const hasReservedName = text.includes("$serde_json::private::RawValue");
  return isDeep || hasReservedName || halfOfAPair.test(text) || beyondDoubles.test(text);
}

/** Whether two JSON values are the same to a handler. */
function equal(a, b) {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && equal(a[name], b[name]))
  );
}
