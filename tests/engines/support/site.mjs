// Serves the built package, and pages that use it.

import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { ROOT } from "../../../scripts/lib/run.mjs";

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm" };

/** `/<page>.html` loads `pages/<page>.js`, and `/package/` is what `npm run build` has made. */
export class Site {
  #server = createServer((request, response) => this.#serve(request, response));
  #folders;

  /** `built` is where the package is, if it is another build. */
  constructor(built = join(ROOT, "pkg")) {
    this.#folders = {
      package: built,
      pages: join(ROOT, "tests/engines/pages"),
      support: join(ROOT, "tests/support"),
    };
  }

  async start() {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
  }

  page(name) {
    return `http://127.0.0.1:${this.#server.address().port}/${name}.html`;
  }

  close() {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #serve({ url }, response) {
    const { pathname } = new URL(url, this.page("any"));
    const headers = { "content-type": TYPES[extname(pathname)] ?? "text/plain" };
    const body = this.#content(pathname);
    response.writeHead(body === undefined ? 404 : 200, headers).end(body);
  }

  #content(pathname) {
    const [, folder, ...path] = pathname.split("/");
    if (extname(folder) === ".html") return html(folder.replace(".html", ""));
    const root = this.#folders[folder];
    if (root === undefined) return undefined;
    const file = join(root, normalize(`/${path.join("/")}`));
    return existsSync(file) ? readFileSync(file) : undefined;
  }
}

/** What watches the page runs before any of the package, so that it sees all that the package does. */
function html(page) {
  return `<!doctype html><meta charset="utf-8"><title>${page}</title><link rel="icon" href="data:">
<script src="support/problems.js"></script><script src="support/wasm-pages.js"></script>
<script src="pages/watch.js"></script><script type="module" src="pages/${page}.js"></script>`;
}
