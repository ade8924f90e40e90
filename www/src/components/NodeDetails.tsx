import type { NodeState } from "flowmaestro-websocket";
import type { WorkflowNode } from "../api";
import { formatDuration } from "../format";
import { Value } from "./Value";

interface Props {
  readonly node: WorkflowNode;
  readonly run: NodeState | undefined;
}

export function NodeDetails({ node, run }: Props) {
  return (
    <section className="details stack" aria-label={`About ${node.name}`} data-testid="node-details">
      <h2>{node.name}</h2>
      {node.description && <p>{node.description}</p>}
      <dl className="facts">
        {node.type && <Fact name="Type" value={node.type} />}
        {run && <Fact name="Attempts" value={String(run.attempt)} />}
        {run?.duration !== undefined && (
          <Fact name="Duration" value={formatDuration(run.duration)} />
        )}
      </dl>
      {run?.error !== undefined && <p className="error">{run.error}</p>}
      {run?.output !== undefined && (
        <>
          <h3>Output</h3>
          <Value value={run.output} />
        </>
      )}
    </section>
  );
}

function Fact({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
