// The codes of the errors in src/errors.js. They are declared here, since comments of types that are
// declared in JavaScript do not reach the declarations that users see.

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
 * - `crashed`: the client's own WebAssembly has trapped. It is started anew, and goes on where it was;
 *   after three times in a minute it is not, and the page has to be loaded again.
 */
export type ConnectionErrorCode =
  | "unauthorized"
  | "forbidden"
  | "retries_exhausted"
  | "unsupported"
  | "disconnected"
  | "superseded"
  | "crashed";

/**
 * Why a call was refused, a message did not reach the server, or a replay did not come to its end.
 *
 * - `not_connected`: there is no connection, nor the wish for one: call `connect()`.
 * - `connection_failed`: the connection failed for good before the message was sent.
 * - `superseded`: `connect()` with another token replaced the user who sent the message.
 * - `too_many_subscriptions`, `queue_full`, `message_too_large`: a limit of the options.
 * - `not_serializable`: the value has no JSON form.
 * - `unconfirmed`: the message was sent, and the connection ended before the server said that it has
 *   it; it may or may not have arrived.
 * - `expired`: the message or the replay waited too long for a connection.
 * - `rejected`: the server refused the message or the replay; `connection:error` has its reason.
 * - `not_supported`: the server keeps no history that could be replayed.
 * - `forbidden`: the execution of the replay does not exist, or belongs to somebody else.
 * - `unsubscribed`: `unsubscribeFromExecution` ended the replay.
 * - `connection_lost`: the connection ended during the replay of an execution without a subscription.
 * - `timeout`: the server sent nothing of the replay for half a minute.
 */
export type RequestErrorCode =
  | "not_connected"
  | "connection_failed"
  | "superseded"
  | "unconfirmed"
  | "expired"
  | "rejected"
  | "not_supported"
  | "forbidden"
  | "unsubscribed"
  | "connection_lost"
  | "timeout"
  | "too_many_subscriptions"
  | "queue_full"
  | "message_too_large"
  | "not_serializable";
