// The typed errors of the client. Told apart by `name` and `code` as well as by class, since a page
// may have loaded two copies of the package.
//
// @ts-check

/** @import { ConnectionErrorCode, RequestErrorCode } from "../js/error-codes.js" */

/** `connect()` did not lead to a connection, or a connection failed for good. */
export class ConnectionError extends Error {
  /**
   * For tests: the client makes its own.
   *
   * @param {ConnectionErrorCode} code
   * @param {string} message
   * @param {number} [closeCode]
   * @param {string} [reason]
   */
  constructor(code, message, closeCode, reason) {
    super(message);
    this.name = "ConnectionError";
    /** Why, for programs. */
    this.code = code;
    /** The WebSocket close code of the last connection, where there was one. */
    this.closeCode = closeCode;
    /** The server's close reason, where it gave one. */
    this.reason = reason;
  }
}

/** A call to the client was refused. */
export class RequestError extends Error {
  /**
   * For tests: the client makes its own.
   *
   * @param {RequestErrorCode} code
   * @param {string} message
   */
  constructor(code, message) {
    super(message);
    this.name = "RequestError";
    /** Why, for programs. */
    this.code = code;
  }
}

const UNAUTHORIZED =
  "The server refused the token: sign in again and call connect() with a fresh one.";

/**
 * Why a connection could not be made, or failed for good, as src/errors.rs counts it.
 * @type {[ConnectionErrorCode, string][]}
 */
const CONNECTION_ERRORS = [
  ["unauthorized", UNAUTHORIZED],
  ["forbidden", "The server does not admit this user or page."],
  ["retries_exhausted", "The server could not be reached: call reconnectNow() to try again."],
  [
    "unsupported",
    "The WebSocket could not be created: check the url option, the page's Content-Security-Policy " +
      "(connect-src), and that WebSocket exists here (in Node from 22).",
  ],
  ["disconnected", "disconnect() was called before the connection was made."],
  ["superseded", "connect() was called with another token before the connection was made."],
];

/**
 * Why a call was refused, a message was not sent, or a replay failed, likewise.
 * @type {[RequestErrorCode, string][]}
 */
const REQUEST_ERRORS = [
  ["not_connected", "not connected: call connect() first"],
  ["connection_failed", "the connection failed: call connect() to start again"],
  ["too_many_subscriptions", "already subscribed to # executions: unsubscribe from one first"],
  ["message_too_large", "the message has @ bytes, over the limit of #: send less"],
  ["queue_full", "too many messages wait for the connection: try again once connected"],
  ["not_connected", "not sent: disconnect() was called; connect and send again"],
  ["superseded", "not sent: connect() replaced the identity that sent it"],
  ["connection_failed", "not sent: the connection failed; connect and send again"],
  ["unconfirmed", "it may or may not have arrived: the server has not said that it has it"],
  ["expired", "not sent: it waited too long for a connection"],
  ["rejected", "the server refused it; connection:error has its reason"],
  ["not_supported", "the server keeps no history: fetch the run's state instead"],
  ["forbidden", "the execution does not exist, or belongs to somebody else"],
  ["rejected", "the server refused the replay; connection:error has its reason"],
  ["unsubscribed", "unsubscribeFromExecution() was called during the replay"],
  ["connection_lost", "the connection ended during the replay: ask again"],
  ["timeout", "the server did not answer the replay in time: ask again"],
  ["expired", "the replay waited too long for a connection: ask again"],
  ["not_connected", "disconnect() was called during the replay"],
  ["superseded", "connect() replaced the identity that asked for the replay"],
  ["connection_failed", "the connection failed: connect and ask again"],
];

/**
 * @param {number} kind
 * @param {number} closeCode 0 for none
 * @param {string} reason
 */
export function connectionError(kind, closeCode, reason) {
  const [code, message] = CONNECTION_ERRORS[kind];
  return closeCode === 0
    ? new ConnectionError(code, message)
    : new ConnectionError(code, message, closeCode, reason);
}

/**
 * @param {number} kind
 * @param {number} limit
 * @param {number} bytes
 */
export function requestError(kind, limit, bytes) {
  const [code, message] = REQUEST_ERRORS[kind];
  return new RequestError(code, message.replace("#", `${limit}`).replace("@", `${bytes}`));
}

/** @param {string} message */
export function typeError(message) {
  return new TypeError(message);
}
