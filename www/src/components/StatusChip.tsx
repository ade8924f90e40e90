import { type ShownStatus, StatusIcon } from "./StatusIcon";

const words: Record<ShownStatus, string> = {
  pending: "Pending",
  running: "Running",
  processing: "Processing",
  retrying: "Retrying",
  waiting: "Waiting",
  completed: "Completed",
  failed: "Failed",
  stopped: "Not finished",
  skipped: "Not reached",
};

interface Props {
  readonly status: ShownStatus;
  /** Instead of the status' usual word. */
  readonly label?: string;
}

export function StatusChip({ status, label }: Props) {
  return (
    <span className={`chip ${status}`} data-status={status}>
      <StatusIcon status={status} />
      {label ?? words[status]}
    </span>
  );
}
