// Thousands of WebSocket readers in one process: they look for a mark in the bytes that arrive and
// decode nothing, so that the server is what is measured.

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";

/** How many connect at a time. */
const CONNECTING = 200;

/** Longer than any mark. */
const TAIL_BYTES = 64;

/** How long all readers together may wait for a mark, in ms. */
const PATIENCE_MS = 60_000;

export class Load {
  #readers = [];

  /**
   * Opens `count` sockets. Each sends `texts` once it has been welcomed, and is ready when it has
   * read `ready`.
   */
  static async open({ url, count, texts = [], ready }) {
    const load = new Load();
    while (load.#readers.length < count) {
      const next = Math.min(CONNECTING, count - load.#readers.length);
      const opened = Array.from({ length: next }, () => Reader.open(url, texts, ready));
      load.#readers.push(...(await Promise.all(opened)));
    }
    return load;
  }

  /** Calls `act` and resolves once every reader has read the mark: after how many ms. */
  async until(mark, act) {
    const started = performance.now();
    const read = this.#readers.map((reader) => reader.until(mark));
    await Promise.all([act(), ...read]);
    return performance.now() - started;
  }

  close() {
    for (const reader of this.#readers) reader.close();
  }
}

class Reader {
  #socket;
  #tail = Buffer.alloc(0);
  #wanted = null;

  static async open(url, texts, ready) {
    const reader = new Reader();
    const { host, hostname, port, pathname, search } = new URL(url);
    reader.#socket = connect(Number(port), hostname);
    await once(reader.#socket, "connect");
    reader.#socket.on("data", (bytes) => reader.#read(bytes));
    reader.#socket.on("close", () => reader.#fail(new Error("the server closed a connection")));
    const key = randomBytes(16).toString("base64");
    reader.#socket.write(
      `GET ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\nOrigin: http://${host}\r\nUpgrade: websocket\r\n` +
        `Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
    );
    await reader.until('"connected"');
    const isReady = ready === undefined ? undefined : reader.until(ready);
    for (const text of texts) reader.#socket.write(maskedFrame(text));
    await isReady;
    return reader;
  }

  /** Resolves once this text has arrived. */
  until(mark) {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => this.#fail(new Error(`no ${mark} came`)), PATIENCE_MS);
      this.#wanted = { mark: Buffer.from(mark), resolve, reject, late };
    });
  }

  close() {
    this.#wanted = null;
    this.#socket.destroy();
  }

  #read(bytes) {
    const text = Buffer.concat([this.#tail, bytes]);
    this.#tail = text.subarray(-TAIL_BYTES);
    if (this.#wanted && text.includes(this.#wanted.mark)) this.#end()?.resolve();
  }

  #fail(error) {
    this.#end()?.reject(error);
  }

  #end() {
    const wanted = this.#wanted;
    this.#wanted = null;
    if (wanted) clearTimeout(wanted.late);
    return wanted;
  }
}

/** A text frame as clients send it (RFC 6455 section 5.2), with a mask that changes nothing. */
function maskedFrame(text) {
  const payload = Buffer.from(text);
  if (payload.length > 125) throw new Error("longer frames are not needed");
  return Buffer.concat([Buffer.from([0x81, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
}
