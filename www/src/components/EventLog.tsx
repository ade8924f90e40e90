import { useLayoutEffect, useRef } from "react";
import { formatDuration, formatTime } from "../format";
import type { LoggedEvent } from "../run";
import { type ShownStatus, StatusIcon } from "./StatusIcon";

interface Props {
  readonly events: readonly LoggedEvent[];
  readonly nameOf: (nodeId: string) => string;
}

/** What has happened, newest last, where it scrolls to. */
export function EventLog({ events, nameOf }: Props) {
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    if (events.length > 0) box.current?.scrollTo({ top: box.current.scrollHeight });
  }, [events]);

  return (
    <section className="card stack" aria-labelledby="log-title">
      <h2 id="log-title">Log</h2>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and so must the keyboard. */}
      <div ref={box} className="log" role="log" tabIndex={0} aria-labelledby="log-title">
        {events.map((event, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: lines are added, hardly ever in between.
          <div key={i} className="log-line" data-type={event.type}>
            <time className="muted" dateTime={new Date(event.timestamp).toISOString()}>
              {formatTime(event.timestamp)}
            </time>
            <StatusIcon status={iconOf(event)} />
            <span>{describe(event, nameOf)}</span>
          </div>
        ))}
      </div>
    </section>
  );
}

const icons: Record<LoggedEvent["type"], ShownStatus> = {
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

function iconOf(event: LoggedEvent): ShownStatus {
  return icons[event.type] ?? "pending";
}

function describe(event: LoggedEvent, nameOf: (nodeId: string) => string): string {
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
