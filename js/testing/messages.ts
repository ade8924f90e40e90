// What clients may say, and the gateway's words for what they may not.
//
// JSON.parse lets through what the gateway's parser does not: a name that stands twice, half of a
// surrogate pair, a number beyond a double, nesting deeper than 127.

/** A message that the gateway has understood. */
export type ClientMessage =
  | { type: "hello"; features: string[] }
  | { type: "subscribe"; executionId: string; after?: number; epoch?: string }
  | { type: "replay"; executionId: string; since: number }
  | { type: "unsubscribe" | "user:input:response"; executionId: string };

/** A message that a client has sent, as it was parsed. */
export interface ReceivedMessage {
  /** What it is: `subscribe`, `unsubscribe`, `replay` or `user:input:response`. */
  type: string;
  /** The execution that it is about. */
  executionId?: string;
  [field: string]: unknown;
}

type Json = Record<string, unknown>;

const MAX_ID_BYTES = 128;

/** What JSON values begin with. */
const KINDS: Record<string, string> = {
  "{": "object",
  "[": "array",
  '"': "string",
  t: "boolean",
  f: "boolean",
  n: "null",
  "-": "number",
};

/** What is wrong with a message. */
export class InvalidMessage extends Error {}

/**
 * Reads a client's frame.
 *
 * @throws InvalidMessage naming the message and the field.
 */
export function decodeClientMessage(data: unknown): ClientMessage {
  if (typeof data !== "string") throw new InvalidMessage("messages are text frames");
  const message = parse(data);
  const type = text(message, "type", "type");
  switch (type) {
    case "hello":
      return { type, features: features(message) };
    case "subscribe":
      return { type, ...subscription(message) };
    case "replay": {
      const executionId = id(message, "executionId", "replay.executionId");
      const since = take(message, "since", "number", "replay.since") as number;
      return { type, executionId, since };
    }
    case "unsubscribe":
      return { type, executionId: id(message, "executionId", `${type}.executionId`) };
    case "user:input:response":
      checkResponse(message);
      return { type, executionId: id(message, "executionId", `${type}.executionId`) };
    default:
      throw new InvalidMessage("type: unknown message type");
  }
}

/** The message in a client's frame, understood or not; `undefined` where there is none. */
export function readMessage(data: unknown): ReceivedMessage | undefined {
  try {
    return parse(String(data)) as ReceivedMessage;
  } catch {
    return undefined;
  }
}

/** The length of a text in bytes of UTF-8. */
export function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

function parse(data: string): Json {
  const first = data.trimStart()[0];
  const kind = first === undefined ? "object" : kindOfJson(first);
  if (kind !== "object") throw new InvalidMessage(`expected an object, found ${kind}`);
  try {
    return JSON.parse(data);
  } catch {
    throw new InvalidMessage("not valid JSON");
  }
}

function kindOfJson(first: string): string {
  return KINDS[first] ?? (/\d/.test(first) ? "number" : "something that is not JSON");
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

function features({ features }: Json): string[] {
  if (features === undefined) throw new InvalidMessage("hello.features: missing");
  const areNames =
    Array.isArray(features) && features.every((feature) => typeof feature === "string");
  if (areNames) return features;
  throw new InvalidMessage("hello.features: expected an array of strings, found something else");
}

function subscription(message: Json) {
  const executionId = id(message, "executionId", "subscribe.executionId");
  const after = optional(message, "after", "number", "subscribe.after") as number | undefined;
  if (after !== undefined && !(Number.isSafeInteger(after) && after >= 0)) {
    const expected = "expected an integer from 0 to 2^53 - 1, found another number";
    throw new InvalidMessage(`subscribe.after: ${expected}`);
  }
  const epoch = optional(message, "epoch", "string", "subscribe.epoch") as string | undefined;
  return { executionId, after, epoch };
}

/** All the fields first, then the ids, as the gateway does. */
function checkResponse(message: Json): void {
  const path = (name: string) => `user:input:response.${name}`;
  take(message, "timestamp", "number", path("timestamp"));
  text(message, "executionId", path("executionId"));
  text(message, "nodeId", path("nodeId"));
  if (message.value === undefined) throw new InvalidMessage(`${path("value")}: missing`);
  id(message, "executionId", path("executionId"));
  id(message, "nodeId", path("nodeId"));
}

function id(message: Json, name: string, path: string): string {
  const value = text(message, name, path);
  const bytes = byteLength(value);
  if (bytes >= 1 && bytes <= MAX_ID_BYTES) return value;
  throw new InvalidMessage(`${path}: an id has 1 to ${MAX_ID_BYTES} bytes, this one ${bytes}`);
}

function text(message: Json, name: string, path: string): string {
  return take(message, name, "string", path) as string;
}

/** `null` counts as absent. */
function optional(message: Json, name: string, expected: string, path: string): unknown {
  const isAbsent = message[name] === undefined || message[name] === null;
  return isAbsent ? undefined : take(message, name, expected, path);
}

function take(message: Json, name: string, expected: string, path: string): unknown {
  const value = message[name];
  if (value === undefined) throw new InvalidMessage(`${path}: missing`);
  const found = kindOf(value);
  if (found === expected) return value;
  throw new InvalidMessage(`${path}: expected ${expected}, found ${found}`);
}
