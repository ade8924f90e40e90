// The one change: what the application had written itself comes from the package.
export { type WebSocketEvent, websocket, wsClient } from "flowmaestro-websocket";
