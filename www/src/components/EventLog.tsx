import type { ExecutionLogEntry, LoggedEvent } from "flowmaestro-websocket";
import { useLayoutEffect, useRef } from "react";
import { formatDuration, formatTime } from "../format";
import { type ShownStatus, StatusIcon } from "./StatusIcon";

interface Props {
  readonly entries: readonly ExecutionLogEntry[];
  readonly nameOf: (nodeId: string) => string;
}

/** What has happened, newest last, where it scrolls to. */
export function EventLog({ entries, nameOf }: Props) {
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    if (entries.length > 0) box.current?.scrollTo({ top: box.current.scrollHeight });
  }, [entries]);

  return (
    <section className="card stack" aria-labelledby="log-title">
      <h2 id="log-title">Log</h2>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and so must the keyboard. */}
      <div ref={box} className="log" role="log" tabIndex={0} aria-labelledby="log-title">
        {entries.filter(isShown).map((entry, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: lines are added, hardly ever in between.
          <div key={i} className="log-line" data-type={entry.type}>
            <time className="muted" dateTime={new Date(entry.timestamp).toISOString()}>
              {formatTime(entry.timestamp)}
            </time>
            <StatusIcon status={icons[entry.type] ?? "pending"} />
            <span>{lineOf(entry, nameOf)}</span>
          </div>
        ))}
      </div>
    </section>
  );
}

/** The progress is shown elsewhere. */
function isShown({ type }: ExecutionLogEntry): boolean {
  return type !== "execution:progress";
}

const icons: Partial<Record<LoggedEvent["type"], ShownStatus>> = {
  "execution:started": "pending",
  "execution:completed": "completed",
  "execution:failed": "failed",
  "node:started": "pending",
  "node:completed": "completed",
  "node:failed": "failed",
  "node:retry": "retrying",
  "user:input:required": "waiting",
  "user:input:response": "pending",
};

function lineOf({ type, nodeId, event }: ExecutionLogEntry, nameOf: Props["nameOf"]): string {
  if (event) return describe(event, nameOf);
  // A large one, of which the log only keeps that it was.
  return nodeId === undefined ? type : `${nameOf(nodeId)}: ${type}`;
}

function describe(event: LoggedEvent, nameOf: Props["nameOf"]): string {
  switch (event.type) {
    case "execution:started":
      return `Run of ${event.workflowName} started, ${event.totalNodes} steps`;
    case "execution:completed":
      return `Run completed in ${formatDuration(event.duration)}`;
    case "execution:failed":
      return `Run failed: ${event.error}`;
    case "node:started":
      return `${nameOf(event.nodeId)} started`;
    case "node:completed":
      return `${nameOf(event.nodeId)} done in ${formatDuration(event.duration)}`;
    case "node:failed":
      return `${nameOf(event.nodeId)} failed: ${event.error}`;
    case "node:retry":
      return [
        `${nameOf(event.nodeId)}: attempt ${event.attempt}`,
        `in ${formatDuration(event.nextRetryIn)}, after: ${event.error}`,
      ].join(" ");
    case "user:input:required":
      return `${nameOf(event.nodeId)} asks: ${event.prompt}`;
    case "user:input:response":
      return `You answered ${nameOf(event.nodeId)}`;
    default:
      return (event as { readonly type: string }).type; // A type this page does not know yet.
  }
}
