// Very many frames that no server should send, of the same kinds as those of the client's own tests.

import { gzipSync } from "node:zlib";
import {
  ABSURD,
  EPOCH,
  EXECUTION,
  event,
  UNREADABLE,
} from "../../client/support/hostile-server.mjs";

/** Larger ones would only say how fast a megabyte is parsed. */
const MAX_BYTES = 4096;

const ABSURDITIES = Object.values(ABSURD);

const SMALL = UNREADABLE.map(([, frame]) => frame).filter((frame) => !(frame.length > MAX_BYTES));

/** Without a number of its own, or it would be the next event. */
const PROGRESS = { type: "execution:progress", timestamp: 1, executionId: EXECUTION };

/** What takes one number or list for another; each is given something absurd. */
const KINDS = [
  (it) => event(1, { seq: it, chunk: "unnumbered" }),
  (it) => event(1, { chunk: it, seq: undefined }),
  (it) => event(1, { executionId: it, seq: 7 }),
  (it) => ({ ...PROGRESS, completed: it, total: it, percentage: it }),
  (it) => ({ type: "pong", id: it, heads: it }),
  (it) => ({ type: "subscribed", executionId: it, epoch: EPOCH, head: it, recovered: it }),
  (it) => ({ type: "unsubscribed", executionId: it, room: it }),
  (it) => ({ type: "ack", messageId: it, eventId: it }),
  (it) => ({ type: "error", code: it, message: it, executionId: it, messageId: it }),
  (it) => ({ type: "replayed", executionId: it, since: it, count: it, complete: it }),
  (it) => ({ type: "batch", events: it }),
  (it) => ({ type: "batch", events: [it, [it], { type: it }] }),
  (it) => ({ type: "presence", executionId: it, viewers: it }),
  (it) => ({ type: "auth:expiring", expiresAt: it }),
  (it) => ({ type: it }),
  (it) => ({ type: "toString", constructor: it, __proto__: { it } }),
  (it) => gzipSync(JSON.stringify({ type: "connected?", it })),
];

/** So many frames, the same for the same seed. */
export function* hostileFrames(count, seed) {
  const random = numbers(seed);
  const any = (list) => list[random() % list.length];
  for (let made = 0; made < count; made++) {
    switch (random() % 4) {
      case 0:
        yield any(SMALL);
        break;
      case 1:
        yield mutated(JSON.stringify(event(1, { seq: undefined })), random);
        break;
      default:
        yield any(KINDS)(any(ABSURDITIES));
    }
  }
}

/** A text with a few characters cut, doubled or replaced. */
function mutated(text, random) {
  let result = text;
  for (let times = 1 + (random() % 3); times > 0; times--) {
    const at = random() % result.length;
    const [before, after] = [result.slice(0, at), result.slice(at + (random() % 3))];
    result = before + String.fromCharCode(32 + (random() % 95)).repeat(random() % 3) + after;
  }
  return result;
}

/** Numbers below 2^31, from a linear congruence (Numerical Recipes, section 7.1). */
function numbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 1;
  };
}
