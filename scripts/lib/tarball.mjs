// The tarball that users install, made from pkg/ as `npm publish` makes it.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { ROOT, read } from "./run.mjs";

/** Packs pkg/ into `directory`; returns the path of the tarball and the paths of the files in it. */
export function packTarball(directory) {
  if (!existsSync(join(ROOT, "pkg/package.json")))
    throw new Error("there is no pkg/: npm run build");
  const output = read("npm", ["pack", "./pkg", "--json", "--pack-destination", directory]);
  if (output === null) throw new Error("`npm pack ./pkg` failed");
  const [{ filename, files }] = JSON.parse(output);
  return { tarball: join(directory, filename), files: files.map(({ path }) => path) };
}
