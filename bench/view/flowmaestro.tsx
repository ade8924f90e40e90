// The run as this package's hooks know it: nothing else is kept, and nothing is told twice a frame.

import { useExecution, useNode, useNodeStream } from "flowmaestro-websocket/react";
import { Card, Nodes } from "./run.js";
import { noteRender } from "./watch.js";

/** The run's page; the client is connected. */
export function hooksPage(executionId: string) {
  return (
    <>
      <Progress executionId={executionId} />
      <Nodes Node={nodeOf(executionId)} />
    </>
  );
}

function Progress({ executionId }: { executionId: string }) {
  const percentage = useExecution(executionId, ({ progress }) => progress.percentage);
  return <progress max={100} value={percentage} />;
}

function nodeOf(executionId: string) {
  return function Node({ nodeId }: { nodeId: string }) {
    const status = useNode(executionId, nodeId)?.status ?? "waiting";
    const text = useNodeStream(executionId, nodeId);
    return <Card nodeId={nodeId} status={status} text={text} />;
  };
}

/** One component that is rendered whenever anything of the run has changed. */
export function WholeRun({ executionId }: { executionId: string }) {
  noteRender();
  const { nodes } = useExecution(executionId);
  return <p>{nodes[0]?.text}</p>;
}
