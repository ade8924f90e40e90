// How large the package's entries are, against scripts/size-budget.json.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync } from "node:zlib";

/** The budget's entries, each with its bytes in this folder. */
export function measure(folder, { entries }) {
  return Object.entries(entries).map(([entry, { files, max, goal }]) => {
    const contents = files.map((file) => readFileSync(join(folder, file)));
    const sum = (sizes) => sizes.reduce((total, size) => total + size, 0);
    return {
      entry,
      files,
      max,
      goal,
      raw: sum(contents.map((content) => content.length)),
      brotli: sum(contents.map((content) => brotliCompressSync(content).length)),
    };
  });
}

/** A line about an entry. */
export function describe({ entry, files, raw, brotli, max, goal }) {
  const sizes = `${bytes(brotli)} with brotli, ${bytes(raw)} without`;
  return `${entry} (${files.join(" + ")}): ${sizes}; at most ${bytes(max)}, the goal is ${bytes(goal)}.`;
}

/** @throws Error naming the entries that are larger than they may be. */
export function enforce(measured) {
  const over = measured.filter(({ brotli, max }) => brotli > max);
  if (over.length === 0) return;
  const names = over.map(({ entry, brotli, max }) => `${entry} by ${bytes(brotli - max)}`);
  throw new Error(
    `larger than scripts/size-budget.json allows: ${names.join(", ")}. Find out what has made it so; ` +
      "if it is worth its bytes, raise the budget in the same commit and say why.",
  );
}

function bytes(count) {
  return `${count.toLocaleString("en")} bytes`;
}
