// The plain client with a schema for every event. Zod compiles its objects to code with
// `new Function` where the page's policy allows that ("JIT"), and walks them where it does not.

import * as z from "zod";
import type { RunEvent } from "../events.mjs";
import { PlainClient } from "./plain.js";

const message = <T extends string, S extends z.core.$ZodLooseShape>(type: T, fields: S) =>
  z.object({ type: z.literal(type), ...fields });

const event = <T extends string, S extends z.core.$ZodLooseShape>(type: T, fields: S) =>
  message(type, { timestamp: z.number(), ...fields });

const ofExecution = <T extends string, S extends z.core.$ZodLooseShape>(type: T, fields: S) =>
  event(type, { executionId: z.string(), ...fields });

const ofNode = <T extends string, S extends z.core.$ZodLooseShape>(type: T, fields: S) =>
  ofExecution(type, { nodeId: z.string(), ...fields });

const ofDocument = <T extends string, S extends z.core.$ZodLooseShape>(type: T, fields: S) =>
  event(type, { knowledgeBaseId: z.string(), documentId: z.string(), ...fields });

/** The events that a server sends, and the answer to a subscription. */
function makeSchema() {
  return z.discriminatedUnion("type", [
    message("connected", { connectionId: z.string(), message: z.string() }),
    message("subscribed", { executionId: z.string() }),
    ofExecution("execution:started", { workflowName: z.string(), totalNodes: z.number() }),
    ofExecution("execution:progress", {
      completed: z.number(),
      total: z.number(),
      percentage: z.number(),
    }),
    ofExecution("execution:completed", {
      status: z.literal("completed"),
      outputs: z.record(z.string(), z.unknown()),
      duration: z.number(),
    }),
    ofExecution("execution:failed", {
      status: z.literal("failed"),
      error: z.string(),
      failedNodeId: z.string().optional(),
    }),
    ofNode("node:started", { nodeName: z.string(), nodeType: z.string() }),
    ofNode("node:completed", {
      output: z.unknown(),
      duration: z.number(),
      metadata: z.unknown().optional(),
    }),
    ofNode("node:failed", { error: z.string() }),
    ofNode("node:retry", { attempt: z.number(), nextRetryIn: z.number(), error: z.string() }),
    ofNode("node:stream", { chunk: z.string() }),
    ofNode("user:input:required", {
      prompt: z.string(),
      inputType: z.string(),
      validation: z.unknown().optional(),
    }),
    ofDocument("kb:document:processing", { documentName: z.string() }),
    ofDocument("kb:document:completed", { chunkCount: z.number() }),
    ofDocument("kb:document:failed", { error: z.string() }),
  ]);
}

export class ZodClient extends PlainClient {
  override readonly name: string;
  readonly #schema: ReturnType<typeof makeSchema>;

  constructor(mode: "JIT" | "no JIT") {
    super();
    this.name = `plain JS + zod, ${mode}`;
    // Read when a schema is made.
    z.config({ jitless: mode === "no JIT" });
    this.#schema = makeSchema();
    z.config({ jitless: false });
  }

  protected override decode(text: string): RunEvent {
    return this.#schema.parse(JSON.parse(text)) as RunEvent;
  }
}
