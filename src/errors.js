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
