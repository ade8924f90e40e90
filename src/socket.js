// One WebSocket: its messages go through the decoder to Rust, in order.
//
// @ts-check

/** @import { Decoder } from "./decoder.js" */
/** @import { Report } from "./platform.js" */

import { instance } from "./platform.js";

// What is reported beside the kinds of frame in decoder.js.
const CLOSED = 19; // the reason; the close code
const FAILED = 25; // it could not even be created

// How the token travels, as options.js counts it.
const SUBPROTOCOL_PLACEMENT = 1;
const TICKET_PLACEMENT = 2;

/** What the refusal of a ticket means, as the close code of a connection. @type {Record<number, number>} */
const CLOSE_CODES = { 401: 1008, 403: 4403, 429: 1013, 503: 1013 };

/** For anything else that is wrong with it: the network's. */
const NO_CONNECTION = 1006;

/** What a server answers with when the token travels as the other subprotocol. */
const SUBPROTOCOL = "flowmaestro.v1";

/**
 * Opens a socket, unless the browser refuses to. Its own error is dropped: it quotes the URL, and
 * with that the token.
 * @param {number} generation
 * @param {string | undefined} url
 * @param {string | undefined} token
 * @param {number} placement
 * @param {string | undefined} tickets
 * @param {Decoder} decoder
 * @param {Report} report
 */
export function openSocket(generation, url, token, placement, tickets, decoder, report) {
  const socket = new Socket(generation, decoder, report);
  try {
    if (token !== undefined && placement === TICKET_PLACEMENT) {
      void socket.openWithTicket(url, ticketUrl(url, tickets), token);
    } else if (token !== undefined && placement === SUBPROTOCOL_PLACEMENT) {
      socket.open(socketUrl(url, undefined), [SUBPROTOCOL, `bearer.${token}`]);
    } else {
      socket.open(socketUrl(url, token));
    }
    return socket;
  } catch {
    return undefined;
  }
}

class Socket {
  /**
   * @param {number} generation
   * @param {Decoder} decoder
   * @param {Report} report
   */
  constructor(generation, decoder, report) {
    this.decoder = decoder;
    /** @type {import("./decoder.js").Sink} */
    this.sink = (frame, payload, detail) => report(generation, frame, payload, detail);
    /** What waits for a compressed message before it. @type {unknown[]} */
    this.waiting = [];
    this.stopped = false;
    instance.parts.add(this);
  }

  abandon() {
    this.detach();
    this.close(1000);
  }

  /**
   * @param {string} url
   * @param {string[]} [protocols]
   */
  open(url, protocols) {
    const socket = new WebSocket(url, protocols);
    // A binary frame is inflated; as an ArrayBuffer it costs no Blob.
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => this.receive(data);
    socket.onclose = ({ code, reason }) => this.sink(CLOSED, reason, code);
    this.socket = socket;
  }

  /**
   * Changes the token into a ticket, and opens with that. Why there is none is told as if it were how
   * the socket has closed.
   * @param {string | undefined} url
   * @param {string} tickets
   * @param {string} token
   */
  async openWithTicket(url, tickets, token) {
    this.request = new AbortController();
    const ticket = await fetchTicket(tickets, token, this.request.signal);
    if (this.stopped) return;
    if (typeof ticket !== "string") return this.sink(CLOSED, ticket.reason, ticket.code);
    try {
      this.open(socketUrl(url, ticket));
    } catch {
      this.sink(FAILED, undefined, 0);
    }
  }

  /**
   * Hands a text to the browser, which sends it when it can.
   * @param {string} text
   */
  send(text) {
    try {
      this.socket?.send(text);
    } catch {
      // Only while connecting, when the session does not send.
    }
  }

  /**
   * Closes the connection.
   * @param {number} code 1000 or 3000 to 4999, or the browser refuses it.
   */
  close(code) {
    this.request?.abort();
    this.socket?.close(code);
  }

  /** Whatever still arrives is nobody's business. */
  detach() {
    this.stopped = true;
    instance.parts.delete(this);
    if (this.socket === undefined) return;
    this.socket.onmessage = null;
    this.socket.onclose = null;
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
 * The address of the tickets: below that of the socket, unless it is another. Throws when it is none.
 * @param {string | undefined} socket
 * @param {string | undefined} tickets
 */
function ticketUrl(socket, tickets) {
  if (tickets !== undefined) return new URL(tickets, globalThis.location?.href).href;
  const url = new URL(socketUrl(socket, undefined).replace(/^ws/, "http"));
  url.pathname = `${url.pathname.replace(/\/$/, "")}/ticket`;
  url.search = "";
  return url.href;
}

/**
 * @param {string} url
 * @param {string} token
 * @param {AbortSignal} signal
 * @returns {Promise<string | { code: number, reason: string }>} The ticket, or why there is none.
 */
async function fetchTicket(url, token, signal) {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
      signal,
    });
    const { ticket } = response.ok ? await response.json() : {};
    if (typeof ticket === "string" && ticket !== "") return ticket;
    const code = CLOSE_CODES[response.status] ?? NO_CONNECTION;
    return { code, reason: `No ticket: status ${response.status}` };
  } catch {
    return { code: NO_CONNECTION, reason: "No ticket: no answer" };
  }
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
