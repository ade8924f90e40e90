/** Sizes in SVG user units, which are CSS pixels unless the drawing is scaled down. */
export const nodeSize = { width: 150, height: 70 };
const gap = { x: 10, y: 28 };
const margin = 4;
/** The width that an edge takes in each layer it passes through. */
const laneWidth = 8;

export interface LayoutNode {
  readonly id: string;
}

export interface LayoutEdge {
  readonly from: string;
  readonly to: string;
}

export interface Placed {
  /** The upper left corner. */
  readonly x: number;
  readonly y: number;
}

export interface DrawnEdge extends LayoutEdge {
  /** SVG path data. */
  readonly path: string;
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly nodes: ReadonlyMap<string, Placed>;
  readonly edges: readonly DrawnEdge[];
}

/** A place in a layer: a node, or the lane of an edge that passes between its ends' layers. */
interface Slot {
  readonly width: number;
  readonly above: Slot[];
  order: number;
  center: number;
}

interface Route extends LayoutEdge {
  readonly slots: readonly Slot[];
  readonly firstLayer: number;
}

/** Places a graph in layers from the top down. Edges that close a cycle are left out. */
export function layout(nodes: readonly LayoutNode[], edges: readonly LayoutEdge[]): Layout {
  const layerOf = layers(nodes, edges);
  const rows: Slot[][] = [];
  const slots = new Map<string, Slot>();
  for (const { id } of nodes) {
    slots.set(id, addSlot(rows, layerOf.get(id) ?? 0, nodeSize.width));
  }
  const routes = edges.flatMap((edge) => route(edge, layerOf, slots, rows) ?? []);
  for (const row of rows) sortRow(row);

  const width = Math.max(nodeSize.width, ...rows.map(rowWidth)) + 2 * margin;
  for (const row of rows) centerRow(row, width);
  return {
    width,
    height: Math.max(1, rows.length) * (nodeSize.height + gap.y) - gap.y + 2 * margin,
    nodes: new Map(
      [...slots].map(([id, slot]) => [
        id,
        { x: slot.center - nodeSize.width / 2, y: top(layerOf.get(id) ?? 0) },
      ]),
    ),
    edges: routes.map((each) => ({ from: each.from, to: each.to, path: pathOf(each) })),
  };
}

/** Each node's layer: one below the lowest of those that lead to it. */
function layers(
  nodes: readonly LayoutNode[],
  edges: readonly LayoutEdge[],
): ReadonlyMap<string, number> {
  const layer = new Map(nodes.map(({ id }) => [id, 0]));
  // The longest path has fewer edges than there are nodes; a cycle would go on for ever.
  for (let round = 1; round < nodes.length; round += 1) {
    for (const { from, to } of edges) {
      const above = layer.get(from);
      const below = layer.get(to);
      if (above === undefined || below === undefined || from === to) continue;
      if (below <= above && above + 1 < nodes.length) layer.set(to, above + 1);
    }
  }
  return layer;
}

function addSlot(rows: Slot[][], layer: number, width: number): Slot {
  while (rows.length <= layer) rows.push([]);
  const row = rows[layer] ?? [];
  const slot = { width, above: [], order: row.length, center: 0 };
  row.push(slot);
  return slot;
}

function route(
  edge: LayoutEdge,
  layerOf: ReadonlyMap<string, number>,
  slots: ReadonlyMap<string, Slot>,
  rows: Slot[][],
): Route | undefined {
  const from = slots.get(edge.from);
  const to = slots.get(edge.to);
  const first = layerOf.get(edge.from) ?? 0;
  const last = layerOf.get(edge.to) ?? 0;
  if (!from || !to || last <= first) return undefined;
  const chain = [from];
  for (let layer = first + 1; layer < last; layer += 1) {
    chain.push(addSlot(rows, layer, laneWidth));
  }
  chain.push(to);
  for (const [i, slot] of chain.entries()) {
    const above = chain[i - 1];
    if (above) slot.above.push(above);
  }
  return { ...edge, slots: chain, firstLayer: first };
}

/** Puts each slot below the middle of what leads to it, which keeps crossings few. */
function sortRow(row: Slot[]): void {
  const wish = new Map(row.map((slot) => [slot, barycenter(slot)]));
  row.sort((a, b) => (wish.get(a) ?? 0) - (wish.get(b) ?? 0));
  const middle = (row.length - 1) / 2;
  for (const [i, slot] of row.entries()) slot.order = i - middle;
}

function barycenter(slot: Slot): number {
  if (slot.above.length === 0) return slot.order;
  return slot.above.reduce((sum, above) => sum + above.order, 0) / slot.above.length;
}

function rowWidth(row: readonly Slot[]): number {
  return row.reduce((sum, slot) => sum + slot.width, 0) + gap.x * Math.max(0, row.length - 1);
}

function centerRow(row: readonly Slot[], width: number): void {
  let left = (width - rowWidth(row)) / 2;
  for (const slot of row) {
    slot.center = left + slot.width / 2;
    left += slot.width + gap.x;
  }
}

function top(layer: number): number {
  return margin + layer * (nodeSize.height + gap.y);
}

/** Curves in the gaps between layers, and straight down a lane through each layer passed. */
function pathOf({ slots, firstLayer }: Route): string {
  const [start, ...rest] = slots;
  let path = `M${start?.center ?? 0} ${top(firstLayer) + nodeSize.height}`;
  let x = start?.center ?? 0;
  for (const [i, slot] of rest.entries()) {
    const y = top(firstLayer + i + 1);
    const bend = y - gap.y / 2;
    path += ` C${x} ${bend} ${slot.center} ${bend} ${slot.center} ${y}`;
    if (i < rest.length - 1) path += ` V${y + nodeSize.height}`;
    x = slot.center;
  }
  return path;
}
