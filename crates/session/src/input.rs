//! Everything that can happen to a session, and the ways in which it says no.

use alloc::string::String;
use core::fmt;

use flowmaestro_protocol::Features;

use crate::{Credentials, ExecutionKey, Generation, ReplayId, SendId, Token, TokenRequest};

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
    /// A sign that trying may work again, or that time was lost: a page that became visible, `pageshow`,
    /// `resume`. Like [`Input::ReconnectNow`], but never refused and never past a refused token.
    Wake,
    /// Whether there is a network, as far as the caller knows (`online`, `offline`); it counts as
    /// there until something else is said. Without one the retries go on, in case it is wrong, but
    /// they are not counted. Its return is a [`Input::Wake`].
    Network {
        /// Whether there is one.
        online: bool,
    },
    /// One more holder wants the events of this execution. Remembered in every state.
    Subscribe(ExecutionKey),
    /// One more holder wants the events of every execution in this room, which is named by a key
    /// like an execution. Its events are not recovered after a reconnect.
    SubscribeRoom(ExecutionKey),
    /// Whether somebody wants to know who else watches this execution.
    WatchPresence {
        /// The execution.
        execution: ExecutionKey,
        /// Whether.
        watch: bool,
    },
    /// One holder less. When it was the last, nothing more is delivered for this execution.
    Unsubscribe(ExecutionKey),
    /// The events of an execution since some time are wanted, whether it is subscribed or not. Asked
    /// for once connected, and answered with `Replayed` or `ReplayFailed`.
    Replay {
        /// The caller's number for it.
        id: ReplayId,
        /// The execution, whose name the caller keeps until the answer.
        execution: ExecutionKey,
        /// Since when, in milliseconds since the Unix epoch.
        since: u64,
    },
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
    /// A `pong` named the last event of an execution that the server has sent.
    Head {
        /// On which socket.
        generation: Generation,
        /// The execution.
        execution: ExecutionKey,
        /// The event's number.
        seq: u64,
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
        /// What the server offers, if it speaks of features at all: then it is greeted with a
        /// `hello`.
        features: Option<Features>,
    },
    /// The server's `subscribed`.
    Subscribed {
        /// The execution.
        execution: ExecutionKey,
        /// Where the subscription stands; a baseline server does not say.
        position: Option<Position>,
    },
    /// The server's `unsubscribed`.
    Unsubscribed(ExecutionKey),
    /// An `error` frame.
    Error {
        /// The execution that it names, if any.
        execution: Option<ExecutionKey>,
        /// The message that it names, if any.
        message: Option<SendId>,
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
        /// Its number in the execution, from 1, if it has one.
        seq: Option<u64>,
        /// The server wants to know that it was handled.
        ack: bool,
    },
    /// An execution-scoped event of an execution that nobody here knows: for rooms, else dropped.
    ForeignEvent {
        /// The caller's index of the event type.
        event: u8,
    },
    /// An answer about an execution that nobody here knows.
    StrayAnswer,
    /// The server's `ack`: it has taken this message.
    Acknowledged(SendId),
    /// The server's `replayed`: all that it was asked for of this execution has been sent.
    Replayed {
        /// The execution.
        execution: ExecutionKey,
        /// How many events were sent.
        count: u64,
        /// The server still had all of them.
        complete: bool,
    },
    /// The server's `pong`, with the number of its `ping`.
    Pong(u32),
    /// The server's `auth:expiring`: the token ends soon.
    TokenExpiring,
    /// The server's `authenticated`: the token was replaced.
    Authenticated,
    /// A frame of an unknown type: delivered to those who want every event.
    Unknown,
    /// A frame that could not be read: reported, never delivered.
    Invalid,
}

/// An event of an execution of which there is little to decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlainEvent {
    /// The caller's index of the event type.
    pub event: u8,
    /// The execution that it belongs to.
    pub execution: ExecutionKey,
    /// Its number in the execution, from 1, if it has one.
    pub seq: Option<u64>,
}

impl FrameKind {
    /// The event, if it ends nothing and is not to be acknowledged: then
    /// [`Session::take_next`](crate::Session::take_next) may take it.
    #[must_use]
    pub fn plain_event(self) -> Option<PlainEvent> {
        match self {
            Self::Event {
                event,
                execution: Some(execution),
                terminal: false,
                seq,
                ack: false,
            } => Some(PlainEvent {
                event,
                execution,
                seq,
            }),
            _ => None,
        }
    }
}

/// Where a subscription stands in the history of its execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The last number so far, 0 before the first.
    pub head: u64,
    /// Everything follows that came after what was asked for.
    pub recovered: bool,
    /// The numbers are not those of an earlier connection: the server has lost its history.
    pub restarted: bool,
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
    /// As many messages, or requests for a replay, wait for the connection as
    /// [`Options::max_queued_messages`](crate::Options) allows, or as many bytes as
    /// [`Options::max_queued_bytes`](crate::Options) allows.
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
                f.write_str("too many messages wait for the connection: try again once connected")
            }
        }
    }
}

impl core::error::Error for Refused {}
