//! Everything that a session asks of its caller.

use std::fmt;

use crate::{ExecutionKey, Generation, SendId, State, Token, TokenRequest};

/// Something to do. Effects are to be carried out in the order in which they are polled.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect<P> {
    /// Open a socket and report its events under this generation.
    OpenSocket {
        /// The new socket's generation.
        generation: Generation,
        /// The token to present.
        token: Option<Token>,
    },
    /// Close this socket and drop it. Whatever it still reports is ignored.
    CloseSocket {
        /// The socket's generation.
        generation: Generation,
        /// The close code: 1000 or 3000–4999, which is all that the WebSocket API accepts.
        code: u16,
    },
    /// Ask the token provider, and answer with `Input::TokenReady`.
    RequestToken {
        /// The question's number.
        request: TokenRequest,
        /// The caller's number of the provider.
        provider: u32,
    },
    /// Send this on the socket.
    Transmit {
        /// The socket's generation.
        generation: Generation,
        /// The message.
        message: Outgoing<P>,
    },
    /// The message was handed to the socket.
    Sent {
        /// The message's number.
        id: SendId,
    },
    /// The message was not sent and will not be.
    SendFailed {
        /// The message's number.
        id: SendId,
        /// Why.
        error: SendError,
    },
    /// Hand this event to its handlers.
    Deliver {
        /// The caller's index of the event type.
        event: u8,
        /// The execution that it belongs to, if any.
        execution: Option<ExecutionKey>,
        /// The event.
        payload: P,
    },
    /// Hand this frame of an unknown type to those who want every event.
    DeliverUnknown {
        /// The frame.
        payload: P,
    },
    /// The welcome arrived (`connection:established`).
    Welcomed {
        /// The welcome.
        payload: P,
    },
    /// The server acknowledged a subscription on this connection.
    Subscribed {
        /// The execution.
        execution: ExecutionKey,
        /// It was active on an earlier connection: a server that keeps no history has not sent what
        /// happened in between.
        resumed: bool,
    },
    /// Something went wrong that does not end the connection (`connection:error`).
    Reported {
        /// What went wrong.
        problem: Problem<P>,
    },
    /// The state changed to this one.
    StateChanged(State),
    /// The session holds nothing for this execution any more: the caller may forget its name.
    Released(ExecutionKey),
}

/// A message for the server.
#[derive(Clone, Debug, PartialEq)]
pub enum Outgoing<P> {
    /// `hello`: answers a welcome that offered features.
    Hello,
    /// `subscribe` to this execution.
    Subscribe(ExecutionKey),
    /// `unsubscribe` from this execution.
    Unsubscribe(ExecutionKey),
    /// A message of the user's.
    Message {
        /// The caller's number for it.
        id: SendId,
        /// The message.
        payload: P,
    },
}

/// Why a queued message was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// The user disconnected before it could be sent.
    Disconnected,
    /// Another identity took the connection over, and must not speak for the old one.
    IdentityReplaced,
    /// The connection failed for good.
    ConnectionFailed,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disconnected => "not sent: disconnect() was called; connect and send again",
            Self::IdentityReplaced => "not sent: connect() replaced the identity that sent it",
            Self::ConnectionFailed => "not sent: the connection failed; connect and send again",
        })
    }
}

impl std::error::Error for SendError {}

/// Something that went wrong without ending the connection.
#[derive(Clone, Debug, PartialEq)]
pub enum Problem<P> {
    /// The server refused a subscription. It stays wanted: the next connection, or the next
    /// `Subscribe` of it, asks again (unless `forbidden`, this connection also does, a few times).
    SubscriptionRefused {
        /// The execution.
        execution: ExecutionKey,
        /// The server's code was `forbidden`.
        forbidden: bool,
        /// The server's `error` frame.
        payload: P,
    },
    /// The server never answered a subscription, as a baseline server does with an invalid one. It
    /// stays wanted, and what arrives for it is delivered.
    SubscriptionUnanswered {
        /// The execution.
        execution: ExecutionKey,
    },
    /// The server sent an `error` frame about something else.
    ServerError {
        /// The execution that it names, if any.
        execution: Option<ExecutionKey>,
        /// The server's `error` frame.
        payload: P,
    },
    /// A frame could not be read.
    UnreadableFrame {
        /// The frame, or what the caller has instead of it.
        payload: P,
    },
    /// The token provider failed, or did not answer within the connect timeout.
    TokenUnavailable,
}
