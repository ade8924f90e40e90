use std::sync::Arc;

use flowmaestro_protocol::{Secret, UserInputResponse};

/// A connection, numbered by the caller. A number is free again after `disconnect`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// Something to do. Effects are to be carried out in the order in which they are polled.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Queue a frame for the socket, and call [`Hub::written`](crate::Hub::written) once it has
    /// left the queue.
    Send {
        /// The connection.
        connection: ConnectionId,
        /// The text, shared by all who get the same.
        text: Arc<str>,
        /// Send the gzip of the text, as a binary frame.
        compress: bool,
    },
    /// Close the socket. Nothing more is sent on it; the connection ends with
    /// [`Hub::disconnect`](crate::Hub::disconnect).
    Close {
        /// The connection.
        connection: ConnectionId,
        /// The code and the reason.
        close: Close,
    },
    /// Verify a token, and answer with [`Hub::token_verified`](crate::Hub::token_verified).
    VerifyToken {
        /// The connection.
        connection: ConnectionId,
        /// The token.
        token: Secret,
    },
    /// Hand a user's answer to the backends. Its `userId` is the user of the token.
    UserInput {
        /// The user.
        user_id: Arc<str>,
        /// The answer.
        response: Box<UserInputResponse>,
    },
}

/// How a socket is to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close {
    /// The close code.
    pub code: u16,
    /// The reason, for people.
    pub reason: &'static str,
    /// Drop the frames that wait instead of sending them first.
    pub discard: bool,
}
