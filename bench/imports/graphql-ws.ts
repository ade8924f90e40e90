// Loaded when the page asks for it.

export { GraphqlWsClient as Client } from "../clients/graphql-ws.js";
