// Loaded when the page asks for it.

export { CentrifugeClient as Client } from "../clients/centrifuge.js";
