import type { Execution, NodeState } from "flowmaestro-websocket";
import { memo, useMemo } from "react";
import type { WorkflowNode } from "../api";
import { formatDuration } from "../format";
import { useNow } from "../hooks/useNow";
import { type LayoutEdge, layout, nodeSize } from "../layout";
import { hasEnded } from "../run";
import { type ShownStatus, StatusIcon } from "./StatusIcon";

interface Props {
  readonly nodes: readonly WorkflowNode[];
  readonly edges: readonly LayoutEdge[];
  /** Absent where a workflow is shown that does not run. */
  readonly run?: Execution;
  readonly selectedId?: string | undefined;
  readonly onSelect?: (nodeId: string) => void;
}

/** A workflow from the top down, each node with its state. */
export function Graph({ nodes, edges, run, selectedId, onSelect }: Props) {
  const drawing = useMemo(() => layout(nodes, edges), [nodes, edges]);
  return (
    // biome-ignore lint/a11y/useSemanticElements: SVG has no fieldset.
    <svg
      className="graph"
      viewBox={`0 0 ${drawing.width} ${drawing.height}`}
      width={drawing.width}
      height={drawing.height}
      role="group"
      aria-label="Workflow graph"
      data-testid="graph"
    >
      {drawing.edges.map((edge) => (
        <path
          key={`${edge.from} ${edge.to}`}
          className={`edge ${edgeState(run, edge)}`}
          d={edge.path}
        />
      ))}
      {nodes.map((node) => {
        const at = drawing.nodes.get(node.id);
        return (
          <foreignObject key={node.id} x={at?.x} y={at?.y} {...nodeSize}>
            <NodeBox
              node={node}
              status={run ? shownStatus(run, node.id) : "pending"}
              run={run?.nodes[node.id]}
              selected={node.id === selectedId}
              onSelect={onSelect}
            />
          </foreignObject>
        );
      })}
    </svg>
  );
}

/** What became of a node, also when its run ended before it did. */
function shownStatus(run: Execution, nodeId: string): ShownStatus {
  const status = run.nodes[nodeId]?.status ?? "pending";
  return status === "pending" && hasEnded(run) ? "skipped" : status;
}

function edgeState(run: Execution | undefined, { from, to }: LayoutEdge): string {
  if (run?.nodes[from]?.status !== "completed") return "ahead";
  switch (shownStatus(run, to)) {
    case "pending":
    case "skipped":
      return "ahead";
    case "running":
    case "retrying":
      return "active";
    default:
      return "passed";
  }
}

interface NodeBoxProps {
  readonly node: WorkflowNode;
  readonly status: ShownStatus;
  readonly run: NodeState | undefined;
  readonly selected: boolean;
  readonly onSelect: ((nodeId: string) => void) | undefined;
}

const NodeBox = memo(function NodeBox({ node, status, run, selected, onSelect }: NodeBoxProps) {
  const content = (
    <>
      <span className="node-name">{node.name}</span>
      {onSelect && (
        <span className="node-note">
          <StatusIcon status={status} />
          <NodeNote status={status} run={run} />
        </span>
      )}
    </>
  );
  if (!onSelect) return <div className={`node ${status}`}>{content}</div>;
  return (
    <button
      type="button"
      className={`node ${status}`}
      aria-pressed={selected}
      data-node={node.id}
      data-status={status}
      onClick={() => onSelect(node.id)}
    >
      {content}
    </button>
  );
});

const plainNotes: Partial<Record<ShownStatus, string>> = {
  pending: "pending",
  waiting: "waiting",
  failed: "failed",
  stopped: "not finished",
  skipped: "not reached",
};

interface NoteProps {
  readonly status: ShownStatus;
  readonly run: NodeState | undefined;
}

/** The second line of a node: how long, which attempt. */
function NodeNote({ status, run }: NoteProps) {
  const now = useNow(status === "running" || status === "retrying");
  return <span>{plainNotes[status] ?? timedNote(status, run, now)}</span>;
}

function timedNote(status: ShownStatus, run: NodeState | undefined, now: number): string {
  const attempt = run && run.attempt > 1 ? `, try ${run.attempt}` : "";
  if (status === "completed") return `done, ${formatDuration(run?.duration ?? 0)}${attempt}`;
  if (status === "retrying" && run?.retryAt !== undefined && run.retryAt > now) {
    return `retry in ${Math.ceil((run.retryAt - now) / 1000)} s${attempt}`;
  }
  const elapsed = Math.max(0, now - (run?.startedAt ?? now));
  return `runs ${Math.floor(elapsed / 1000)} s${attempt}`;
}
