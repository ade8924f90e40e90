//! The codec for text frames, beside serde_json's own reading of the same text.

use flowmaestro_protocol::{ClientMessage, Event, Json, ServerMessage};
use serde_json::Value;

/// Reads the bytes as every kind of message. What is accepted survives being written and read again,
/// and an event loses nothing.
pub fn codec(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    json(text);
    client_message(text);
    server_message(text);
}

fn json(text: &str) {
    let value: Option<Value> = serde_json::from_str(text).ok();
    match Json::parse(text) {
        Ok(json) => assert_eq!(json.deserialize().ok(), value, "two readings of one text"),
        // Only a `Value` is read otherwise because of a name.
        Err(error) => assert!(value.is_none() || error.to_string().contains("reserved")),
    }
}

fn client_message(text: &str) {
    let Ok(message) = ClientMessage::decode(text) else {
        return;
    };
    assert_eq!(ClientMessage::decode(&message.encode()), Ok(message));
}

fn server_message(text: &str) {
    let message = ServerMessage::decode(text);
    let event = Event::decode(text);
    let Ok(message) = message else {
        assert!(event.is_err(), "an event that is no message");
        return;
    };
    let written = message.encode();
    assert_eq!(ServerMessage::decode(&written).as_ref(), Ok(&message));
    match message {
        ServerMessage::Event(read) => {
            assert_eq!(event, Ok(*read.clone()));
            keeps_everything(&read, text, &written);
        }
        _ => assert!(event.is_err(), "a message that is also an event"),
    }
}

/// Whatever an event came with is in the text that goes on to the clients, but for optional fields
/// that are `null`.
fn keeps_everything(event: &Event, text: &str, written: &str) {
    let mut before: Value = serde_json::from_str(text).expect("JSON");
    let after: Value = serde_json::from_str(written).expect("JSON");
    let fields = before.as_object_mut().expect("an object");
    for field in event.event_type().fields() {
        if field.optional && fields.get(field.name) == Some(&Value::Null) {
            fields.remove(field.name);
        }
    }
    assert!(is_same(&before, &after), "{before} became {after}");
}

/// Whether JavaScript could not tell them apart.
fn is_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let has_same = |(name, a)| b.get(name).is_some_and(|b| is_same(a, b));
            a.len() == b.len() && a.iter().all(has_same)
        }
        _ => a == b,
    }
}
