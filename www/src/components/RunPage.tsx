import type { Execution, NodeState } from "flowmaestro-websocket";
import { useEffect, useRef, useState } from "react";
import type { Workflow, WorkflowNode } from "../api";
import type { Live } from "../hooks/useLive";
import { useRun } from "../hooks/useRun";
import { ApprovalForm } from "./ApprovalForm";
import { EventLog } from "./EventLog";
import { Graph } from "./Graph";
import { LoadError } from "./Loaded";
import { NodeDetails } from "./NodeDetails";
import { RunHeader } from "./RunHeader";
import { RunResult } from "./RunResult";
import { StreamText } from "./StreamText";

interface Props {
  readonly executionId: string;
  readonly workflows: Live<readonly Workflow[]>;
}

/** One run: what it is doing, what it has produced, and what it asks. */
export function RunPage({ executionId, workflows }: Props) {
  const { run, workflowId, ...loading } = useRun(executionId);
  const [selectedId, setSelectedId] = useState<string>();
  const page = useRef<HTMLElement>(null);
  useEffect(() => {
    page.current?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, []);

  const loaded = workflowId !== undefined && workflows.value !== undefined;
  const error = loading.error ?? workflows.error;
  const workflow = workflows.value?.find((each) => each.id === workflowId);
  const nodes = knownNodes(workflow, run);
  const nameOf = (id: string) => nodes.find((node) => node.id === id)?.name ?? id;
  const selected = nodes.find((node) => node.id === selectedId);
  const text = latestText(run);

  function reload(): void {
    loading.reload();
    workflows.reload();
  }

  return (
    <article className="stack run" ref={page} tabIndex={-1} aria-label="Run" data-testid="run">
      <a className="back" href="#/">
        ← Workflows
      </a>
      {!loaded && <h1>Run</h1>}
      {error !== undefined && <LoadError message={error} onRetry={reload} />}
      {!loaded && error === undefined && <p className="muted">Loading…</p>}
      {loaded && (
        <>
          <RunHeader run={run} name={workflow?.name ?? run.workflowName ?? "Run"} />
          {run.pending.map((request) => (
            <ApprovalForm
              key={`${request.nodeId} ${request.timestamp}`}
              request={request}
              title={nameOf(request.nodeId)}
            />
          ))}
          <div className="run-columns">
            <section className="card stack" aria-label="Steps">
              <Graph
                nodes={nodes}
                edges={workflow?.edges ?? []}
                run={run}
                selectedId={selectedId}
                onSelect={setSelectedId}
              />
              {selected ? (
                <NodeDetails node={selected} run={run.nodes[selected.id]} />
              ) : (
                <p className="muted small">Choose a step to see what it does and what it made.</p>
              )}
            </section>
            <div className="stack">
              <RunResult run={run} nameOf={nameOf} />
              {text && <StreamText key={text.nodeId} title={nameOf(text.nodeId)} node={text} />}
              <EventLog entries={run.log} nameOf={nameOf} />
            </div>
          </div>
        </>
      )}
    </article>
  );
}

/** The workflow's nodes, or those that were heard of where the workflow is gone. */
function knownNodes(workflow: Workflow | undefined, run: Execution): readonly WorkflowNode[] {
  if (workflow) return workflow.nodes;
  return Object.values(run.nodes).map(({ nodeId, name, type }) => ({
    id: nodeId,
    name: name ?? nodeId,
    type: type ?? "",
    description: "",
  }));
}

/** The node that streamed text and started last. */
function latestText(run: Execution): NodeState | undefined {
  return Object.values(run.nodes)
    .filter(({ text }) => text !== "")
    .sort((a, b) => (b.startedAt ?? 0) - (a.startedAt ?? 0))[0];
}
