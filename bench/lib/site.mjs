// The pages of the benchmark: bundled as a user's would be, and served.

import { once } from "node:events";
import { createServer } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const BENCH = fileURLToPath(new URL("..", import.meta.url));

/** With these `performance.now()` counts in 5 µs instead of 100. */
const ISOLATION = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/** What every bundle of the benchmark is made with. */
export const BUNDLING = {
  absWorkingDir: BENCH,
  bundle: true,
  minify: true,
  format: "esm",
  platform: "browser",
  target: "es2022",
  define: { "process.env.NODE_ENV": '"production"' },
  logLevel: "warning",
  write: false,
};

/** Serves `/pages/<name>.html` for each page of `pages/`, and each script of `imports/`. */
export class Site {
  #scripts = new Map();
  #server;

  /** @param {string[]} pages names of files in `pages/`. */
  static async start(pages) {
    const site = new Site();
    const entryPoints = [...pages.map((page) => `pages/${page}`), "imports/*.ts"];
    const { outputFiles } = await build({ ...BUNDLING, entryPoints, outdir: "out", outbase: "." });
    for (const { path, contents } of outputFiles) {
      site.#scripts.set(path.slice(join(BENCH, "out").length), contents);
    }
    site.#server = createServer((request, response) => site.#serve(request, response));
    site.#server.listen(0, "127.0.0.1");
    await once(site.#server, "listening");
    return site;
  }

  get url() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  #serve({ url }, response) {
    const path = new URL(url, this.url).pathname;
    const script = this.#scripts.get(path);
    const isPage = path.endsWith(".html") && this.#scripts.has(path.replace(".html", ".js"));
    if (script) {
      response.writeHead(200, { "content-type": "text/javascript", ...ISOLATION }).end(script);
    } else if (isPage) {
      response.writeHead(200, { "content-type": "text/html", ...ISOLATION }).end(html(path));
    } else {
      response.writeHead(404).end();
    }
  }

  close() {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

function html(path) {
  const script = path.replace(".html", ".js");
  return `<!doctype html><meta charset="utf-8"><title>bench</title>
<link rel="icon" href="data:"><div id="root"></div><script type="module" src="${script}"></script>`;
}
