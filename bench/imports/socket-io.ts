// Loaded when the page asks for it.

export { SocketIoClient as Client } from "../clients/socket-io.js";
