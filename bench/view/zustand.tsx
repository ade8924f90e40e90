// The run in a Zustand store that is told every event, as users write it: a `set` for each.

import { create } from "zustand";
import type { Contender } from "../clients/contender.js";
import { type RunEvent, TYPES } from "../events.mjs";
import { Card, Nodes } from "./run.js";

interface NodeState {
  status: string;
  text: string;
}

interface RunState {
  percentage: number;
  nodes: Record<string, NodeState>;
  apply(event: RunEvent): void;
}

const WAITING: NodeState = { status: "waiting", text: "" };

const STATUS: Record<string, string> = {
  "node:started": "running",
  "node:completed": "completed",
  "node:failed": "failed",
  "node:retry": "retrying",
  "user:input:required": "asking",
};

const useRun = create<RunState>((set) => ({
  percentage: 0,
  nodes: {},
  apply(event) {
    const { type, nodeId } = event;
    if (type === "execution:progress") set({ percentage: event.percentage });
    if (nodeId === undefined) return;
    set(({ nodes }) => {
      const node = nodes[nodeId] ?? WAITING;
      const changed =
        type === "node:stream"
          ? { ...node, text: node.text + event.chunk }
          : { ...node, status: STATUS[type] ?? node.status };
      return { nodes: { ...nodes, [nodeId]: changed } };
    });
  },
}));

/** The run's page; `client` is connected, and subscribed to the execution. */
export function zustandPage(client: Contender, executionId: string) {
  const { apply } = useRun.getState();
  for (const type of TYPES) client.on(type, executionId, apply);
  return (
    <>
      <Progress />
      <Nodes Node={Node} />
    </>
  );
}

function Progress() {
  const percentage = useRun((state) => state.percentage);
  return <progress max={100} value={percentage} />;
}

function Node({ nodeId }: { nodeId: string }) {
  const { status, text } = useRun((state) => state.nodes[nodeId]) ?? WAITING;
  return <Card nodeId={nodeId} status={status} text={text} />;
}
