// One gateway for each test, whose time stands still until the test lets it pass.

import { act, cleanup } from "@testing-library/react";
import { websocket } from "flowmaestro-websocket";
import {
  type EmittedEvent,
  FakeGateway,
  type FakeGatewayOptions,
} from "flowmaestro-websocket/testing";
import { afterEach, beforeEach, vi } from "vitest";

export let gateway: FakeGateway;

beforeEach(() => startGateway());

export function startGateway(options: FakeGatewayOptions = {}): void {
  gateway = new FakeGateway({ ...options, virtualTime: true });
  websocket.configure({ reconnect: { jitter: "none" } });
}

afterEach(() => {
  vi.restoreAllMocks();
  cleanup();
  gateway.restore();
});

/** Lets time pass (in ms), and React do what follows. */
export async function pass(ms: number): Promise<void> {
  await act(() => gateway.advance(ms));
}

export function emit(event: EmittedEvent): void {
  act(() => void gateway.emit(event));
}

/** What the client has sent about executions. */
export function frames(): string[] {
  return gateway.received.map((message) => `${message.type} ${message.executionId}`);
}

export function started(executionId: string): EmittedEvent {
  return { type: "execution:started", executionId, workflowName: "Report", totalNodes: 3 };
}

export function chunk(executionId: string, text: string): EmittedEvent {
  return { type: "node:stream", executionId, nodeId: "node_1", chunk: text };
}
