import type { NodeStatus } from "flowmaestro-websocket";
import type { DocumentStatus } from "../api";

/** Besides a node's own states: its run has ended and did not come to it. */
export type ShownStatus = NodeStatus | DocumentStatus | "skipped";

const paths: Record<ShownStatus, string> = {
  pending: "M8 2.5a5.5 5.5 0 1 1 0 11a5.5 5.5 0 0 1 0-11z",
  skipped: "M4 8h8",
  stopped: "M5 5h6v6H5z",
  running: "M8 2.5a5.5 5.5 0 1 1-5.5 5.5",
  processing: "M8 2.5a5.5 5.5 0 1 1-5.5 5.5",
  retrying: "M13 8a5 5 0 1 1-1.6-3.7M13 2.2v3h-3",
  waiting: "M8 3.2v6M8 12.6v.2",
  completed: "M3 8.6l3.3 3.2L13 4.8",
  failed: "M4 4l8 8M12 4l-8 8",
};

export function StatusIcon({ status }: { readonly status: ShownStatus }) {
  return (
    <svg className={`icon ${status}`} viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <path d={paths[status]} fill="none" stroke="currentColor" strokeWidth="2" />
    </svg>
  );
}
