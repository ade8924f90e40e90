//! Everything that a session asks of its caller.

use core::fmt;

use flowmaestro_protocol::Features;

use crate::{ExecutionKey, Generation, ReplayId, SendId, State, Token, TokenRequest};

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
    /// The server has taken the message; one without acknowledgements was at least handed it.
    Sent {
        /// The message's number.
        id: SendId,
    },
    /// The message was not taken as far as anybody knows, and will not be sent (again).
    SendFailed {
        /// The message's number.
        id: SendId,
        /// Why.
        error: SendError,
    },
    /// The server has sent what a replay asked for: all of it was handed to the handlers, now or
    /// before, but for what comes in order behind others.
    Replayed {
        /// The request's number.
        id: ReplayId,
        /// How many events the server has sent.
        count: u64,
        /// The server still had all of them.
        complete: bool,
    },
    /// No more comes of a replay.
    ReplayFailed {
        /// The request's number.
        id: ReplayId,
        /// Why.
        error: ReplayError,
    },
    /// Hand this event to its handlers.
    Deliver {
        /// The caller's index of the event type.
        event: u8,
        /// The execution that it belongs to, if any.
        execution: Option<ExecutionKey>,
        /// Once the handlers have run, acknowledge the event on this socket, unless it is gone.
        acknowledge: Option<Generation>,
        /// The event.
        payload: P,
    },
    /// Acknowledge this event again: it was handled before, and comes once more.
    Acknowledge {
        /// On which socket.
        generation: Generation,
        /// The event.
        payload: P,
    },
    /// Events of this execution are missing (`connection:gap`).
    Gap {
        /// The execution.
        execution: ExecutionKey,
        /// Which, and why.
        gap: Gap,
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
        /// It was active on an earlier connection.
        resumed: bool,
        /// Everything follows that was missed: since that connection, or since the execution began.
        /// A baseline server keeps no history, and sends what happens from now on.
        recovered: bool,
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
    Hello(Features),
    /// `subscribe` to this execution.
    Subscribe {
        /// The execution.
        execution: ExecutionKey,
        /// The last number that was delivered: what came after it is wanted too.
        after: Option<u64>,
        /// Whether to be told who else watches.
        presence: bool,
    },
    /// `unsubscribe` from this execution.
    Unsubscribe(ExecutionKey),
    /// A message of the user's.
    Message {
        /// The caller's number for it.
        id: SendId,
        /// The message.
        payload: P,
        /// The server says when it has taken it, and knows a second copy by its number.
        confirm: bool,
    },
    /// `replay`: the events of this execution since some time.
    Replay {
        /// The execution.
        execution: ExecutionKey,
        /// Since when, in milliseconds since the Unix epoch.
        since: u64,
    },
    /// `ping`, to be answered by a `pong` of this number.
    Ping(u32),
    /// `auth`: this token replaces that of the connection.
    Auth(Token),
}

/// Events of an execution that are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The first missing number; `None` where the server does not number its events, or where the
    /// numbers are of another history than those before.
    pub from: Option<u64>,
    /// The last missing number; `None` when the next event tells.
    pub to: Option<u64>,
    /// Why they are missing.
    pub reason: GapReason,
}

/// Why events are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GapReason {
    /// The server does not keep them any more, or has lost them on the way.
    Evicted,
    /// The server has lost its history, or nobody can say that it has not: no server named the
    /// history that the numbers before were of.
    Restarted,
    /// The server keeps no history.
    Baseline,
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
    /// It was sent, the server has not said that it has it, and it is not sent again: the next
    /// server could not tell a second copy from the first, or it waited too long for the answer, or
    /// one of the above happened meanwhile.
    Unconfirmed,
    /// It waited for longer than [`Options::max_message_age_ms`](crate::Options).
    Expired,
    /// The server refused it; the frame that says so is reported before.
    Rejected,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disconnected => "not sent: disconnect() was called; connect and send again",
            Self::IdentityReplaced => "not sent: connect() replaced the identity that sent it",
            Self::ConnectionFailed => "not sent: the connection failed; connect and send again",
            Self::Unconfirmed => {
                "it may or may not have arrived: the server has not said that it has it"
            }
            Self::Expired => "not sent: it waited too long for a connection",
            Self::Rejected => "the server refused it; connection:error has its reason",
        })
    }
}

impl core::error::Error for SendError {}

/// Why no more comes of a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayError {
    /// The server does not speak of replays.
    NotSupported,
    /// The server refused it with `forbidden`: the execution does not exist, or is another's. The
    /// frame that says so is reported before.
    Forbidden,
    /// The server refused it for another reason, which is reported before.
    Rejected,
    /// The last holder of the execution's subscription let go, and wants none of its events any more.
    Unsubscribed,
    /// The connection ended when some of its events had come, of an execution without a
    /// subscription: which of them the next server sends again, nobody can tell.
    ConnectionLost,
    /// The server sent nothing of it for half a minute.
    TimedOut,
    /// It waited for longer than [`Options::max_message_age_ms`](crate::Options) to be sent.
    Expired,
    /// The user disconnected.
    Disconnected,
    /// Another identity took the connection over.
    IdentityReplaced,
    /// The connection failed for good.
    ConnectionFailed,
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotSupported => "the server keeps no history: fetch the run's state instead",
            Self::Forbidden => "the execution does not exist, or belongs to somebody else",
            Self::Rejected => "the server refused the replay; connection:error has its reason",
            Self::Unsubscribed => "unsubscribeFromExecution() was called during the replay",
            Self::ConnectionLost => "the connection ended during the replay: ask again",
            Self::TimedOut => "the server did not answer the replay in time: ask again",
            Self::Expired => "the replay waited too long for a connection: ask again",
            Self::Disconnected => "disconnect() was called during the replay",
            Self::IdentityReplaced => "connect() replaced the identity that asked for the replay",
            Self::ConnectionFailed => "the connection failed: connect and ask again",
        })
    }
}

impl core::error::Error for ReplayError {}

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
    /// The token of the connection ends soon, and there is no provider to ask for another.
    TokenExpiring,
    /// No connection could be made with the next token. The present one goes on until it is ended.
    RenewalFailed,
}
