import { dequal } from "dequal/lite";
import type { ExecutionEvent } from "flowmaestro-websocket";

export interface Merged {
  readonly events: readonly ExecutionEvent[];
  /** Whether `live` reaches past the snapshot, so that all that follows is new. */
  readonly settled: boolean;
}

/**
 * What has happened in a run, from a snapshot and what has arrived since the subscription.
 *
 * `snapshot` is what the server had emitted when it was asked, after it had acknowledged the
 * subscription. So the two overlap: from some place in `snapshot` on, both say the same. The
 * snapshot may reach further than the socket, because the answer can overtake events that are still
 * on their way. Of several places that fit, the earliest is taken, which is the longest overlap.
 * The user's answers count for nothing in this: they travel the other way, and each side dates them
 * itself.
 */
export function merge(
  snapshot: readonly ExecutionEvent[],
  live: readonly ExecutionEvent[],
): Merged {
  const received = live.filter(isFromServer);
  const covered = overlap(snapshot.filter(isFromServer), received);
  const seen = new Set(received.slice(0, covered));
  return {
    events: [...snapshot, ...live.filter((event) => !seen.has(event))],
    settled: received.length > covered,
  };
}

function isFromServer(event: ExecutionEvent): boolean {
  return event.type !== "user:input:response";
}

/** How many of the first `live` events `snapshot` holds too. */
function overlap(snapshot: readonly ExecutionEvent[], live: readonly ExecutionEvent[]): number {
  for (let start = 0; start < snapshot.length; start += 1) {
    const rest = snapshot.slice(start, start + live.length);
    if (dequal(rest, live.slice(0, rest.length))) return rest.length;
  }
  return 0;
}
