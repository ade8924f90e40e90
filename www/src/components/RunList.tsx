import type { RunSummary } from "../api";
import { formatDate } from "../format";
import type { Live } from "../hooks/useLive";
import { runAddress } from "../hooks/useRoute";
import { Loaded } from "./Loaded";
import { StatusChip } from "./StatusChip";

interface Props {
  readonly runs: Live<readonly RunSummary[]>;
  readonly openId: string | undefined;
}

export function RunList({ runs, openId }: Props) {
  return (
    <section className="card stack" aria-labelledby="runs-title">
      <h2 id="runs-title">Runs</h2>
      <Loaded of={runs} empty="No runs yet. Start one from a workflow.">
        {(items) => (
          <ul className="list" data-testid="runs">
            {items.map((run) => (
              <li key={run.executionId}>
                <a
                  href={runAddress(run.executionId)}
                  aria-current={run.executionId === openId ? "page" : undefined}
                  data-run={run.executionId}
                >
                  <span>
                    {run.workflowName}
                    <time className="muted small" dateTime={new Date(run.startedAt).toISOString()}>
                      {formatDate(run.startedAt)}
                    </time>
                  </span>
                  <StatusChip status={run.status} />
                </a>
              </li>
            ))}
          </ul>
        )}
      </Loaded>
    </section>
  );
}
