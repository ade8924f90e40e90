use serde::Serialize;

use crate::object::Object;
use crate::{DecodeError, DecodeErrorKind, Event, EventType};

impl Event {
    /// Reads an event from a text frame.
    ///
    /// # Errors
    /// A [`DecodeError`] that names the event and the field; [`DecodeErrorKind::UnknownType`] where
    /// the `type` is no event's.
    pub fn decode(text: &str) -> Result<Self, DecodeError> {
        let mut object = Object::parse(text)?;
        let wire_type = object.take_type()?;
        match EventType::from_wire(&wire_type) {
            Some(event_type) => Self::of_type(event_type, &mut object),
            None => Err(DecodeError::in_field("type", DecodeErrorKind::UnknownType)),
        }
    }

    /// The text frame of this event.
    pub fn encode(&self) -> String {
        encode(self)
    }

    /// Reads the fields of an event whose `type` was taken already.
    pub(crate) fn of_type(
        event_type: EventType,
        object: &mut Object<'_>,
    ) -> Result<Self, DecodeError> {
        Self::from_object(event_type, object).map_err(|error| error.of_type(event_type.as_str()))
    }
}

/// Most messages fit into so many bytes, with room for what is added to them.
const USUAL_BYTES: usize = 256;

/// Writes a message of the protocol, all of which have string keys and checked values: there is
/// nothing that could fail.
pub(crate) fn encode<T: Serialize>(message: &T) -> String {
    let mut text = Vec::with_capacity(USUAL_BYTES);
    let written = serde_json::to_writer(&mut text, message);
    let text = written.ok().and_then(|()| String::from_utf8(text).ok());
    text.unwrap_or_default()
}
