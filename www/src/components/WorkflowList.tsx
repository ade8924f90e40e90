import type { DocumentSummary, Workflow } from "../api";
import type { Live } from "../hooks/useLive";
import { Graph } from "./Graph";
import { Loaded } from "./Loaded";
import { StartRun } from "./StartRun";

interface Props {
  readonly workflows: Live<readonly Workflow[]>;
  readonly documents: readonly DocumentSummary[] | undefined;
  readonly onStarted: () => void;
}

export function WorkflowList({ workflows, documents, onStarted }: Props) {
  return (
    <section className="stack" aria-labelledby="workflows-title">
      <h1 id="workflows-title">Workflows</h1>
      <Loaded of={workflows} empty="The server has no workflows.">
        {(items) => (
          <ul className="workflows" data-testid="workflows">
            {items.map((workflow) => (
              <li key={workflow.id} className="card workflow" data-workflow={workflow.id}>
                <div className="stack">
                  <h2>{workflow.name}</h2>
                  <p className="muted">{workflow.description}</p>
                  <StartRun workflow={workflow} documents={documents ?? []} onStarted={onStarted} />
                </div>
                <details>
                  <summary>{workflow.nodes.length} steps</summary>
                  <Graph nodes={workflow.nodes} edges={workflow.edges} />
                </details>
              </li>
            ))}
          </ul>
        )}
      </Loaded>
    </section>
  );
}
