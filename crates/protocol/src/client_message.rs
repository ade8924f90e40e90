use std::fmt;

use serde::{Serialize, Serializer};

use crate::codec::encode;
use crate::object::{Object, check_id};
use crate::{DecodeError, DecodeErrorKind, Features, Json, Number, Room, UserInputResponse};

/// The longest token that a client may send, in bytes.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// What a client says. All but `Subscribe`, `Unsubscribe` and `UserInputResponse` belong to features
/// that are spoken only after a [`ClientMessage::Hello`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(
    tag = "type",
    rename_all = "lowercase",
    rename_all_fields = "camelCase"
)]
pub enum ClientMessage {
    /// The answer to a welcome that lists `features`: the subset that this client speaks. From then
    /// on the server also answers with `error` frames.
    Hello {
        /// The features to switch on.
        features: Vec<String>,
    },
    /// Asks for the events of an execution.
    Subscribe(Subscribe),
    /// Asks for no more events of an execution.
    Unsubscribe {
        /// The execution.
        execution_id: String,
    },
    /// Asks for the events of every execution in a room.
    #[serde(rename = "subscribe")]
    SubscribeRoom {
        /// The room.
        room: Room,
    },
    /// Asks for no more events of a room.
    #[serde(rename = "unsubscribe")]
    UnsubscribeRoom {
        /// The room.
        room: Room,
    },
    /// Asks once more for the events of an execution since some time.
    Replay {
        /// The execution.
        execution_id: String,
        /// The earliest `timestamp`, in ms since the Unix epoch.
        since: Number,
    },
    /// A critical event was handled, and need not be sent again.
    Ack {
        /// The event.
        event_id: String,
    },
    /// Asks for a `pong`.
    Ping {
        /// The number that the `pong` repeats.
        id: u64,
    },
    /// Replaces the token of this connection.
    Auth {
        /// The new token.
        token: Secret,
    },
    /// A person's answer to `user:input:required`.
    #[serde(untagged)]
    UserInputResponse(UserInputMessage),
}

/// A subscription to an execution.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscribe {
    /// The execution.
    pub execution_id: String,
    /// The last `seq` that the client has: what came after it is sent again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// The epoch in which that `seq` counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<String>,
    /// Whether the client wants to know who else watches.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub presence: bool,
}

/// An answer to `user:input:required`, as it travels.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UserInputMessage {
    /// The answer.
    #[serde(flatten)]
    pub response: UserInputResponse,
    /// The number under which the client asks for an acknowledgement. A message that comes twice is
    /// acted on once.
    #[serde(rename = "messageId", skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
}

/// A text that no log may show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl ClientMessage {
    /// Reads a client message from a text frame.
    ///
    /// # Errors
    /// A [`DecodeError`] that names the message and the field. Ids over
    /// [`MAX_ID_BYTES`](crate::MAX_ID_BYTES) are refused, and integers that JavaScript cannot tell
    /// from their neighbours.
    pub fn decode(text: &str) -> Result<Self, DecodeError> {
        let mut object = Object::parse(text)?;
        let wire_type = object.take_type()?;
        let reader = READERS.into_iter().find(|(name, _)| *name == wire_type);
        let Some((name, read)) = reader else {
            return Err(DecodeError::in_field("type", DecodeErrorKind::UnknownType));
        };
        read(&mut object).map_err(|error| error.of_type(name))
    }

    /// The text frame of this message.
    pub fn encode(&self) -> String {
        encode(self)
    }

    /// The `hello` that switches these features on.
    pub fn hello(features: Features) -> Self {
        Self::Hello {
            features: features.iter().map(|feature| feature.to_string()).collect(),
        }
    }
}

impl From<UserInputResponse> for UserInputMessage {
    fn from(response: UserInputResponse) -> Self {
        Self {
            response,
            message_id: None,
        }
    }
}

impl Secret {
    /// Keeps a text from logs.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text. Never hand it to a log.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// On its way to the other end it has to be seen.
impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

type Reader = fn(&mut Object<'_>) -> Result<ClientMessage, DecodeError>;

/// What reads the rest of a message, by its type.
const READERS: [(&str, Reader); 8] = [
    ("hello", hello),
    ("subscribe", subscribe),
    ("unsubscribe", unsubscribe),
    ("replay", replay),
    ("ack", ack),
    ("ping", ping),
    ("auth", auth),
    ("user:input:response", response),
];

fn hello(object: &mut Object<'_>) -> Result<ClientMessage, DecodeError> {
    let features: Json = object.take("features")?;
    let features = features
        .deserialize()
        .map_err(|_| DecodeError::expected("features", "an array of strings"))?;
    Ok(ClientMessage::Hello { features })
}

fn subscribe(object: &mut Object<'_>) -> Result<ClientMessage, DecodeError> {
    if let Some(room) = object.take("room")? {
        return Ok(ClientMessage::SubscribeRoom { room });
    }
    let execution_id = object.take_id("executionId")?;
    let after = object.take("after")?;
    let epoch: Option<String> = object.take("epoch")?;
    if let Some(epoch) = &epoch {
        check_id("epoch", epoch)?;
    }
    let presence: Option<bool> = object.take("presence")?;
    Ok(ClientMessage::Subscribe(Subscribe {
        execution_id,
        after,
        epoch,
        presence: presence.unwrap_or_default(),
    }))
}

fn unsubscribe(object: &mut Object<'_>) -> Result<ClientMessage, DecodeError> {
    if let Some(room) = object.take("room")? {
        return Ok(ClientMessage::UnsubscribeRoom { room });
    }
    let execution_id = object.take_id("executionId")?;
    Ok(ClientMessage::Unsubscribe { execution_id })
}

fn replay(object: &mut Object<'_>) -> Result<ClientMessage, DecodeError> {
    Ok(ClientMessage::Replay {
        execution_id: object.take_id("executionId")?,
        since: object.take("since")?,
    })
}

fn ack(object: &mut Object<'_>) -> Result<ClientMessage, DecodeError> {
    let event_id = object.take_id("eventId")?;
    Ok(ClientMessage::Ack { event_id })
}

fn ping(object: &mut Object<'_>) -> Result<ClientMessage, DecodeError> {
    let id = object.take("id")?;
    Ok(ClientMessage::Ping { id })
}

fn auth(object: &mut Object<'_>) -> Result<ClientMessage, DecodeError> {
    let token: String = object.take("token")?;
    if token.is_empty() || token.len() > MAX_TOKEN_BYTES {
        return Err(DecodeError::expected("token", "a token of at most 8 KiB"));
    }
    let token = Secret(token);
    Ok(ClientMessage::Auth { token })
}

fn response(object: &mut Object<'_>) -> Result<ClientMessage, DecodeError> {
    let message_id: Option<String> = object.take("messageId")?;
    if let Some(id) = &message_id {
        check_id("messageId", id)?;
    }
    let response = UserInputResponse::from_object(object)?;
    check_id("executionId", &response.execution_id)?;
    check_id("nodeId", &response.node_id)?;
    Ok(ClientMessage::UserInputResponse(UserInputMessage {
        response,
        message_id,
    }))
}
