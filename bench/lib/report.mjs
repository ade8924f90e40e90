// The figures as a table for people.

/** @param {{ title: string, note?: string, rows: import("./figure.mjs").Row[] }[]} figures */
export function printTable(figures) {
  for (const { title, note, rows } of figures) {
    console.log(`\n${title}`);
    if (note) console.log(`  ${note}`);
    for (const line of aligned(rows.map(cells))) console.log(`  ${line}`);
  }
}

function cells({ name, value, unit, peer, ratio, goal, met }) {
  const amount = `${format(value)} ${unit}`;
  const beside = peer === undefined ? "" : `${ratio.toFixed(2)} × ${peer}`;
  const verdict = goal === undefined ? "" : `goal ${goal}: ${met ? "met" : "NOT MET"}`;
  return [name, amount, beside, verdict];
}

function aligned(rows) {
  const widths = [0, 1, 2].map((column) => Math.max(0, ...rows.map((row) => row[column].length)));
  return rows.map(([name, amount, beside, verdict]) =>
    [name.padEnd(widths[0]), amount.padStart(widths[1]), beside.padEnd(widths[2]), verdict]
      .join("  ")
      .trimEnd(),
  );
}

/** Three digits, or whole. */
function format(value) {
  if (Math.abs(value) >= 100 || Number.isInteger(value))
    return Math.round(value).toLocaleString("en");
  return value.toPrecision(3);
}
