import { useExecutionEvents } from "../hooks/useWebSocket";
import { useWorkflowStore } from "../stores/workflowStore";

export function ExecutionMonitor({ executionId }: { executionId: string }) {
  const { startExecution, updateNodeState, addExecutionLog, currentExecution } = useWorkflowStore();

  useExecutionEvents(executionId, {
    onStart: (event) => {
      startExecution(event.executionId);
      addExecutionLog({
        level: "info",
        message: `Workflow started: ${event.workflowName}`,
      });
    },

    onProgress: (event) => {
      addExecutionLog({
        level: "info",
        message: `Progress: ${event.completed}/${event.total} nodes (${event.percentage}%)`,
      });
    },

    onNodeStart: (event) => {
      updateNodeState(event.nodeId, {
        status: "running",
        startedAt: new Date(event.timestamp),
      });
    },

    onNodeComplete: (event) => {
      updateNodeState(event.nodeId, {
        status: "completed",
        output: event.output,
        completedAt: new Date(event.timestamp),
      });
      addExecutionLog({
        level: "success",
        message: `Node ${event.nodeId} completed`,
        nodeId: event.nodeId,
      });
    },

    onNodeFail: (event) => {
      updateNodeState(event.nodeId, {
        status: "failed",
        error: event.error,
      });
      addExecutionLog({
        level: "error",
        message: `Node ${event.nodeId} failed: ${event.error}`,
        nodeId: event.nodeId,
      });
    },

    onComplete: (event) => {
      addExecutionLog({
        level: "success",
        message: `Workflow completed in ${event.duration}ms`,
      });
    },

    onFail: (event) => {
      addExecutionLog({
        level: "error",
        message: `Workflow failed: ${event.error}`,
      });
    },
  });

  return (
    <ul aria-label="log">
      {currentExecution?.logs.map(({ message }) => (
        <li key={message}>{message}</li>
      ))}
    </ul>
  );
}
