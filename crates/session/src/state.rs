//! The connection's state as the user sees it.

use alloc::string::String;

use crate::Millis;

/// The state of the connection.
///
/// ```text
///                  connect                          welcome
///  Disconnected ─────────────▶ Connecting ─────────────────────────▶ Connected
///       ▲                       ▲   │  ▲                                 │
///       │            retry_at,  │   │  └── refused token, a provider: ───┤
///       │      reconnect, wake  │   │      at once, with a fresh one     │
///       │                       │   │ closed, no welcome, no token       │ closed
///       │                     Waiting ◀──────────────────────────────────┘
///       │                           │ no attempt left, refused for good
///       │ disconnect                ▼
///       └── (any state) ◀──────── Failed ── connect (reconnect, wake) ──▶ Connecting
/// ```
///
/// A new identity (`connect` with other credentials) leads from every state to `Connecting`.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// No connection, nor the wish for one.
    Disconnected {
        /// Why; `None` when there never was a connection.
        cause: Option<DisconnectCause>,
    },
    /// On the way: asking for a token, opening the socket, waiting for the welcome.
    Connecting {
        /// How many retries it took since the last connection that proved itself: 0 for the first
        /// attempt.
        attempt: u32,
    },
    /// The welcome arrived.
    Connected,
    /// The last attempt or connection ended; the next attempt follows.
    Waiting {
        /// The number of the retry that follows, from 1.
        attempt: u32,
        /// When it follows.
        retry_at: Millis,
        /// How the last connection ended.
        cause: Closed,
    },
    /// The connection failed and is not tried again by itself.
    Failed {
        /// Why, and with that what starts it again.
        error: Failure,
    },
}

/// Why there is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisconnectCause {
    /// The user disconnected.
    Requested,
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The close code: the server's, 1006 for none, or one of this client's own
    /// ([`close_code`](crate::close_code)).
    pub code: u16,
    /// The server's reason, or an empty string.
    pub reason: String,
}

/// Why a connection failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The server refused the token. `Connect` starts again; so does `ReconnectNow` when a provider
    /// can be asked for another token.
    Unauthorized {
        /// The close code: 1008, or 4401 for a token that has expired.
        code: u16,
        /// The server's reason.
        reason: String,
    },
    /// The server does not admit this origin or user. Started again like `Unauthorized`.
    Forbidden {
        /// The server's reason.
        reason: String,
    },
    /// Every attempt failed. `Connect`, `ReconnectNow` and `Wake` start a new round.
    RetriesExhausted {
        /// How many retries were made.
        attempts: u32,
        /// How the last one ended.
        last: Closed,
    },
    /// The socket could not be created: the URL is none, or WebSockets are not available.
    /// `Connect` and `ReconnectNow` start again.
    SocketFailed,
}
