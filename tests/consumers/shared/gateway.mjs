// The gateway under test, through the control server at CONTROL_URL.

import { randomUUID } from "node:crypto";

async function control(method, path, body) {
  const options = { method, body: body && JSON.stringify(body) };
  const response = await fetch(process.env.CONTROL_URL + path, options);
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status}`);
  const text = await response.text();
  return text ? JSON.parse(text) : undefined;
}

/** What a client needs: the socket's address, and the token of a new user with an execution. */
export async function newUser() {
  const userId = randomUUID();
  const execution = randomUUID();
  const { wsUrl } = await control("GET", "/info");
  const { token } = await control("POST", "/token", { userId });
  await control("POST", "/execution", { executionId: execution, userId });
  return { url: wsUrl, token, execution };
}

/** Emits a `node:completed` of an execution, as a backend does. */
export function completeNode(executionId, nodeId) {
  const type = "node:completed";
  const event = { type, executionId, nodeId, timestamp: Date.now(), output: {}, duration: 1 };
  return control("POST", "/emit", event);
}
