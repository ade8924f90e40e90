//! Refusals and failures as the typed errors of `errors.js`.

use flowmaestro_session::{Failure, Refused, SendError, close_code};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/src/errors.js")]
extern "C" {
    /// Why a connection could not be made.
    pub(crate) type ConnectionError;

    #[wasm_bindgen(constructor)]
    pub(crate) fn new(
        code: &str,
        message: &str,
        close_code: Option<u16>,
        reason: Option<&str>,
    ) -> ConnectionError;

    /// Why a call was refused.
    pub(crate) type RequestError;

    #[wasm_bindgen(constructor)]
    pub(crate) fn new(code: &str, message: &str) -> RequestError;
}

/// The client's words for a connection that failed for good.
pub(crate) fn connection_failed(failure: &Failure) -> ConnectionError {
    match failure {
        Failure::Unauthorized { code, reason } => ConnectionError::new(
            "unauthorized",
            "The server refused the token: sign in again and call connect() with a fresh one.",
            Some(*code),
            Some(reason),
        ),
        Failure::Forbidden { reason } => ConnectionError::new(
            "forbidden",
            "The server does not admit this user or page.",
            Some(close_code::FORBIDDEN),
            Some(reason),
        ),
        Failure::RetriesExhausted { last, .. } => ConnectionError::new(
            "retries_exhausted",
            "The server could not be reached: call reconnectNow() to try again.",
            Some(last.code),
            Some(&last.reason),
        ),
        Failure::SocketFailed => ConnectionError::new(
            "unsupported",
            "The WebSocket could not be created: check the url option, the page's \
             Content-Security-Policy (connect-src), and that WebSocket exists here (in Node from 22).",
            None,
            None,
        ),
    }
}

pub(crate) fn disconnected() -> ConnectionError {
    let message = "disconnect() was called before the connection was made.";
    ConnectionError::new("disconnected", message, None, None)
}

pub(crate) fn superseded() -> ConnectionError {
    let message = "connect() was called with another token before the connection was made.";
    ConnectionError::new("superseded", message, None, None)
}

pub(crate) fn refused(refused: Refused) -> JsValue {
    let code = match refused {
        Refused::Disconnected => "not_connected",
        Refused::Failed => "connection_failed",
        Refused::TooManySubscriptions { .. } => "too_many_subscriptions",
        Refused::MessageTooLarge { .. } => "message_too_large",
        Refused::QueueFull => "queue_full",
    };
    RequestError::new(code, &refused.to_string()).into()
}

pub(crate) fn not_sent(error: SendError) -> JsValue {
    let code = match error {
        SendError::Disconnected => "not_connected",
        SendError::IdentityReplaced => "superseded",
        SendError::ConnectionFailed => "connection_failed",
        SendError::Unconfirmed => "unconfirmed",
        SendError::Expired => "expired",
        SendError::Rejected => "rejected",
    };
    RequestError::new(code, &error.to_string()).into()
}

pub(crate) fn not_serializable() -> JsValue {
    let message = "The value has no JSON form: no undefined, function, BigInt or cycle.";
    RequestError::new("not_serializable", message).into()
}

pub(crate) fn type_error(message: &str) -> JsValue {
    js_sys::TypeError::new(message).into()
}
