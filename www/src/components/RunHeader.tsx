import { formatDate, formatDuration } from "../format";
import { useNow } from "../hooks/useNow";
import { type RunState, runStatus } from "../run";
import { StatusChip } from "./StatusChip";

interface Props {
  readonly state: RunState;
  readonly name: string;
}

export function RunHeader({ state, name }: Props) {
  const { started, progress } = state;
  return (
    <header className="card stack run-header">
      <div className="row">
        <h1>{name}</h1>
        <span role="status" data-testid="run-status">
          <StatusChip status={runStatus(state)} />
        </span>
      </div>
      <label className="progress">
        <progress max={100} value={progress?.percentage ?? 0} data-testid="progress" />
        <span className="small">
          {progress
            ? `${progress.completed} of ${progress.total} steps done`
            : `0 of ${started?.totalNodes ?? "?"} steps done`}
        </span>
      </label>
      {started && (
        <p className="muted small">
          Started {formatDate(started.timestamp)} ·{" "}
          <span className="unbroken">
            <RunTime state={state} />
          </span>
        </p>
      )}
    </header>
  );
}

/** How long the run took, or has taken so far. */
function RunTime({ state: { started, ended } }: { readonly state: RunState }) {
  const now = useNow(ended === undefined);
  if (ended?.type === "execution:completed") return `took ${formatDuration(ended.duration)}`;
  const until = ended?.timestamp ?? now;
  const elapsed = formatDuration(Math.max(0, until - (started?.timestamp ?? until)));
  return ended ? `failed after ${elapsed}` : `running for ${elapsed}`;
}
