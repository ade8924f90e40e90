// A run shown by React, over a real socket.

import type { ReactNode } from "react";
import { flushSync } from "react-dom";
import { createRoot } from "react-dom/client";
import { CLIENTS, type Contender } from "../clients/index.js";
import { hooksPage, WholeRun } from "../view/flowmaestro.js";
import { ReactUseWebSocket } from "../view/one-component.js";
import { Card, Nodes } from "../view/run.js";
import { startWatching, watched } from "../view/watch.js";
import { zustandPage } from "../view/zustand.js";

/** Which page is shown, and from where its events come. */
interface Shown {
  page: string;
  url: string;
  executionId: string;
}

const PAGES: Record<string, (shown: Shown) => Promise<ReactNode>> = {
  empty: async () => <Nodes Node={IdleNode} />,
  flowmaestro: (shown) => hooksOf(shown, hooksPage(shown.executionId)),
  wholeRun: (shown) => hooksOf(shown, <WholeRun executionId={shown.executionId} />),
  plain: (shown) => zustandOf("plain", shown),
  flowmaestroZustand: (shown) => zustandOf("flowmaestro", shown),
  reactUseWebSocket: async ({ url, executionId }) => (
    <ReactUseWebSocket url={url} executionId={executionId} />
  ),
};

async function zustandOf(name: string, shown: Shown): Promise<ReactNode> {
  return zustandPage(await connected(name, shown), shown.executionId);
}

async function hooksOf(shown: Shown, page: ReactNode): Promise<ReactNode> {
  await connected("flowmaestro", shown);
  return page;
}

async function connected(name: string, { url, executionId }: Shown): Promise<Contender> {
  const client = CLIENTS[name]?.();
  if (!client) throw new Error(`there is no client ${name}`);
  await client.connect(url, [executionId]);
  return client;
}

function IdleNode({ nodeId }: { nodeId: string }) {
  return <Card nodeId={nodeId} status="waiting" text="" />;
}

/** Shows a page; resolves once events may come. */
async function show(shown: Shown): Promise<void> {
  const page = PAGES[shown.page];
  if (!page) throw new Error(`there is no page ${shown.page}`);
  const root = createRoot(document.getElementById("root") as HTMLElement);
  const content = await page(shown);
  flushSync(() => root.render(content));
  while (document.querySelector('[data-subscribed="false"]')) {
    await new Promise(requestAnimationFrame);
  }
}

Object.assign(globalThis, { show, startWatching, watched });
