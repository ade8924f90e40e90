// The small server from which wasm-bindgen's test runner hands the test page to the browser.

import { once } from "node:events";
import { connect } from "node:net";
import { freePort } from "./server-process.mjs";

const HOST = "127.0.0.1";

/** As many threads as the server keeps waiting for connections (tiny_http's `MIN_THREADS`). */
const WAITING_THREADS = 4;

/** The runner prints it when the page server listens, before it opens the browser. */
const ANNOUNCEMENT = /^Running headless tests/;

/**
 * Where the page server is to listen (`WASM_BINDGEN_TEST_ADDRESS`), and what takes the runner's output
 * as it comes.
 *
 * It keeps the server's waiting threads busy, so that it starts a thread for each connection of the
 * browser. While some wait, it may hand two connections that come at once to the same one, and the
 * second is served when the first ends: after the five minutes for which a browser keeps it. A page
 * made of several modules often opens as many connections at once.
 */
export async function pageServer() {
  const port = await freePort();
  let rest = "";
  const onOutput = (text) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop();
    if (lines.some((line) => ANNOUNCEMENT.test(line))) occupy(port);
  };
  return { address: `${HOST}:${port}`, onOutput };
}

/** One after the other: each is answered before the next comes. They end with the server. */
async function occupy(port) {
  for (let held = 0; held < WAITING_THREADS; held++) {
    const socket = connect(port, HOST);
    socket.on("error", () => {}); // the server may be gone already
    socket.write(`GET / HTTP/1.1\r\nHost: ${HOST}:${port}\r\n\r\n`);
    await Promise.race([once(socket, "data"), once(socket, "close")]).catch(() => {});
    socket.resume();
    socket.unref();
  }
}
