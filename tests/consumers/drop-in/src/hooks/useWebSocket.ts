export { useExecutionEvents, useWebSocket } from "flowmaestro-websocket/react";
