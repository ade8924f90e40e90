import type { Execution } from "flowmaestro-websocket";
import { formatDate, formatDuration } from "../format";
import { useNow } from "../hooks/useNow";
import { hasEnded, runStatus } from "../run";
import { StatusChip } from "./StatusChip";

interface Props {
  readonly run: Execution;
  readonly name: string;
}

export function RunHeader({ run, name }: Props) {
  const { startedAt, progress } = run;
  return (
    <header className="card stack run-header">
      <div className="row">
        <h1>{name}</h1>
        <span role="status" data-testid="run-status">
          <StatusChip status={runStatus(run)} />
        </span>
      </div>
      <label className="progress">
        <progress max={100} value={progress.percentage} data-testid="progress" />
        <span className="small">
          {progress.completed} of {progress.total || "?"} steps done
        </span>
      </label>
      {startedAt !== undefined && (
        <p className="muted small">
          Started {formatDate(startedAt)} ·{" "}
          <span className="unbroken">
            <RunTime run={run} />
          </span>
        </p>
      )}
    </header>
  );
}

/** How long the run took, or has taken so far. */
function RunTime({ run }: { readonly run: Execution }) {
  const { status, startedAt, duration } = run;
  const now = useNow(!hasEnded(run));
  const elapsed = formatDuration(Math.max(0, duration ?? now - (startedAt ?? now)));
  if (status === "completed") return `took ${elapsed}`;
  return status === "failed" ? `failed after ${elapsed}` : `running for ${elapsed}`;
}
