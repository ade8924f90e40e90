// The one place where a received text becomes an object: the engine's own JSON.parse, once. What a
// message must look like comes from Rust (`define`), who an execution is too (`intern`), and what is
// done with the message is decided in Rust. So each frame crosses into wasm once, as one number and
// the object that every handler will get.
//
// @ts-check

// The kinds of frame, as src/decoder.rs reads them.
const INVALID = 0;
const WELCOME = 1;
const WELCOME_WITH_FEATURES = 2;
const SUBSCRIBED = 3;
const UNSUBSCRIBED = 4;
const ERROR = 5;
const ERROR_FORBIDDEN = 6;
const EVENT = 7;
const FOREIGN_EVENT = 8;
const UNKNOWN = 9;

// How a field is checked, as src/decoder.rs writes it.
const STRING = 0;
const NUMBER = 1;
const RECORD = 2;
const ANY = 3;

const OPTIONAL = 4;

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

export class Decoder {
  constructor() {
    /** @type {Map<string, Declaration>} */
    this.events = new Map();
    /** @type {Map<string, number>} */
    this.executions = new Map();
    this.limit = 0;
  }

  /**
   * Sets the longest text that is read, in UTF-16 code units.
   * @param {number} limit
   */
  setLimit(limit) {
    this.limit = limit;
  }

  /**
   * Declares an event, from the Rust declaration's field table. A kind is one of the numbers above
   * plus OPTIONAL; a literal is the only string that its field may be, or "".
   * @param {number} index
   * @param {string} wireType
   * @param {string} name
   * @param {boolean} scoped
   * @param {string[]} names
   * @param {Uint8Array} kinds
   * @param {string[]} literals
   */
  define(index, wireType, name, scoped, names, kinds, literals) {
    this.events.set(wireType, { index, name, scoped, names, kinds: [...kinds], literals });
  }

  /**
   * From now on this execution is this number.
   * @param {string} executionId
   * @param {number} key
   */
  intern(executionId, key) {
    this.executions.set(executionId, key);
  }

  /**
   * Nobody asks for this execution any more.
   * @param {string} executionId
   */
  forget(executionId) {
    this.executions.delete(executionId);
  }

  /**
   * The `onmessage` of a socket. `sink(frame, payload)` gets a packed number (kind in bits 0–3,
   * event index in bits 4–8, execution key plus one from bit 9) and the message, or for an invalid
   * frame what is wrong with it.
   * @param {(frame: number, payload: unknown) => void} sink
   */
  listener(sink) {
    return (/** @type {MessageEvent} */ { data }) => {
      let message;
      let event;
      try {
        message = this.read(data);
        event = this.events.get(message.type);
        if (event !== undefined) check(message, event);
      } catch (error) {
        // Only our own refusals and JSON.parse throw here. The parser's words may quote the text,
        // so they stay behind.
        const reason = error instanceof SyntaxError ? "not valid JSON" : String(error);
        sink(INVALID, reason);
        return;
      }
      sink(this.classify(message, event), message);
    };
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
   * @param {Record<string, unknown>} message
   * @param {Declaration | undefined} event
   */
  classify(message, event) {
    if (event === undefined) return this.classifySystem(message);
    if (event.scoped) return this.pack(EVENT, message.executionId, event.index);
    if (message.type === "connected") {
      return Array.isArray(message.features) ? WELCOME_WITH_FEATURES : WELCOME;
    }
    return EVENT | (event.index << 4);
  }

  /** @param {Record<string, unknown>} message */
  classifySystem(message) {
    switch (message.type) {
      case "subscribed":
        return this.pack(SUBSCRIBED, message.executionId, 0);
      case "unsubscribed":
        return this.pack(UNSUBSCRIBED, message.executionId, 0);
      case "error": {
        const kind = message.code === "forbidden" ? ERROR_FORBIDDEN : ERROR;
        const key = this.executions.get(/** @type {string} */ (message.executionId));
        return key === undefined ? kind : kind | ((key + 1) << 9);
      }
      default:
        return UNKNOWN;
    }
  }

  /**
   * @param {number} kind
   * @param {unknown} executionId
   * @param {number} index
   */
  pack(kind, executionId, index) {
    const key = this.executions.get(/** @type {string} */ (executionId));
    return key === undefined ? FOREIGN_EVENT : kind | (index << 4) | ((key + 1) << 9);
  }
}

/**
 * Throws a sentence that names the field which is not as declared.
 * @param {Record<string, unknown>} message
 * @param {Declaration} event
 */
function check(message, event) {
  const { names, kinds } = event;
  for (let i = 0; i < names.length; i++) {
    const name = names[i];
    const value = message[name];
    switch (kinds[i] & 3) {
      case STRING:
        if (typeof value === "string") {
          const literal = event.literals[i];
          if (literal === "" || literal === value) continue;
          throw `${event.name}.${name}: expected "${literal}", found another string`;
        }
        break;
      case NUMBER:
        if (typeof value === "number" && Number.isFinite(value)) continue;
        break;
      case RECORD:
        if (isRecord(value)) continue;
        break;
      case ANY:
        if (value !== undefined) continue;
        break;
    }
    checkAbsent(message, event, i);
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
