// The functions that are called with events, by the numbers of their registrations, and the numbers
// of what they are registered for. Who is called when is decided in src/handlers.rs.
//
// @ts-check

/** @typedef {{ handler: (event: unknown) => void, onRemoved: (() => void) | undefined }} Registration */

export class Handlers {
  constructor() {
    /** @type {Map<string, number>} */
    this.topics = new Map();
    this.topicCount = 0;
    /** Numbers that may be given again: lists are kept by them. @type {number[]} */
    this.free = [];
    /** @type {Map<number, Registration>} */
    this.registrations = new Map();
  }

  /**
   * Gives these event types the next numbers, in their order.
   * @param {string} types with spaces between them
   */
  defineAll(types) {
    for (const type of types.split(" ")) this.define(type);
  }

  /**
   * The number of an event type: a new one, where it has none yet.
   * @param {string} type
   */
  define(type) {
    let topic = this.topics.get(type);
    if (topic === undefined) {
      topic = this.free.pop() ?? this.topicCount++;
      this.topics.set(type, topic);
    }
    return topic;
  }

  /**
   * The number of an event type, or -1.
   * @param {string} type
   */
  topic(type) {
    return this.topics.get(type) ?? -1;
  }

  /**
   * The number of a message's type, or -1.
   * @param {{ type: string }} message
   */
  topicOf({ type }) {
    return this.topic(type);
  }

  /**
   * Nothing is registered for this event type any more. A page may make up one for each thing that
   * it waits for.
   * @param {number} topic
   */
  forget(topic) {
    for (const [type, number] of this.topics) if (number === topic) this.topics.delete(type);
    this.free.push(topic);
  }

  /**
   * @param {number} id
   * @param {Registration["handler"]} handler
   * @param {Registration["onRemoved"]} onRemoved
   */
  add(id, handler, onRemoved) {
    this.registrations.set(id, { handler, onRemoved });
  }

  /**
   * Whether this function is registered under this number.
   * @param {number} id
   * @param {unknown} handler
   */
  has(id, handler) {
    return this.registrations.get(id)?.handler === handler;
  }

  /** @param {number} id */
  remove(id) {
    const { onRemoved } = /** @type {Registration} */ (this.registrations.get(id));
    this.registrations.delete(id);
    if (onRemoved) call(onRemoved, undefined);
  }

  /**
   * Calls a handler, whose registration may end before that.
   * @param {number} id
   * @param {unknown} event
   * @param {boolean} once
   */
  call(id, event, once) {
    const { handler } = /** @type {Registration} */ (this.registrations.get(id));
    if (once) this.remove(id);
    call(handler, event);
  }
}

/**
 * Calls a function of the user's. Its exception is reported, outside of our own stack, and stops
 * nothing.
 * @param {(event: unknown) => void} handler
 * @param {unknown} event
 */
export function call(handler, event) {
  try {
    handler(event);
  } catch (error) {
    if (typeof globalThis.reportError === "function") {
      globalThis.reportError(error);
    } else {
      setTimeout(() => {
        throw error;
      });
    }
  }
}
