// Loaded when the page asks for it.

export { PlainClient as Client } from "../clients/plain.js";
