// A run of a hundred nodes as a page shows it: how far each is, and the end of what it streams. Where
// the state comes from is each client's own matter.

import { type ComponentType, memo, useRef } from "react";
import { NODES } from "../events.mjs";
import { newestStamp, noteRender, noteShown } from "./watch.js";

/** How much of a node's text there is room for. */
const SHOWN_CHARACTERS = 200;

const NODE_IDS = Array.from({ length: NODES }, (_, index) => `node_${index}`);

/** A node as it is shown. */
export interface CardProps {
  nodeId: string;
  status: string;
  text: string;
}

/** Shows a node. */
export function Card({ nodeId, status, text }: CardProps) {
  noteRender();
  const last = useRef(0);
  const stamp = newestStamp(text);
  if (stamp > last.current) {
    last.current = stamp;
    noteShown(stamp);
  }
  return (
    <article
      style={{ contain: "strict", width: 180, height: 90, overflow: "hidden", fontSize: 10 }}
    >
      <b>{nodeId}</b> <i>{status}</i>
      <p>{text.slice(-SHOWN_CHARACTERS)}</p>
    </article>
  );
}

/** All nodes, each a component of the client's that knows its state. */
export const Nodes = memo(function Nodes({ Node }: { Node: ComponentType<{ nodeId: string }> }) {
  return (
    <main style={{ display: "grid", gridTemplateColumns: "repeat(10, 180px)" }}>
      {NODE_IDS.map((nodeId) => (
        <Node key={nodeId} nodeId={nodeId} />
      ))}
    </main>
  );
});
