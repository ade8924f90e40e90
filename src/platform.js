// What the client needs from wherever it runs (page, worker, Node) and wasm-bindgen cannot import
// without failing where it is missing.
//
// @ts-check

let offset = 0;
let latest = 0;

/**
 * Milliseconds on a clock that never runs backwards (W3C High Resolution Time), also when a test
 * replaces it by one that begins at 0: it then goes on from where it was.
 */
export function now() {
  const time = performance.now() + offset;
  if (time >= latest) {
    latest = time;
  } else {
    offset += latest - time;
  }
  return latest;
}

/** Hands an exception of a handler to the page's error reporting, outside of our own stack.
 * @param {unknown} error
 */
export function report(error) {
  if (typeof globalThis.reportError === "function") {
    globalThis.reportError(error);
  } else {
    setTimeout(() => {
      throw error;
    });
  }
}

/**
 * The address of the socket: absolute, `ws:` or `wss:`, with the token in `?token=` when given.
 * Throws when the URL is none; the caller must not repeat the error, which quotes the URL.
 * @param {string | undefined} url
 * @param {string | undefined} token
 */
export function socketUrl(url, token) {
  const base = globalThis.location?.href;
  const address = new URL(url ?? "/ws", base);
  address.protocol = address.protocol.replace(/^http/, "ws");
  address.hash = "";
  if (token !== undefined) address.searchParams.set("token", token);
  return address.href;
}

/**
 * Calls `wake` whenever trying again may work: the network is back, the page is seen again.
 * @param {() => void} wake
 */
export function watchPage(wake) {
  const onVisible = () => {
    if (globalThis.document.visibilityState === "visible") wake();
  };
  globalThis.addEventListener?.("online", wake);
  globalThis.addEventListener?.("pageshow", wake);
  globalThis.document?.addEventListener("visibilitychange", onVisible);
  return () => {
    globalThis.removeEventListener?.("online", wake);
    globalThis.removeEventListener?.("pageshow", wake);
    globalThis.document?.removeEventListener("visibilitychange", onVisible);
  };
}

/** The bytes of a text in UTF-8.
 * @param {string} text
 */
export function byteLength(text) {
  return new TextEncoder().encode(text).length;
}

/**
 * The event that answers `user:input:required`.
 * @param {string} executionId
 * @param {string} nodeId
 * @param {unknown} value
 */
export function userInputResponse(executionId, nodeId, value) {
  return { type: "user:input:response", timestamp: Date.now(), executionId, nodeId, value };
}

/** Whether gzip can be undone here (WHATWG Compression Standard). */
export function canInflate() {
  return typeof DecompressionStream !== "undefined";
}

/**
 * The answer to a welcome that offers features.
 * @param {string[]} features
 */
export function hello(features) {
  return JSON.stringify({ type: "hello", features });
}

/**
 * Asks for a sign of life.
 * @param {number} id
 */
export function ping(id) {
  return JSON.stringify({ type: "ping", id });
}

/**
 * A token that replaces the one in use.
 * @param {string} token
 */
export function auth(token) {
  return JSON.stringify({ type: "auth", token });
}

/**
 * Says that an event was handled.
 * @param {string} eventId
 */
export function ack(eventId) {
  return JSON.stringify({ type: "ack", eventId });
}
