// One WebSocket: its messages go through the decoder to Rust, in order.
//
// @ts-check

/** @import { Decoder } from "./decoder.js" */
/** @import { Report } from "./platform.js" */

/** Beside the kinds of frame in decoder.js: the socket closed, with this code and reason. */
const CLOSED = 19;

/** What a server answers with when the token travels as the other subprotocol. */
const SUBPROTOCOL = "flowmaestro.v1";

/**
 * Opens a socket, unless the browser refuses to. Its own error is dropped: it quotes the URL, and
 * with that the token.
 * @param {number} generation
 * @param {string | undefined} url
 * @param {string | undefined} token
 * @param {boolean} asSubprotocol
 * @param {Decoder} decoder
 * @param {Report} report
 */
export function openSocket(generation, url, token, asSubprotocol, decoder, report) {
  try {
    const socket =
      asSubprotocol && token !== undefined
        ? new WebSocket(socketUrl(url, undefined), [SUBPROTOCOL, `bearer.${token}`])
        : new WebSocket(socketUrl(url, token));
    return new Socket(generation, socket, decoder, report);
  } catch {
    return undefined;
  }
}

class Socket {
  /**
   * @param {number} generation
   * @param {WebSocket} socket
   * @param {Decoder} decoder
   * @param {Report} report
   */
  constructor(generation, socket, decoder, report) {
    this.socket = socket;
    this.decoder = decoder;
    /** @type {import("./decoder.js").Sink} */
    this.sink = (frame, payload, detail) => report(generation, frame, payload, detail);
    /** What waits for a compressed message before it. @type {unknown[]} */
    this.waiting = [];
    this.stopped = false;
    // A binary frame is inflated; as an ArrayBuffer it costs no Blob.
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => this.receive(data);
    socket.onclose = ({ code, reason }) => this.sink(CLOSED, reason, code);
  }

  /**
   * Hands a text to the browser, which sends it when it can.
   * @param {string} text
   */
  send(text) {
    try {
      this.socket.send(text);
    } catch {
      // Only while connecting, when the session does not send.
    }
  }

  /**
   * Closes the connection.
   * @param {number} code 1000 or 3000 to 4999, or the browser refuses it.
   */
  close(code) {
    this.socket.close(code);
  }

  /** Whatever still arrives is nobody's business. */
  detach() {
    this.socket.onmessage = null;
    this.socket.onclose = null;
    this.stopped = true;
  }

  /** @param {unknown} data */
  receive(data) {
    const isText = typeof data === "string" || !this.decoder.inflates;
    if (isText && this.waiting.length === 0) return this.decoder.accept(data, this.sink);
    this.waiting.push(data);
    if (this.waiting.length === 1) void this.drain();
  }

  async drain() {
    while (this.waiting.length > 0 && !this.stopped) {
      const [data] = this.waiting;
      const text = typeof data === "string" ? data : await inflate(data, this.decoder.limit);
      if (this.stopped) return;
      this.waiting.shift();
      this.decoder.accept(text, this.sink);
    }
  }
}

/**
 * The address of the socket: absolute, `ws:` or `wss:`, with the token in `?token=` when given.
 * Throws when the URL is none.
 * @param {string | undefined} url
 * @param {string | undefined} token
 */
function socketUrl(url, token) {
  const address = new URL(url ?? "/ws", globalThis.location?.href);
  address.protocol = address.protocol.replace(/^http/, "ws");
  address.hash = "";
  if (token !== undefined) address.searchParams.set("token", token);
  return address.href;
}

/**
 * The text of a binary frame, which is the gzip of one text message. What it is not comes back as
 * it is, to be refused like any other.
 * @param {unknown} data
 * @param {number} limit
 * @returns {Promise<unknown>}
 */
async function inflate(data, limit) {
  if (!(data instanceof ArrayBuffer) || typeof DecompressionStream === "undefined") return data;
  try {
    const stream = new Blob([data]).stream().pipeThrough(new DecompressionStream("gzip"));
    // By its full name: what the bindings know as TextDecoder may take no options.
    const decoder = new globalThis.TextDecoder("utf-8", { fatal: true });
    let text = "";
    // A few bytes may stand for gigabytes: what is over the limit is not even unpacked.
    for (const reader = stream.getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) return text + decoder.decode();
      text += decoder.decode(value, { stream: true });
      if (text.length > limit) {
        void reader.cancel().catch(() => {});
        return text;
      }
    }
  } catch {
    return data;
  }
}
