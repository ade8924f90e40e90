// What the client's methods are called with: checked, and refused in words.
//
// @ts-check

import { RequestError } from "./errors.js";

/**
 * Refuses what Rust cannot hold as it is: a string with half of a surrogate pair would collide with
 * others like it.
 * @param {string} what
 * @param {unknown} value
 */
export function checkString(what, value) {
  if (typeof value !== "string") throw new TypeError(`${what} must be a string`);
  if (/\p{Surrogate}/u.test(value)) throw new TypeError(`${what} must be well-formed Unicode`);
}

/** @param {unknown} handler */
export function checkHandler(handler) {
  if (typeof handler !== "function") throw new TypeError("the handler must be a function");
}

/**
 * @param {string} what
 * @param {unknown} value
 * @param {number} maxBytes
 */
export function checkId(what, value, maxBytes) {
  checkString(what, value);
  const bytes = byteLength(/** @type {string} */ (value));
  if (bytes < 1 || bytes > maxBytes) {
    throw new TypeError(`${what} must have 1 to ${maxBytes} bytes`);
  }
}

/** The two ends of a promise. */
export class Deferred {
  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }
}

/** The answer to a `user:input:required`, on its way. */
export class Answer extends Deferred {
  /**
   * @param {string} executionId
   * @param {string} nodeId
   * @param {unknown} value
   * @param {number} maxIdBytes
   */
  constructor(executionId, nodeId, value, maxIdBytes) {
    super();
    checkId("executionId", executionId, maxIdBytes);
    checkId("nodeId", nodeId, maxIdBytes);
    if (value === undefined || typeof value === "function" || typeof value === "symbol") {
      throw notSerializable();
    }
    this.event = {
      type: "user:input:response",
      timestamp: Date.now(),
      executionId,
      nodeId,
      value,
    };
    try {
      this.text = JSON.stringify(this.event);
    } catch {
      throw notSerializable();
    }
    this.bytes = byteLength(this.text);
  }
}

/** A `replay`, until the server has answered it. */
export class Replay extends Deferred {
  /**
   * @param {string} executionId
   * @param {unknown} since
   * @param {number} maxIdBytes
   */
  constructor(executionId, since, maxIdBytes) {
    super();
    checkId("executionId", executionId, maxIdBytes);
    /** In ms since the Unix epoch. */
    this.since = Number(since instanceof Date || typeof since === "number" ? since : NaN);
    if (!Number.isSafeInteger(this.since) || this.since < 0) {
      throw new TypeError("since must be a Date, or a whole number of ms since the Unix epoch");
    }
  }

  /**
   * @param {number} count
   * @param {boolean} complete
   */
  done(count, complete) {
    this.resolve({ count, complete });
  }
}

function notSerializable() {
  const message = "The value has no JSON form: no undefined, function, BigInt or cycle.";
  return new RequestError("not_serializable", message);
}

/** @param {string} text */
function byteLength(text) {
  return new TextEncoder().encode(text).length;
}
