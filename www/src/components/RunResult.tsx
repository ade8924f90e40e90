import type { Execution } from "flowmaestro-websocket";
import { Value } from "./Value";

interface Props {
  readonly run: Execution;
  readonly nameOf: (nodeId: string) => string;
}

/** How the run ended, once it has. */
export function RunResult({ run, nameOf }: Props) {
  const { status, outputs = {}, error, failedNodeId } = run;
  if (status === "completed") {
    return (
      <section className="card stack" aria-labelledby="outputs-title" data-testid="outputs">
        <h2 id="outputs-title">Outputs</h2>
        {Object.keys(outputs).length > 0 ? (
          <Value value={outputs} />
        ) : (
          <p className="muted">This workflow has no outputs.</p>
        )}
      </section>
    );
  }
  if (status !== "failed") return null;
  return (
    <section className="card stack failure" aria-labelledby="failure-title" data-testid="failure">
      <h2 id="failure-title">
        {failedNodeId === undefined
          ? "The run failed"
          : `The run failed at “${nameOf(failedNodeId)}”`}
      </h2>
      <p>{error}</p>
    </section>
  );
}
