// What a page downloads for each client: bundled and minified by esbuild, compressed by brotli.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync } from "node:zlib";
import { build } from "esbuild";
import { ROOT } from "../../scripts/lib/run.mjs";
import { measure } from "../../scripts/lib/size-budget.mjs";
import { alone } from "../lib/figure.mjs";
import { BUNDLING } from "../lib/site.mjs";

/** What a user imports of each peer. */
const PEERS = {
  "reconnecting-websocket": 'export { default } from "reconnecting-websocket"',
  partysocket: 'export { WebSocket } from "partysocket"',
  "react-use-websocket": 'export { default } from "react-use-websocket"',
  "graphql-ws": 'export { createClient } from "graphql-ws/client"',
  centrifuge: 'export { Centrifuge } from "centrifuge"',
  "socket.io-client": 'export { io } from "socket.io-client"',
  "plain JS": 'export { PlainClient } from "./clients/plain.js"',
  "plain JS + zod": 'export { ZodClient } from "./clients/zod.js"',
};

const ENTRIES = [".", "./slim"];

export async function size() {
  const budget = JSON.parse(readFileSync(join(ROOT, "scripts/size-budget.json"), "utf8"));
  const measured = measure(join(ROOT, "pkg"), budget);
  const ours = measured.filter(({ entry }) => ENTRIES.includes(entry));
  const rows = ours.map(({ entry, files, brotli, goal }) =>
    alone(`flowmaestro ${entry} (${files.join(" + ")})`, brotli, "bytes", goal),
  );
  for (const [name, contents] of Object.entries(PEERS)) {
    rows.push(alone(name, await bundledBytes(contents), "bytes"));
  }
  return [{ title: "Download, minified, with brotli (react itself left out)", rows }];
}

async function bundledBytes(contents) {
  const stdin = { contents, resolveDir: BUNDLING.absWorkingDir };
  const { outputFiles } = await build({ ...BUNDLING, stdin, external: ["react", "react-dom"] });
  return brotliCompressSync(outputFiles[0].contents).length;
}
