import type { RunState } from "../run";
import { Value } from "./Value";

interface Props {
  readonly state: RunState;
  readonly nameOf: (nodeId: string) => string;
}

/** How the run ended, once it has. */
export function RunResult({ state: { ended }, nameOf }: Props) {
  if (!ended) return null;
  if (ended.type === "execution:completed") {
    return (
      <section className="card stack" aria-labelledby="outputs-title" data-testid="outputs">
        <h2 id="outputs-title">Outputs</h2>
        {Object.keys(ended.outputs).length > 0 ? (
          <Value value={ended.outputs} />
        ) : (
          <p className="muted">This workflow has no outputs.</p>
        )}
      </section>
    );
  }
  return (
    <section className="card stack failure" aria-labelledby="failure-title" data-testid="failure">
      <h2 id="failure-title">
        {ended.failedNodeId === undefined
          ? "The run failed"
          : `The run failed at “${nameOf(ended.failedNodeId)}”`}
      </h2>
      <p>{ended.error}</p>
    </section>
  );
}
