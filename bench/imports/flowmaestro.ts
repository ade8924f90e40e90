// Loaded when the page asks for it.

export { FlowMaestroClient as Client } from "../clients/flowmaestro.js";
