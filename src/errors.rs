//! Refusals and failures as the typed errors of `errors.js`, which has their words.

use flowmaestro_session::{Failure, Refused, ReplayError, SendError, close_code};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/src/errors.js")]
extern "C" {
    #[wasm_bindgen(js_name = connectionError)]
    fn connection_error(kind: u8, close_code: u16, reason: &str) -> JsValue;

    #[wasm_bindgen(js_name = requestError)]
    fn request_error(kind: u8, limit: usize, bytes: usize) -> JsValue;

    #[wasm_bindgen(js_name = typeError)]
    pub(crate) fn type_error(message: &str) -> JsValue;
}

/// The client's error for a connection that failed for good.
pub(crate) fn connection_failed(failure: &Failure) -> JsValue {
    let (kind, close_code, reason) = match failure {
        Failure::Unauthorized { code, reason } => (0, *code, reason.as_str()),
        Failure::Forbidden { reason } => (1, close_code::FORBIDDEN, reason.as_str()),
        Failure::RetriesExhausted { last, .. } => (2, last.code, last.reason.as_str()),
        Failure::SocketFailed => (3, 0, ""),
    };
    connection_error(kind, close_code, reason)
}

pub(crate) fn disconnected() -> JsValue {
    connection_error(4, 0, "")
}

pub(crate) fn superseded() -> JsValue {
    connection_error(5, 0, "")
}

pub(crate) fn refused(refused: Refused) -> JsValue {
    let (kind, limit, bytes) = match refused {
        Refused::Disconnected => (0, 0, 0),
        Refused::Failed => (1, 0, 0),
        Refused::TooManySubscriptions { limit } => (2, limit, 0),
        Refused::MessageTooLarge { bytes, limit } => (3, limit, bytes),
        Refused::QueueFull => (4, 0, 0),
    };
    request_error(kind, limit, bytes)
}

pub(crate) fn not_sent(error: SendError) -> JsValue {
    let kind = match error {
        SendError::Disconnected => 5,
        SendError::IdentityReplaced => 6,
        SendError::ConnectionFailed => 7,
        SendError::Unconfirmed => 8,
        SendError::Expired => 9,
        SendError::Rejected => 10,
    };
    request_error(kind, 0, 0)
}

pub(crate) fn not_replayed(error: ReplayError) -> JsValue {
    let kind = match error {
        ReplayError::NotSupported => 11,
        ReplayError::Forbidden => 12,
        ReplayError::Rejected => 13,
        ReplayError::Unsubscribed => 14,
        ReplayError::ConnectionLost => 15,
        ReplayError::TimedOut => 16,
        ReplayError::Expired => 17,
        ReplayError::Disconnected => 18,
        ReplayError::IdentityReplaced => 19,
        ReplayError::ConnectionFailed => 20,
    };
    request_error(kind, 0, 0)
}
