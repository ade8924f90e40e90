use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::codec::encode;
use crate::object::{FromField, Object};
use crate::{DecodeError, DecodeErrorKind, Event, EventType, Json, Number, Record, Room};

/// What a server says. All but the subscriptions' answers and the events belong to features that are
/// spoken only after the client's `hello`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(
    tag = "type",
    rename_all = "lowercase",
    rename_all_fields = "camelCase"
)]
pub enum ServerMessage {
    /// A subscription was taken.
    Subscribed(Subscribed),
    /// A subscription has ended.
    Unsubscribed {
        /// The execution.
        execution_id: String,
    },
    /// A subscription to a room was taken.
    #[serde(rename = "subscribed")]
    SubscribedRoom {
        /// The room.
        room: Room,
    },
    /// A subscription to a room has ended.
    #[serde(rename = "unsubscribed")]
    UnsubscribedRoom {
        /// The room.
        room: Room,
    },
    /// The events that a `replay` asked for have been sent.
    Replayed {
        /// The execution.
        execution_id: String,
        /// As it was asked, in ms since the Unix epoch.
        since: Number,
        /// How many events they were.
        count: u64,
        /// Whether the server still had all of them.
        complete: bool,
    },
    /// A message was taken.
    Ack {
        /// The message.
        message_id: String,
    },
    /// Who watches an execution.
    Presence {
        /// The execution.
        execution_id: String,
        /// The users that have subscribed to it.
        viewers: Vec<Viewer>,
    },
    /// The answer to a `ping`.
    Pong {
        /// The number of the `ping`.
        id: u64,
        /// The last `seq` of each execution that the connection is subscribed to.
        heads: BTreeMap<String, u64>,
    },
    /// The connection's token was replaced.
    Authenticated {
        /// When the new one ends, in ms since the Unix epoch.
        expires_at: Number,
    },
    /// The connection's token ends soon.
    #[serde(rename = "auth:expiring")]
    AuthExpiring {
        /// When, in ms since the Unix epoch.
        expires_at: Number,
    },
    /// A client message was refused; the connection goes on.
    Error(ServerError),
    /// An event; the welcome is one.
    #[serde(untagged)]
    Event(Box<Event>),
    /// A message of a type that this version does not know, whole; so is a `batch`, which is read
    /// before its events are.
    #[serde(untagged)]
    Unknown(Json),
}

/// A subscription was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscribed {
    /// The execution.
    pub execution_id: String,
    /// Where the subscription stands; a baseline server does not say.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
}

/// Where a subscription stands in the history of its execution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Position {
    /// Changes when the server has lost its history, and the numbers begin again.
    pub epoch: String,
    /// The last `seq` so far, 0 before the first.
    pub head: u64,
    /// Whether everything after what the client asked for follows.
    pub recovered: bool,
}

/// Somebody who watches an execution.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Viewer {
    /// The user.
    pub user_id: String,
    /// On how many connections.
    pub connections: u32,
    /// Since when, in ms since the Unix epoch.
    pub since: Number,
}

/// A client message was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerError {
    /// Why, for programs.
    pub code: ErrorCode,
    /// Why, for people.
    pub message: String,
    /// The execution that the message was about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_id: Option<String>,
    /// The message, where it had a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// The room that the message was about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<Room>,
}

impl ServerError {
    /// An error about nothing in particular.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            execution_id: None,
            message_id: None,
            room: None,
        }
    }
}

/// Why a server refused a client message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The user may not see this execution, or it does not exist: the two are not told apart.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// The message is not one of the protocol.
    InvalidMessage,
    /// The connection holds as many subscriptions as it may.
    TooManySubscriptions,
    /// The connection sends too many messages.
    RateLimited,
    /// The message is larger than the server takes.
    TooLarge,
}

impl ServerMessage {
    /// Reads a server message from a text frame. A type that this version does not know is
    /// [`ServerMessage::Unknown`], not an error.
    ///
    /// # Errors
    /// A [`DecodeError`] that names the message and the field.
    pub fn decode(text: &str) -> Result<Self, DecodeError> {
        let mut object = Object::parse(text)?;
        let wire_type = object.take_type()?;
        if let Some(event_type) = EventType::from_wire(&wire_type) {
            let event = Event::of_type(event_type, &mut object)?;
            return Ok(Self::Event(Box::new(event)));
        }
        let reader = READERS.into_iter().find(|(name, _)| *name == wire_type);
        let Some((name, read)) = reader else {
            return Json::parse(text).map(Self::Unknown);
        };
        read(&mut object).map_err(|error| error.of_type(name))
    }

    /// The text frame of this message.
    pub fn encode(&self) -> String {
        encode(self)
    }
}

impl ErrorCode {
    /// Every code.
    pub const ALL: [Self; 6] = [
        Self::Forbidden,
        Self::NotFound,
        Self::InvalidMessage,
        Self::TooManySubscriptions,
        Self::RateLimited,
        Self::TooLarge,
    ];

    /// The code as it is on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::InvalidMessage => "invalid_message",
            Self::TooManySubscriptions => "too_many_subscriptions",
            Self::RateLimited => "rate_limited",
            Self::TooLarge => "too_large",
        }
    }
}

type Reader = fn(&mut Object<'_>) -> Result<ServerMessage, DecodeError>;

/// What reads the rest of a message, by its type.
const READERS: [(&str, Reader); 9] = [
    ("subscribed", subscribed),
    ("unsubscribed", unsubscribed),
    ("replayed", replayed),
    ("ack", ack),
    ("pong", pong),
    ("presence", presence),
    ("authenticated", authenticated),
    ("auth:expiring", auth_expiring),
    ("error", error),
];

fn subscribed(object: &mut Object<'_>) -> Result<ServerMessage, DecodeError> {
    if let Some(room) = object.take("room")? {
        return Ok(ServerMessage::SubscribedRoom { room });
    }
    let execution_id = object.take("executionId")?;
    let epoch: Option<String> = object.take("epoch")?;
    let position = match epoch {
        None => None,
        Some(epoch) => Some(Position {
            epoch,
            head: object.take("head")?,
            recovered: object.take("recovered")?,
        }),
    };
    Ok(ServerMessage::Subscribed(Subscribed {
        execution_id,
        position,
    }))
}

fn unsubscribed(object: &mut Object<'_>) -> Result<ServerMessage, DecodeError> {
    if let Some(room) = object.take("room")? {
        return Ok(ServerMessage::UnsubscribedRoom { room });
    }
    let execution_id = object.take("executionId")?;
    Ok(ServerMessage::Unsubscribed { execution_id })
}

fn replayed(object: &mut Object<'_>) -> Result<ServerMessage, DecodeError> {
    Ok(ServerMessage::Replayed {
        execution_id: object.take("executionId")?,
        since: object.take("since")?,
        count: object.take("count")?,
        complete: object.take("complete")?,
    })
}

fn ack(object: &mut Object<'_>) -> Result<ServerMessage, DecodeError> {
    let message_id = object.take("messageId")?;
    Ok(ServerMessage::Ack { message_id })
}

fn pong(object: &mut Object<'_>) -> Result<ServerMessage, DecodeError> {
    let id = object.take("id")?;
    let heads: Option<Record<Json>> = object.take("heads")?;
    let heads = heads
        .unwrap_or_default()
        .into_iter()
        .map(|(execution, seq)| Ok((execution, u64::from_field(Some(seq.raw()))?)))
        .collect::<Result<_, DecodeErrorKind>>()
        .map_err(|_| DecodeError::expected("heads", "sequence numbers by execution"))?;
    Ok(ServerMessage::Pong { id, heads })
}

fn presence(object: &mut Object<'_>) -> Result<ServerMessage, DecodeError> {
    let execution_id = object.take("executionId")?;
    let viewers: Json = object.take("viewers")?;
    let viewers: Vec<&RawValue> = serde_json::from_str(viewers.as_str())
        .map_err(|_| DecodeError::expected("viewers", "an array"))?;
    let viewers = viewers.iter().map(viewer).collect::<Result<_, _>>()?;
    Ok(ServerMessage::Presence {
        execution_id,
        viewers,
    })
}

fn viewer(viewer: &&RawValue) -> Result<Viewer, DecodeError> {
    let mut object = Object::parse(viewer.get())?;
    let connections: u64 = object.take("connections")?;
    Ok(Viewer {
        user_id: object.take("userId")?,
        connections: u32::try_from(connections).unwrap_or(u32::MAX),
        since: object.take("since")?,
    })
}

fn authenticated(object: &mut Object<'_>) -> Result<ServerMessage, DecodeError> {
    let expires_at = object.take("expiresAt")?;
    Ok(ServerMessage::Authenticated { expires_at })
}

fn auth_expiring(object: &mut Object<'_>) -> Result<ServerMessage, DecodeError> {
    let expires_at = object.take("expiresAt")?;
    Ok(ServerMessage::AuthExpiring { expires_at })
}

fn error(object: &mut Object<'_>) -> Result<ServerMessage, DecodeError> {
    let code: String = object.take("code")?;
    let code = ErrorCode::ALL
        .into_iter()
        .find(|known| known.as_str() == code)
        .ok_or_else(|| DecodeError::expected("code", "a known error code"))?;
    Ok(ServerMessage::Error(ServerError {
        code,
        message: object.take("message")?,
        execution_id: object.take("executionId")?,
        message_id: object.take("messageId")?,
        room: object.take("room")?,
    }))
}
