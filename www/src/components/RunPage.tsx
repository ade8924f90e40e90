import { useEffect, useRef, useState } from "react";
import type { Workflow, WorkflowNode } from "../api";
import type { Live } from "../hooks/useLive";
import { useRun } from "../hooks/useRun";
import { type NodeRun, pendingRequests, type RunState } from "../run";
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
  const run = useRun(executionId);
  const { state, workflowId } = run;
  const [selectedId, setSelectedId] = useState<string>();
  const page = useRef<HTMLElement>(null);
  useEffect(() => {
    page.current?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, []);

  const loaded = workflowId !== undefined && workflows.value !== undefined;
  const error = run.error ?? workflows.error;
  const workflow = workflows.value?.find((each) => each.id === workflowId);
  const nodes = knownNodes(workflow, state);
  const nameOf = (id: string) => nodes.find((node) => node.id === id)?.name ?? id;
  const selected = nodes.find((node) => node.id === selectedId);
  const text = latestText(state);

  function reload(): void {
    run.reload();
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
          <RunHeader state={state} name={workflow?.name ?? state.started?.workflowName ?? "Run"} />
          {pendingRequests(state).map((request) => (
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
                run={state}
                selectedId={selectedId}
                onSelect={setSelectedId}
              />
              {selected ? (
                <NodeDetails node={selected} run={state.nodes.get(selected.id)} />
              ) : (
                <p className="muted small">Choose a step to see what it does and what it made.</p>
              )}
            </section>
            <div className="stack">
              <RunResult state={state} nameOf={nameOf} />
              {text && <StreamText key={text.id} title={nameOf(text.id)} node={text.node} />}
              <EventLog events={state.log} nameOf={nameOf} />
            </div>
          </div>
        </>
      )}
    </article>
  );
}

/** The workflow's nodes, or those that were heard of where the workflow is gone. */
function knownNodes(workflow: Workflow | undefined, state: RunState): readonly WorkflowNode[] {
  if (workflow) return workflow.nodes;
  return [...state.nodes].map(([id, run]) => ({
    id,
    name: run.name ?? id,
    type: "",
    description: "",
  }));
}

/** The node that streamed text and started last. */
function latestText(state: RunState): { id: string; node: NodeRun } | undefined {
  return [...state.nodes]
    .map(([id, node]) => ({ id, node }))
    .filter(({ node }) => node.text !== "")
    .sort((a, b) => (b.node.startedAt ?? 0) - (a.node.startedAt ?? 0))[0];
}
