// The typed errors of the client. Told apart by `name` and `code` as well as by class, since a page
// may have loaded two copies of the package.
//
// @ts-check

/**
 * Why a connection could not be made, or was given up.
 *
 * - `unauthorized`: the server refused the token (close code 1008 or 4401): sign in again.
 * - `forbidden`: the server does not admit this user or page (close code 4403).
 * - `retries_exhausted`: no attempt succeeded; `reconnectNow()` starts a new round.
 * - `unsupported`: the socket could not be created: the URL is none, a security policy forbids it,
 *   or there is no WebSocket here.
 * - `disconnected`: `disconnect()` was called first.
 * - `superseded`: `connect()` was called with another token first.
 *
 * @typedef {"unauthorized" | "forbidden" | "retries_exhausted" | "unsupported" | "disconnected" | "superseded"} ConnectionErrorCode
 */

/** `connect()` did not lead to a connection, or a connection failed for good. */
export class ConnectionError extends Error {
  /**
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

/**
 * Why a call was refused. Nothing was changed by it.
 *
 * - `not_connected`: there is no connection, nor the wish for one: call `connect()`.
 * - `connection_failed`: the connection failed for good before the message was sent.
 * - `superseded`: `connect()` with another token replaced the user who sent the message.
 * - `too_many_subscriptions`, `queue_full`, `message_too_large`: a limit of the options.
 * - `not_serializable`: the value has no JSON form.
 * - `unconfirmed`: the message was sent, and the connection ended before the server said that it has
 *   it; it may or may not have arrived.
 * - `expired`: the message waited too long for a connection.
 * - `rejected`: the server refused the message; `connection:error` has its reason.
 *
 * @typedef {"not_connected" | "connection_failed" | "superseded" | "unconfirmed" | "expired" | "rejected" | "too_many_subscriptions" | "queue_full" | "message_too_large" | "not_serializable"} RequestErrorCode
 */

/** A call to the client was refused. */
export class RequestError extends Error {
  /**
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
