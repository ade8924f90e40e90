//! The connection's state and statistics, as JavaScript sees them.

use flowmaestro_session::{Closed, State};
use serde::Serialize;
use tsify::Tsify;
use wasm_bindgen::prelude::*;

use crate::errors;

/// The state of the connection, told apart by `status`. The object stays the same until the state
/// changes, so it can serve as a snapshot.
///
/// - `disconnected`: no connection, nor the wish for one.
/// - `connecting`: asking for a token, opening the socket, waiting for the server's welcome.
///   `attempt` says how many retries it took so far: 0 for the first attempt.
/// - `connected`: the server's welcome arrived. `connectionId` is the server's id of it.
/// - `waiting`: the last attempt or connection ended with `cause`; retry number `attempt` (from 1)
///   follows by itself at `retryAt`, in ms since the Unix epoch.
/// - `failed`: the connection is not tried again by itself; `error` says why, and what to do.
#[derive(Serialize, Tsify)]
#[serde(
    tag = "status",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum ConnectionState {
    /// No connection, nor the wish for one.
    Disconnected,
    /// On the way: asking for a token, opening the socket, waiting for the server's welcome.
    Connecting {
        /// How many retries it took so far: 0 for the first attempt.
        attempt: u32,
    },
    /// The server's welcome arrived.
    Connected {
        /// The server's id of this connection.
        connection_id: String,
    },
    /// The last attempt or connection ended; the next attempt follows by itself.
    Waiting {
        /// The number of the retry that follows, from 1.
        attempt: u32,
        /// When it follows, in ms since the Unix epoch.
        retry_at: f64,
        /// How the last connection ended.
        cause: CloseCause,
    },
    /// The connection failed and is not tried again by itself.
    Failed {
        /// Why, and what to do.
        #[serde(with = "serde_wasm_bindgen::preserve")]
        #[tsify(type = "ConnectionError | WasmInitError")]
        error: JsValue,
    },
}

/// How a connection ended.
#[derive(Serialize, Tsify)]
pub struct CloseCause {
    /// The close code (RFC 6455, section 7.4): the server's, 1006 for none (the network), 4000 when
    /// no welcome came in time, 4001 when the token provider gave no token.
    code: u16,
    /// The server's reason, or an empty string.
    reason: String,
}

/// What the client counted since the page was loaded.
#[derive(Serialize, Tsify)]
#[serde(rename_all = "camelCase")]
pub struct ClientStats {
    /// Sockets that were opened.
    pub(crate) attempts: f64,
    /// Welcomes that arrived.
    pub(crate) connections: f64,
    /// Events handed to handlers.
    pub(crate) delivered: f64,
    /// Events dropped because nobody wants their execution any more.
    pub(crate) unwanted: f64,
    /// Frames that could not be read, each told in `connection:error`.
    pub(crate) unreadable: f64,
    /// Messages handed to the socket by `submitUserInput`.
    pub(crate) sent: f64,
    /// Messages of `submitUserInput` that were not sent.
    pub(crate) send_failures: f64,
    /// Registered handlers.
    pub(crate) handlers: f64,
    /// Executions that are subscribed, or still held.
    pub(crate) subscriptions: f64,
}

impl ConnectionState {
    /// The public form of a session's state.
    pub(crate) fn new(state: &State, connection_id: &str, epoch_offset_ms: f64) -> Self {
        match state {
            State::Disconnected { .. } => Self::Disconnected,
            State::Connecting { attempt } => Self::Connecting { attempt: *attempt },
            State::Connected => Self::Connected {
                connection_id: connection_id.to_owned(),
            },
            State::Waiting {
                attempt,
                retry_at,
                cause,
            } => Self::Waiting {
                attempt: *attempt,
                retry_at: (retry_at.0 + epoch_offset_ms).round(),
                cause: cause.into(),
            },
            State::Failed { error } => Self::Failed {
                error: errors::connection_failed(error).into(),
            },
        }
    }
}

impl From<&Closed> for CloseCause {
    fn from(closed: &Closed) -> Self {
        Self {
            code: closed.code,
            reason: closed.reason.clone(),
        }
    }
}
