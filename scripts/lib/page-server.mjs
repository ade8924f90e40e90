// The small server from which wasm-bindgen's test runner hands the test page to the browser.

import { once } from "node:events";
import { connect } from "node:net";

/** As many threads as the server keeps waiting for connections (tiny_http's `MIN_THREADS`). */
const WAITING_THREADS = 4;

const ANNOUNCEMENT = /Running headless tests in \w+ on `http:\/\/([\d.]+):(\d+)\//;

/**
 * Keeps the page server's waiting threads busy, so that it starts a thread for each connection of the
 * browser. While some wait, it may hand two connections that come at once to the same one, and the
 * second is served when the first ends: after the five minutes for which a browser keeps it. A page
 * made of several modules often opens as many connections at once.
 *
 * Takes the runner's output as it comes. The connections end with the server.
 */
export function occupyPageServers() {
  let rest = "";
  return (text) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      const [, host, port] = ANNOUNCEMENT.exec(line) ?? [];
      if (port !== undefined) occupy(host, Number(port));
    }
  };
}

/** One after the other: each is answered before the next comes. */
async function occupy(host, port) {
  for (let held = 0; held < WAITING_THREADS; held++) {
    const socket = connect(port, host);
    socket.on("error", () => {}); // the server may be gone already
    socket.write(`GET / HTTP/1.1\r\nHost: ${host}:${port}\r\n\r\n`);
    await Promise.race([once(socket, "data"), once(socket, "close")]).catch(() => {});
    socket.resume();
    socket.unref();
  }
}
