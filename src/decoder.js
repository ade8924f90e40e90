// The one place where a received text becomes an object: the engine's own JSON.parse, once. What a
// message must look like comes from Rust (`declare`), who an execution is too (`intern`), and what is
// done with the message is decided in Rust. So each frame crosses into wasm once, as one number and
// the object that every handler will get.
//
// @ts-check

import { instance } from "./platform.js";

// The kinds of frame, as src/decoder.rs reads them, and what number comes along.
const INVALID = 0;
const WELCOME = 1;
const WELCOME_WITH_FEATURES = 2; // the features' bits
const SUBSCRIBED = 3;
const UNSUBSCRIBED = 4;
const ERROR = 5; // the message's number, or 0
const ERROR_FORBIDDEN = 6; // the message's number, or 0
const EVENT = 7; // the event's number in its execution, or 0
const FOREIGN_EVENT = 8;
const UNKNOWN = 9;
const RECOVERED = 10; // the head
const NOT_RECOVERED = 11; // the head
const RESTARTED = 12; // the head
const ACKNOWLEDGED = 13; // the message's number
const HEAD = 14; // the head
const PONG = 15; // the ping's number
const AUTH_EXPIRING = 16;
const AUTHENTICATED = 17;
const STRAY_ANSWER = 18;
const UNREAD = 27; // an event that nobody listens to; its number in its execution, or 0
// 19 to 22, 25 and 26 are no frames: see platform.js and socket.js.
const REPLAYED = 23; // how many events
const REPLAYED_IN_PART = 24; // how many events

// Where the parts of a packed frame begin: the kind, the event's index, whether the server wants an
// acknowledgement, the execution's key plus one.
const INDEX = 5;
const ACK = 10;
const KEY = 11;

// How a field is checked, as src/declarations.rs writes it.
const STRING = 0;
export const NUMBER = 1;
const RECORD = 2; // and 3 for anything

const OPTIONAL = 4;

// What a field is to those who watch: which node or document, when, what is appended.
export const SUBJECT = 8;
export const TIME = 16;
export const TEXT = 32;

/** How many invalid events of one batch are told one by one. */
const MAX_TOLD = 100;

/** No event of an execution was handed over, and the next may have any number. */
const NOWHERE = -1;

/** The largest number of a message: Rust counts them in 32 bits. */
const MAX_NUMBER = 2 ** 32 - 1;

/** @typedef {{ index: number, name: string, scoped: boolean, names: string[], kinds: number[], literals: string[] }} Declaration */

/** @param {unknown} value */
function kindOf(value) {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number" && !Number.isFinite(value)) return "a number out of range";
  return typeof value;
}

/**
 * @param {unknown} value
 * @returns {value is Record<string, unknown>}
 */
function isRecord(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Returns whether that was enough. @typedef {(frame: number, payload: unknown, detail: number) => boolean} Sink */

/** What went wrong, as src/driver.rs counts it: its code and sentence, where they are ours. */
const PROBLEMS = [
  ["server_error", "the server refused a message"],
  [
    "subscription_unanswered",
    "the server did not answer a subscription; its events are delivered if they come",
  ],
  ["invalid_message", ""],
  ["token_unavailable", "the token provider failed, or did not answer in time with a token"],
  ["token_expiring", "the token ends soon: call connect() with another, or give it a provider"],
  [
    "renewal_failed",
    "no connection could be made with a new token; the present one goes on until the server ends it",
  ],
];

/** How the gateway writes the beginning of an event. @typedef {{ index: number, beginning: string }} Unheard */

/** @typedef {Record<string, unknown> & { type: string }} Message */

export class Decoder {
  constructor() {
    instance.decoder = this;
    /** @type {Map<string, number>} */
    this.features = new Map();
    /** The epoch of the server's history, by execution. @type {Map<string, string>} */
    this.epochs = new Map();
    /**
     * The number of the last event that was handed over, by key; one less than its negative, where the
     * next may have any number. Rust decides by cursors of its own: these are for whoever goes on when
     * the instance has died. @type {number[]}
     */
    this.cursors = [];
    /** The server may send binary frames. */
    this.inflates = false;
    /** Tells this client's messages from those of the user's other pages. */
    this.client = randomId();
    /** @type {Map<string, Declaration>} */
    this.events = new Map();
    /** @type {Map<string, number>} */
    this.executions = new Map();
    /** Rooms apart from them: a server may name an execution as it likes. @type {Map<string, number>} */
    this.rooms = new Map();
    /** The names of both, by their numbers; a room's as `room` says. @type {string[]} */
    this.names = [];
    /** How the gateway writes them, likewise. @type {string[]} */
    this.marks = [];
    /** The server's id of the connection. */
    this.connectionId = "";
    this.limit = 0;
    // What the last event was, and of which execution: often those of the next. To compare two texts is
    // cheaper than to look one up, for which the engine has to read all of it twice.
    this.lastType = "";
    /** @type {Declaration | undefined} */
    this.lastEvent = undefined;
    this.lastId = "";
    this.lastKey = -1;
    /** The events that nobody listens to, in the slots of their beginnings. @type {Unheard[]} */
    this.unheard = [];
  }

  /**
   * Says which events somebody listens to, by the bits of their indexes.
   * @param {number} bits
   */
  setHeard(bits) {
    this.unheard = [];
    for (const [type, { index }] of this.events) {
      if ((bits >> index) & 1) continue;
      const beginning = `{"type":"${type}","timestamp":`;
      this.unheard[slotOf(beginning)] = { index, beginning };
    }
  }

  /**
   * Sets the longest text that is read, in UTF-16 code units.
   * @param {number} limit
   */
  setLimit(limit) {
    this.limit = limit;
  }

  /**
   * Says what Rust declares, in two texts instead of a call for each word, which every page would wait
   * for. An event is a line: its type on the wire, its name, 1 where it belongs to an execution, and of
   * each field the name, the kind and the only string that it may be, or nothing. The kind is one of the
   * numbers above, plus what else is said of the field, as a character that many places behind "0".
   * @param {string} events
   * @param {string} features in the order of their bits
   */
  declare(events, features) {
    for (const line of events.split("\n")) {
      const [type, name, scoped, ...fields] = line.split(" ");
      /** @type {Declaration} */
      const event = {
        index: this.events.size,
        name,
        scoped: scoped === "1",
        names: [],
        kinds: [],
        literals: [],
      };
      for (let i = 0; i < fields.length; i += 3) {
        // As the engine itself keeps the names of properties: comparing two such is comparing addresses.
        event.names.push(...Object.keys({ [fields[i]]: undefined }));
        event.kinds.push(fields[i + 1].charCodeAt(0) - ZERO);
        event.literals.push(fields[i + 2]);
      }
      this.events.set(type, event);
    }
    for (const [place, name] of features.split(" ").entries()) this.features.set(name, 1 << place);
  }

  /**
   * The number of an execution or a room, or -1.
   * @param {string} name
   */
  key(name) {
    return this.subject(named(name));
  }

  /**
   * The number of the execution that an event belongs to, or -1.
   * @param {Record<string, unknown>} event
   */
  keyOf({ executionId }) {
    return this.executions.get(/** @type {string} */ (executionId)) ?? -1;
  }

  /**
   * The number of the execution or the room that a message is about, or -1.
   * @param {Record<string, unknown>} message
   */
  subject(message) {
    const { room } = message;
    return typeof room === "string" ? (this.rooms.get(room) ?? -1) : this.keyOf(message);
  }

  /**
   * The name under which Rust knows a room.
   * @param {string} room
   */
  room(room) {
    return ROOM + room;
  }

  /**
   * From now on this execution or room is this number.
   * @param {string} name
   * @param {number} key
   */
  intern(name, key) {
    const { executionId, room } = named(name);
    this.lastKey = -1;
    if (room === undefined) this.executions.set(executionId, key);
    else this.rooms.set(room, key);
    this.names[key] = name;
    this.marks[key] = EXECUTION + JSON.stringify(name).slice(1);
    this.cursors[key] = NOWHERE;
  }

  /**
   * Nobody asks for this execution any more.
   * @param {number} key
   */
  forget(key) {
    const { executionId, room } = named(this.names[key]);
    this.lastKey = -1;
    if (room === undefined) this.executions.delete(executionId);
    else this.rooms.delete(room);
    this.epochs.delete(this.names[key]);
  }

  /** Up to which event each execution was handed over, and in which history. */
  positions() {
    return [...this.executions].flatMap(([executionId, key]) => {
      const seq = sure(this.cursors[key]);
      const epoch = this.epochs.get(executionId);
      return seq > 0 && epoch !== undefined ? [{ executionId, seq, epoch }] : [];
    });
  }

  /**
   * Everything up to this event was handed over by another instance.
   * @param {number} key
   * @param {number} seq
   * @param {string} epoch
   */
  goOnFrom(key, seq, epoch) {
    this.cursors[key] = seq;
    this.epochs.set(this.names[key], epoch);
  }

  /**
   * What is declared of an event.
   * @param {string} type
   */
  declarationOf(type) {
    if (type !== this.lastType) {
      this.lastEvent = this.events.get(type);
      this.lastType = type;
    }
    return this.lastEvent;
  }

  /**
   * The number of the execution that an event belongs to, or -1.
   * @param {string} executionId
   */
  executionOf(executionId) {
    if (this.lastKey < 0 || executionId !== this.lastId) {
      this.lastKey = this.executions.get(executionId) ?? -1;
      this.lastId = executionId;
    }
    return this.lastKey;
  }

  /**
   * The index of an event of this execution that somebody else has read, or -1 for any other.
   * @param {unknown} event
   * @param {string} executionId
   * @throws {TypeError} naming the field that is not as declared.
   */
  checkEvent(event, executionId) {
    const message = /** @type {Message} */ (isRecord(event) ? event : {});
    const declaration = this.events.get(message.type);
    if (!declaration?.scoped || message.executionId !== executionId) return -1;
    try {
      check({ ...message }, declaration);
    } catch (reason) {
      throw new TypeError(/** @type {string} */ (reason));
    }
    return declaration.index;
  }

  /**
   * Reads one text frame.
   * @param {unknown} data
   * @param {Sink} sink
   */
  accept(data, sink) {
    if (this.skip(data, sink)) return;
    let message;
    let event;
    try {
      message = this.read(data);
      if (message.type === "batch") return this.acceptBatch(message, sink);
      event = this.declarationOf(message.type);
      if (event !== undefined) check(message, event);
    } catch (error) {
      return sink(INVALID, reason(error), 0);
    }
    this.classify(message, event, sink);
  }

  /**
   * Of an event that nobody listens to only the beginning and the end are looked at, where the gateway
   * writes what it is, of which execution, and its number. Returns whether that was enough: it is
   * the next one, and so there is nothing else to be done about it.
   * @param {unknown} data
   * @param {Sink} sink
   */
  skip(data, sink) {
    if (typeof data !== "string" || data.length > this.limit) return false;
    const unheard = this.unheard[slotOf(data)];
    if (unheard === undefined || !isAt(data, 0, unheard.beginning)) return false;
    const key = this.executionAt(data, data.indexOf(",", unheard.beginning.length));
    if (key < 0) return false;
    const seq = lastSeq(data);
    const frame = UNREAD | (unheard.index << INDEX) | ((key + 1) << KEY);
    const isEnough = sink(frame, undefined, seq);
    if (isEnough) this.goOn(key, seq);
    return isEnough;
  }

  /**
   * The number of the execution that is named here, or -1.
   * @param {string} text
   * @param {number} at
   */
  executionAt(text, at) {
    if (this.lastKey >= 0 && isAt(text, at, this.marks[this.lastKey])) return this.lastKey;
    if (!isAt(text, at, EXECUTION)) return -1;
    const from = at + EXECUTION.length;
    const name = text.slice(from, text.indexOf('"', from));
    return name.includes("\\") ? -1 : this.executionOf(name);
  }

  /**
   * The events of a batch, each as if it had come alone: one that is invalid spoils no other. Not
   * all of very many invalid ones are told, or handlers would have to do with nothing else.
   * @param {Message} batch
   * @param {Sink} sink
   */
  acceptBatch(batch, sink) {
    if (!Array.isArray(batch.events)) throw "batch.events: expected array";
    let invalid = 0;
    for (const message of batch.events) {
      try {
        const event = isRecord(message)
          ? this.declarationOf(/** @type {string} */ (message.type))
          : undefined;
        if (event === undefined) throw "batch.events: expected events";
        check(message, event);
        this.classify(/** @type {Message} */ (message), event, sink);
      } catch (error) {
        invalid += 1;
        if (invalid <= MAX_TOLD) sink(INVALID, reason(error), 0);
      }
    }
    const untold = invalid - MAX_TOLD;
    if (untold > 0) sink(INVALID, `batch.events: ${untold} more are invalid`, 0);
  }

  /**
   * @param {unknown} data
   * @returns {Record<string, unknown> & { type: string }}
   */
  read(data) {
    if (typeof data !== "string") throw "a binary frame, which this client did not ask for";
    if (data.length > this.limit) {
      throw `a frame of ${data.length} characters, over the limit of ${this.limit}`;
    }
    const message = JSON.parse(data);
    if (!isRecord(message)) throw `expected an object, found ${kindOf(message)}`;
    if (typeof message.type !== "string") {
      throw `type: expected string, found ${kindOf(message.type)}`;
    }
    return /** @type {Record<string, unknown> & { type: string }} */ (message);
  }

  /**
   * @param {Message} message
   * @param {Declaration | undefined} event
   * @param {Sink} sink
   */
  classify(message, event, sink) {
    if (event === undefined) return this.classifySystem(message, sink);
    if (message.type === "connected") return this.welcome(message, sink);
    if (!event.scoped) return sink(EVENT | (event.index << INDEX), message, 0);
    const key = this.executionOf(/** @type {string} */ (message.executionId));
    if (key < 0) return sink(FOREIGN_EVENT | (event.index << INDEX), message, 0);
    const ack = message.ack === true ? 1 << ACK : 0;
    const seq = integer(message.seq);
    sink(EVENT | (event.index << INDEX) | ack | ((key + 1) << KEY), message, seq);
    // Not before: an event in which the instance dies comes again.
    this.goOn(key, seq);
  }

  /**
   * An event was handed over, unless it is beyond a hole: then it is held back.
   * @param {number} key
   * @param {number} seq
   */
  goOn(key, seq) {
    const cursor = this.cursors[key];
    if (cursor < 0 ? seq > sure(cursor) : seq === cursor + 1) this.cursors[key] = seq;
  }

  /**
   * @param {Message} message
   * @param {Sink} sink
   */
  welcome(message, sink) {
    this.connectionId = /** @type {string} */ (message.connectionId);
    this.inflates = false;
    if (!Array.isArray(message.features)) return sink(WELCOME, message, 0);
    const bits = message.features.reduce((bits, name) => bits | (this.features.get(name) ?? 0), 0);
    this.inflates = message.features.includes("gzip");
    sink(WELCOME_WITH_FEATURES, message, bits);
  }

  /**
   * @param {Message} message
   * @param {Sink} sink
   */
  classifySystem(message, sink) {
    switch (message.type) {
      case "subscribed":
        return this.subscribed(message, sink);
      case "unsubscribed":
        return this.about(UNSUBSCRIBED, this.subject(message), message, 0, sink);
      case "error": {
        const kind = message.code === "forbidden" ? ERROR_FORBIDDEN : ERROR;
        const about = (this.subject(message) + 1) << KEY;
        return sink(kind | about, message, this.messageNumber(message));
      }
      case "replayed": {
        const kind = message.complete === true ? REPLAYED : REPLAYED_IN_PART;
        return this.about(kind, this.keyOf(message), message, integer(message.count), sink);
      }
      case "ack":
        return sink(ACKNOWLEDGED, undefined, this.messageNumber(message));
      case "pong":
        return this.pong(message, sink);
      case "auth:expiring":
        return sink(AUTH_EXPIRING, undefined, 0);
      case "authenticated":
        return sink(AUTHENTICATED, undefined, 0);
      default:
        sink(UNKNOWN, message, 0);
    }
  }

  /**
   * @param {Message} message
   * @param {Sink} sink
   */
  subscribed(message, sink) {
    const { epoch, recovered } = message;
    const key = this.subject(message);
    const name = this.names[key];
    // A room has no history.
    const isRoom = typeof message.room === "string";
    if (isRoom || typeof epoch !== "string" || typeof recovered !== "boolean") {
      return this.about(SUBSCRIBED, key, message, 0, sink);
    }
    const before = this.epochs.get(name);
    if (name !== undefined) this.epochs.set(name, epoch);
    const restarted = before !== undefined && before !== epoch;
    if (restarted) this.cursors[key] = NOWHERE;
    else if (recovered && this.cursors[key] === NOWHERE) this.cursors[key] = 0;
    const lost = restarted ? RESTARTED : NOT_RECOVERED;
    const kind = recovered ? RECOVERED : lost;
    this.about(kind, key, message, integer(message.head), sink);
  }

  /**
   * The heads of the subscriptions come first: the answer to the ping stands for all of them.
   * @param {Message} message
   * @param {Sink} sink
   */
  pong(message, sink) {
    const heads = isRecord(message.heads) ? message.heads : {};
    for (const [executionId, head] of Object.entries(heads)) {
      const key = this.executions.get(executionId);
      if (key !== undefined) sink(HEAD | ((key + 1) << KEY), undefined, integer(head));
    }
    sink(PONG, undefined, integer(message.id));
  }

  /**
   * @param {number} kind
   * @param {number} key
   * @param {Message} message
   * @param {number} detail
   * @param {Sink} sink
   */
  about(kind, key, message, detail, sink) {
    sink(key < 0 ? STRAY_ANSWER : kind | ((key + 1) << KEY), message, detail);
  }

  /**
   * The number of one of this client's messages, 0 if it is none.
   * @param {Message} message
   */
  messageNumber({ messageId }) {
    const digits = typeof messageId === "string" ? messageId.slice(this.client.length + 1) : "";
    const number = integer(Number(digits));
    const isOurs = number <= MAX_NUMBER && messageId === `${this.client}.${number}`;
    return isOurs ? number : 0;
  }

  /**
   * A message with a number, under which the server acknowledges it.
   * @param {string} text
   * @param {number} number
   */
  numbered(text, number) {
    return `${text.slice(0, -1)},"messageId":"${this.client}.${number}"}`;
  }

  /**
   * `subscribe`: to an execution, or to a room as its name says.
   * @param {number} key
   * @param {number | undefined} after
   * @param {boolean} presence
   */
  subscribe(key, after, presence) {
    const name = this.names[key];
    const from = after === undefined ? {} : { after, epoch: this.epochs.get(name) };
    return JSON.stringify({
      type: "subscribe",
      ...named(name),
      ...from,
      ...(presence && { presence }),
    });
  }

  /**
   * `unsubscribe`, likewise.
   * @param {number} key
   */
  unsubscribe(key) {
    return JSON.stringify({ type: "unsubscribe", ...named(this.names[key]) });
  }

  /**
   * `replay`: what has happened in an execution since a time in ms since the Unix epoch.
   * @param {number} key
   * @param {number} since
   */
  replay(key, since) {
    return JSON.stringify({ type: "replay", executionId: this.names[key], since });
  }

  /**
   * The answer to a welcome that offers features.
   * @param {number} bits
   */
  hello(bits) {
    const features = [...this.features].flatMap(([name, bit]) => (bits & bit ? [name] : []));
    return JSON.stringify({ type: "hello", features });
  }

  /**
   * `connection:subscribed`, as handlers see it.
   * @param {number} key
   * @param {boolean} resumed
   * @param {boolean} recovered
   */
  subscribedEvent(key, resumed, recovered) {
    return { type: "connection:subscribed", ...named(this.names[key]), resumed, recovered };
  }

  /**
   * `connection:gap`, likewise.
   * @param {number} key
   * @param {number | undefined} from
   * @param {number | undefined} to
   * @param {number} reason
   */
  gapEvent(key, from, to, reason) {
    this.cursors[key] = loose(to ?? sure(this.cursors[key]));
    return {
      type: "connection:gap",
      executionId: this.names[key],
      fromSeq: from ?? null,
      toSeq: to ?? null,
      reason: ["evicted", "restarted", "baseline"][reason],
    };
  }

  /**
   * `connection:error`, likewise. What the server says of it comes before our own words.
   * @param {number} problem
   * @param {unknown} payload
   * @param {number} key
   */
  errorEvent(problem, payload, key) {
    let [code, message] = PROBLEMS[problem];
    if (typeof payload === "string") message = payload;
    if (isRecord(payload)) {
      if (typeof payload.code === "string") code = payload.code;
      if (typeof payload.message === "string") message = payload.message;
    }
    const name = this.names[key];
    return { type: "connection:error", code, message, ...(name !== undefined && named(name)) };
  }
}

/**
 * What was thrown while a frame was read, in words. Only our own refusals and JSON.parse throw; the
 * parser's words may quote the text, so they stay behind.
 * @param {unknown} error
 */
function reason(error) {
  return error instanceof SyntaxError ? "not valid JSON" : String(error);
}

/**
 * The number of an event, of which the next may have any.
 * @param {number} seq
 */
function loose(seq) {
  return -seq - 1;
}

/**
 * The number of the event that was handed over, whatever the next may have.
 * @param {number} cursor
 */
function sure(cursor) {
  return cursor < 0 ? loose(cursor) : cursor;
}

/**
 * A whole number that is exact in JavaScript and in Rust, or 0.
 * @param {unknown} value
 */
function integer(value) {
  return Number.isSafeInteger(value) && /** @type {number} */ (value) > 0
    ? /** @type {number} */ (value)
    : 0;
}

/**
 * Where an event that begins like this is looked for. Two may share a slot: then one of them is
 * always read. These characters differ between most types.
 * @param {string} text
 */
function slotOf(text) {
  return (text.charCodeAt(16) ^ text.charCodeAt(20)) & 63;
}

const EXECUTION = ',"executionId":"';

/**
 * The number that an event ends with, as the gateway writes it, or 0: also where it is to be
 * acknowledged, which is said behind the number.
 * @param {string} text
 */
function lastSeq(text) {
  let seq = 0;
  let at = text.length - 2;
  for (let unit = 1; isDigit(text.charCodeAt(at)); unit *= 10) {
    seq += (text.charCodeAt(at) - ZERO) * unit;
    at -= 1;
  }
  return seq > 0 && isAt(text, at + 1 - SEQ.length, SEQ) ? integer(seq) : 0;
}

const SEQ = ',"seq":';

/**
 * Whether a part stands there in a text. `startsWith` would compare one character after the other,
 * which takes thrice as long.
 * @param {string} text
 * @param {number} at
 * @param {string} part
 */
function isAt(text, at, part) {
  return text.slice(at, at + part.length) === part;
}

const ZERO = 48;

/** @param {number} character */
function isDigit(character) {
  return character >= ZERO && character <= ZERO + 9;
}

/** No id that a page may ask for has it: it stands before the names of rooms. */
const ROOM = "\u0000room:";

/**
 * What a message says of a name.
 * @param {string} name
 * @returns {{ executionId: string, room?: undefined } | { room: string, executionId?: undefined }}
 */
function named(name) {
  return name.startsWith(ROOM) ? { room: name.slice(ROOM.length) } : { executionId: name };
}

function randomId() {
  const bytes = globalThis.crypto?.getRandomValues(new Uint8Array(12)) ?? [];
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex || Math.random().toString(16).slice(2);
}

/**
 * Throws a sentence that names the field which is not as declared.
 *
 * The gateway writes the fields as they are declared, one after the other: to walk through the message
 * beside the declaration costs half of what it costs to look each field up. What is not found so is
 * looked up.
 * @param {Record<string, unknown>} message
 * @param {Declaration} event
 */
function check(message, event) {
  const { names } = event;
  let i = 0;
  for (const name in message) {
    if (name === names[i] && isAsDeclared(message[name], event, i)) i += 1;
  }
  for (; i < names.length; i++) {
    if (!isAsDeclared(message[names[i]], event, i)) checkAbsent(message, event, i);
  }
}

/**
 * @param {unknown} value
 * @param {Declaration} event
 * @param {number} i
 */
function isAsDeclared(value, { name, names, kinds, literals }, i) {
  switch (kinds[i] & 3) {
    case STRING: {
      if (typeof value !== "string") return false;
      const literal = literals[i];
      if (literal === "" || literal === value) return true;
      throw `${name}.${names[i]}: expected "${literal}", found another string`;
    }
    case NUMBER:
      return typeof value === "number" && Number.isFinite(value);
    case RECORD:
      return isRecord(value);
    default: // anything that is there; `null` is what an optional field is when it is absent
      return value !== undefined && (value !== null || (kinds[i] & OPTIONAL) === 0);
  }
}

/**
 * A field that has not its kind may still be absent. Absent optionals are absent, never `null`; but
 * a server that says `null` means the same, and handlers need not know.
 * @param {Record<string, unknown>} message
 * @param {Declaration} event
 * @param {number} i
 */
function checkAbsent(message, event, i) {
  const name = event.names[i];
  const value = message[name];
  if ((event.kinds[i] & OPTIONAL) !== 0 && (value === undefined || value === null)) {
    delete message[name];
    return;
  }
  if (value === undefined) throw `${event.name}.${name}: missing`;
  const expected = ["string", "number", "object", "any value"][event.kinds[i] & 3];
  throw `${event.name}.${name}: expected ${expected}, found ${kindOf(value)}`;
}
