import { expect, test } from "vitest";
import { type LayoutEdge, layout, nodeSize } from "./layout";

function draw(...edges: string[]) {
  const pairs: LayoutEdge[] = edges.map((edge) => {
    const [from = "", to = ""] = edge.split(">");
    return { from, to };
  });
  const ids = new Set(pairs.flatMap(({ from, to }) => [from, to]));
  return layout(
    [...ids].map((id) => ({ id })),
    pairs,
  );
}

function place(drawing: ReturnType<typeof layout>, id: string) {
  const placed = drawing.nodes.get(id);
  if (!placed) throw new Error(`${id} has no place`);
  return placed;
}

test("a chain stands in one column, from the top down", () => {
  const drawing = draw("a>b", "b>c");
  const [a, b, c] = ["a", "b", "c"].map((id) => place(drawing, id));
  expect([b?.x, c?.x]).toEqual([a?.x, a?.x]);
  expect(b?.y).toBeGreaterThan((a?.y ?? 0) + nodeSize.height);
  expect(c?.y).toBeGreaterThan((b?.y ?? 0) + nodeSize.height);
});

test("a node stands below all that lead to it", () => {
  const drawing = draw("a>d", "a>b", "b>c", "c>d");
  expect(place(drawing, "d").y).toBeGreaterThan(place(drawing, "c").y);
});

test("the order of the edges does not matter", () => {
  const drawing = draw("d>e", "c>d", "b>c", "a>b");
  const heights = ["a", "b", "c", "d", "e"].map((id) => place(drawing, id).y);
  expect(heights).toEqual([...new Set(heights)].sort((one, other) => one - other));
});

test("no two nodes overlap and all are inside", () => {
  const drawing = draw("a>b", "a>c", "a>d", "b>e", "c>e", "d>f", "e>g", "f>g", "a>g");
  const places = [...drawing.nodes.values()];
  for (const [i, one] of places.entries()) {
    expect(one.x).toBeGreaterThanOrEqual(0);
    expect(one.x + nodeSize.width).toBeLessThanOrEqual(drawing.width);
    expect(one.y + nodeSize.height).toBeLessThanOrEqual(drawing.height);
    for (const other of places.slice(i + 1)) {
      const apart =
        Math.abs(one.x - other.x) >= nodeSize.width || Math.abs(one.y - other.y) >= nodeSize.height;
      expect(apart).toBe(true);
    }
  }
});

test("branches stay on their side, so that their edges do not cross", () => {
  // In the order of the definition, the two in the lower row would be crossed.
  const nodes = ["root", "left", "right", "below-right", "below-left"].map((id) => ({ id }));
  const drawing = layout(nodes, [
    { from: "root", to: "left" },
    { from: "root", to: "right" },
    { from: "left", to: "below-left" },
    { from: "right", to: "below-right" },
  ]);
  expect(place(drawing, "below-left").x).toBeLessThan(place(drawing, "below-right").x);
});

test("an edge that skips a layer passes beside the nodes there", () => {
  const drawing = draw("a>b", "b>c", "a>c");
  const b = place(drawing, "b");
  const long = drawing.edges.find((edge) => edge.from === "a" && edge.to === "c");
  // The only vertical stretch of the path is the lane in b's layer.
  const lane = Number(/ ([\d.]+) [\d.]+ V/.exec(long?.path ?? "")?.[1]);
  expect(lane < b.x || lane > b.x + nodeSize.width).toBe(true);
});

test("a cycle, a loop and an edge to nowhere do no harm", () => {
  const drawing = layout(
    [{ id: "a" }, { id: "b" }],
    [
      { from: "a", to: "b" },
      { from: "b", to: "a" },
      { from: "a", to: "a" },
      { from: "a", to: "nowhere" },
    ],
  );
  expect(drawing.nodes.size).toBe(2);
  expect(drawing.edges.map(({ from, to }) => `${from}>${to}`)).toEqual(["a>b"]);
});

test("no nodes make an empty drawing", () => {
  expect(layout([], []).nodes.size).toBe(0);
});
