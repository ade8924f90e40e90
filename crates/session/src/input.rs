//! Everything that can happen to a session, and the ways in which it says no.

use std::fmt;

use crate::{Credentials, ExecutionKey, Generation, SendId, Token, TokenRequest};

/// Something that happened. `P` is a payload which the session carries but never looks into.
#[derive(Clone, Debug, PartialEq)]
pub enum Input<P> {
    /// The user wants to be connected.
    ///
    /// With the credentials already in use this does nothing while connecting or connected and cuts
    /// a wait short. With others the new identity replaces the old: its socket is closed, its
    /// queued messages fail (user A's input is never sent as user B), subscriptions stay.
    Connect {
        /// Who connects.
        credentials: Credentials,
    },
    /// The user wants to be disconnected. Final until [`Input::Connect`]: timers are cancelled,
    /// queued messages fail, the credentials are forgotten; subscriptions are remembered.
    Disconnect,
    /// The user wants the next attempt now: cuts a wait short, or starts a new round of attempts
    /// after giving up. A connection that is up, or on its way, is left alone.
    ReconnectNow,
    /// A sign that trying may work again: `online`, a page that became visible, `pageshow`.
    /// Like [`Input::ReconnectNow`], but never refused and never past a refused token.
    Wake,
    /// One more holder wants the events of this execution. Remembered in every state.
    Subscribe(ExecutionKey),
    /// One holder less. When it was the last, nothing more is delivered for this execution.
    Unsubscribe(ExecutionKey),
    /// A message for the server; queued until connected.
    Send {
        /// The caller's number for it, which comes back in `Sent` or `SendFailed`.
        id: SendId,
        /// The message.
        message: P,
        /// Its size on the wire, in bytes.
        bytes: usize,
    },
    /// The token provider answered.
    TokenReady {
        /// Which question it answers.
        request: TokenRequest,
        /// The token, or `None` when the provider failed.
        token: Option<Token>,
    },
    /// The socket is open. The session is connected only once the welcome arrived, because a server
    /// opens a socket before it refuses a bad token.
    SocketOpened {
        /// Which socket.
        generation: Generation,
    },
    /// A frame arrived.
    SocketFrame {
        /// On which socket.
        generation: Generation,
        /// What it is.
        frame: Frame<P>,
    },
    /// The socket closed.
    SocketClosed {
        /// Which socket.
        generation: Generation,
        /// The close code (RFC 6455, section 7.4); 1006 when there was none.
        code: u16,
        /// The close reason, or an empty string.
        reason: String,
    },
    /// The socket could not even be created, as with a URL that is none. Trying again is useless.
    SocketFailed {
        /// Which socket.
        generation: Generation,
    },
    /// A deadline may have passed.
    Tick,
}

/// A received frame: what it is, and its payload.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame<P> {
    /// What the caller found it to be.
    pub kind: FrameKind,
    /// The frame itself.
    pub payload: P,
}

/// What a received frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// The server's `connected`.
    Welcome {
        /// The server offers negotiated features, so it is greeted with a `hello`.
        features: bool,
    },
    /// The server's `subscribed`.
    Subscribed(ExecutionKey),
    /// The server's `unsubscribed`.
    Unsubscribed(ExecutionKey),
    /// An `error` frame.
    Error {
        /// The execution that it names, if any.
        execution: Option<ExecutionKey>,
        /// Its code is `forbidden`: asking again on this connection is useless.
        forbidden: bool,
    },
    /// An event of a known type.
    Event {
        /// The caller's index of the event type, handed back in the delivery.
        event: u8,
        /// The execution that it belongs to; `None` for an event that belongs to none.
        execution: Option<ExecutionKey>,
        /// It is the last event of its execution.
        terminal: bool,
    },
    /// An execution-scoped event of an execution that nobody here knows: counted and dropped.
    ForeignEvent,
    /// A frame of an unknown type: delivered to those who want every event.
    Unknown,
    /// A frame that could not be read: reported, never delivered.
    Invalid,
}

/// An input was refused, and nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There is no connection, nor the wish for one.
    Disconnected,
    /// The connection failed and is not being tried again.
    Failed,
    /// As many executions are subscribed as [`Options::max_subscriptions`](crate::Options) allows.
    TooManySubscriptions {
        /// The limit.
        limit: usize,
    },
    /// The message is larger than [`Options::max_message_bytes`](crate::Options) allows.
    MessageTooLarge {
        /// Its size in bytes.
        bytes: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// As many messages wait for the connection as [`Options::max_queued_messages`](crate::Options)
    /// or [`Options::max_queued_bytes`](crate::Options) allows.
    QueueFull,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disconnected => f.write_str("not connected: call connect() first"),
            Self::Failed => f.write_str("the connection failed: call connect() to start again"),
            Self::TooManySubscriptions { limit } => {
                write!(
                    f,
                    "already subscribed to {limit} executions: unsubscribe from one first"
                )
            }
            Self::MessageTooLarge { bytes, limit } => {
                write!(
                    f,
                    "the message has {bytes} bytes, over the limit of {limit}: send less"
                )
            }
            Self::QueueFull => {
                f.write_str("too many messages wait for the connection: send again once connected")
            }
        }
    }
}

impl std::error::Error for Refused {}
