use serde::Serialize;

use crate::codec::encode;
use crate::object::{Object, check_id};
use crate::{DecodeError, DecodeErrorKind, Event, EventType, Json, UserInputResponse};

/// What a client says.
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
    Subscribe {
        /// The execution.
        execution_id: String,
    },
    /// Asks for no more events of an execution.
    Unsubscribe {
        /// The execution.
        execution_id: String,
    },
    /// A person's answer to `user:input:required`.
    #[serde(untagged)]
    UserInputResponse(UserInputResponse),
}

/// What a server says.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(
    tag = "type",
    rename_all = "lowercase",
    rename_all_fields = "camelCase"
)]
pub enum ServerMessage {
    /// A subscription was taken.
    Subscribed {
        /// The execution.
        execution_id: String,
    },
    /// A subscription has ended.
    Unsubscribed {
        /// The execution.
        execution_id: String,
    },
    /// A client message was refused; the connection goes on.
    Error {
        /// Why, for programs.
        code: ErrorCode,
        /// Why, for people.
        message: String,
        /// The execution that the message was about.
        #[serde(skip_serializing_if = "Option::is_none")]
        execution_id: Option<String>,
    },
    /// An event; the welcome is one.
    #[serde(untagged)]
    Event(Box<Event>),
    /// A message of a type that this version does not know, whole.
    #[serde(untagged)]
    Unknown(Json),
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

impl ClientMessage {
    /// Reads a client message from a text frame.
    ///
    /// # Errors
    /// A [`DecodeError`] that names the message and the field. Ids over
    /// [`MAX_ID_BYTES`](crate::MAX_ID_BYTES) are refused.
    pub fn decode(text: &str) -> Result<Self, DecodeError> {
        let mut object = Object::parse(text)?;
        let wire_type: String = object.take("type")?;
        match wire_type.as_str() {
            "hello" => named("hello", hello(&mut object)),
            "subscribe" => named(
                "subscribe",
                object
                    .take_id("executionId")
                    .map(|execution_id| Self::Subscribe { execution_id }),
            ),
            "unsubscribe" => named(
                "unsubscribe",
                object
                    .take_id("executionId")
                    .map(|execution_id| Self::Unsubscribe { execution_id }),
            ),
            "user:input:response" => named("user:input:response", response(&mut object)),
            _ => Err(DecodeError::in_field("type", DecodeErrorKind::UnknownType)),
        }
    }

    /// The text frame of this message.
    pub fn encode(&self) -> String {
        encode(self)
    }
}

impl ServerMessage {
    /// Reads a server message from a text frame. A type that this version does not know is
    /// [`ServerMessage::Unknown`], not an error.
    ///
    /// # Errors
    /// A [`DecodeError`] that names the message and the field.
    pub fn decode(text: &str) -> Result<Self, DecodeError> {
        let mut object = Object::parse(text)?;
        let wire_type: String = object.take("type")?;
        if let Some(event_type) = EventType::from_wire(&wire_type) {
            let event = Event::of_type(event_type, &mut object)?;
            return Ok(Self::Event(Box::new(event)));
        }
        match wire_type.as_str() {
            "subscribed" => named(
                "subscribed",
                object
                    .take("executionId")
                    .map(|execution_id| Self::Subscribed { execution_id }),
            ),
            "unsubscribed" => named(
                "unsubscribed",
                object
                    .take("executionId")
                    .map(|execution_id| Self::Unsubscribed { execution_id }),
            ),
            "error" => named("error", error(&mut object)),
            _ => Json::parse(text).map(Self::Unknown),
        }
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

fn named<T>(message_type: &'static str, result: Result<T, DecodeError>) -> Result<T, DecodeError> {
    result.map_err(|error| error.of_type(message_type))
}

fn hello(object: &mut Object<'_>) -> Result<ClientMessage, DecodeError> {
    let features: Json = object.take("features")?;
    let features = features.deserialize().map_err(|_| {
        let expected = "an array of strings".into();
        let kind = DecodeErrorKind::Unexpected {
            expected,
            found: "something else",
        };
        DecodeError::in_field("features", kind)
    })?;
    Ok(ClientMessage::Hello { features })
}

fn response(object: &mut Object<'_>) -> Result<ClientMessage, DecodeError> {
    let response = UserInputResponse::from_object(object)?;
    check_id("executionId", &response.execution_id)?;
    check_id("nodeId", &response.node_id)?;
    Ok(ClientMessage::UserInputResponse(response))
}

fn error(object: &mut Object<'_>) -> Result<ServerMessage, DecodeError> {
    let code: String = object.take("code")?;
    let Some(code) = ErrorCode::ALL
        .into_iter()
        .find(|known| known.as_str() == code)
    else {
        let expected = "a known error code".into();
        let kind = DecodeErrorKind::Unexpected {
            expected,
            found: "another string",
        };
        return Err(DecodeError::in_field("code", kind));
    };
    let message = object.take("message")?;
    let execution_id = object.take("executionId")?;
    Ok(ServerMessage::Error {
        code,
        message,
        execution_id,
    })
}
