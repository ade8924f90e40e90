//! Hostile input gives a typed error that names the field, and never a panic.
#![cfg(feature = "json")]
#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use std::collections::BTreeMap;

use flowmaestro_protocol::{
    ClientMessage, DecodeErrorKind, Event, EventType, FieldKind, Json, MAX_DEPTH, MAX_ID_BYTES,
    MAX_TEXT_BYTES, ServerMessage,
};
use proptest::prelude::*;

/// A valid message of each type, as fields.
fn valid(event_type: EventType) -> BTreeMap<&'static str, String> {
    let mut fields = BTreeMap::from([("type", format!("\"{}\"", event_type.wire_type()))]);
    for field in event_type.fields() {
        let value = match field.kind {
            FieldKind::String => "\"text\"".into(),
            FieldKind::Number => "1.5".into(),
            FieldKind::Record => "{\"a\":1}".into(),
            FieldKind::Any => "[true]".into(),
            FieldKind::Literal(text) => format!("\"{text}\""),
        };
        fields.insert(field.name, value);
    }
    fields
}

fn text(fields: &BTreeMap<&'static str, String>) -> String {
    let fields: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    format!("{{{}}}", fields.join(","))
}

fn error_of(event_type: EventType, field: &'static str, value: &str) -> String {
    let mut fields = valid(event_type);
    fields.insert(field, value.into());
    let error = Event::decode(&text(&fields)).unwrap_err();
    assert_eq!(error.field(), Some(field));
    assert_eq!(error.message_type(), Some(event_type.as_str()));
    error.to_string()
}

#[test]
fn the_message_of_an_error_says_what_was_expected_and_found() {
    assert_eq!(
        error_of(EventType::NodeStream, "chunk", "5"),
        "node:stream.chunk: expected string, found number"
    );
    assert_eq!(
        error_of(EventType::ExecutionCompleted, "outputs", "[1]"),
        "execution:completed.outputs: expected object, found array"
    );
    assert_eq!(
        error_of(EventType::ExecutionCompleted, "status", "\"done\""),
        "execution:completed.status: expected \"completed\", found another string"
    );
}

#[test]
fn a_wrong_kind_is_refused_in_every_field_of_every_event() {
    for event_type in EventType::ALL {
        for field in event_type.fields() {
            let wrong: &[&str] = match field.kind {
                FieldKind::String | FieldKind::Literal(_) => &["1", "true", "{}", "[\"a\"]"],
                FieldKind::Number => &["\"1\"", "false", "{}", "[1]"],
                FieldKind::Record => &["\"a\"", "1", "[]", "true"],
                FieldKind::Any => &[],
            };
            for value in wrong {
                error_of(*event_type, field.name, value);
            }
            if !field.optional && field.kind != FieldKind::Any {
                error_of(*event_type, field.name, "null");
            }
        }
    }
}

#[test]
fn a_missing_field_is_named_and_an_optional_one_may_be_missing_or_null() {
    for event_type in EventType::ALL {
        for field in event_type.fields() {
            let mut fields = valid(*event_type);
            fields.remove(field.name);
            let absent = Event::decode(&text(&fields));
            if field.optional {
                fields.insert(field.name, "null".into());
                assert_eq!(Event::decode(&text(&fields)).unwrap(), absent.unwrap());
            } else {
                let error = absent.unwrap_err();
                assert_eq!(error.field(), Some(field.name));
                assert_eq!(error.kind(), &DecodeErrorKind::Missing);
            }
        }
    }
}

#[test]
fn a_number_beyond_f64_is_refused_at_the_top_and_inside_a_payload() {
    let error = error_of(EventType::NodeCompleted, "duration", "1e400");
    assert!(error.contains("out of range"), "{error}");
    let error = error_of(EventType::NodeCompleted, "output", r#"{"a":[1e400]}"#);
    assert!(error.contains("out of range"), "{error}");
}

/// serde_json reads a string behind this name as JSON, so that a backend would see another value than
/// the page has sent.
#[test]
fn a_name_that_rust_reads_otherwise_is_refused() {
    for name in [
        "$serde_json::private::RawValue",
        r"\u0024serde_json::private::RawValue",
    ] {
        let value = format!(r#"{{"a":[{{"{name}":"[1]"}}]}}"#);
        let error = error_of(EventType::UserInputResponse, "value", &value);
        assert!(error.contains("reserved"), "{error}");
    }
    Json::parse(r#"{"$serde_json::private":{"RawValue":"[1]"}}"#).unwrap();
}

/// The nearest to what is written, as JavaScript reads it: a gateway that passes an event on must not
/// change its last digit.
#[test]
fn a_number_is_read_to_its_last_digit() {
    for (written, read) in [
        ("123456789.12345678901234567890", "123456789.12345679"),
        ("2.2250738585072011e-308", "2.225073858507201e-308"),
        ("33.333333333333336", "33.333333333333336"),
    ] {
        let text = format!(
            r#"{{"type":"execution:progress","timestamp":1,"executionId":"e","completed":1,"total":3,"percentage":{written}}}"#
        );
        let encoded = Event::decode(&text).unwrap().encode();
        let expected = format!(r#""percentage":{read}}}"#);
        assert!(encoded.ends_with(&expected), "{encoded}");
    }
}

#[test]
fn a_lone_surrogate_is_refused_at_the_top_and_inside_a_payload() {
    error_of(EventType::NodeStream, "chunk", r#""\ud800""#);
    error_of(EventType::NodeStream, "executionId", r#""\udc00x""#);
    error_of(EventType::NodeCompleted, "output", r#"["\ud800"]"#);
    error_of(EventType::NodeCompleted, "metadata", r#"{"\ud800":1}"#);
}

#[test]
fn nesting_is_bounded_and_never_overflows_the_stack() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let mut fields = valid(EventType::NodeCompleted);
    fields.insert("output", nested(MAX_DEPTH));
    Event::decode(&text(&fields)).unwrap();
    for depth in [MAX_DEPTH + 1, 10_000, 1_000_000] {
        let error = error_of(EventType::NodeCompleted, "output", &nested(depth));
        assert!(error.contains("recursion limit"), "{error}");
        // An unknown field is checked like a declared one, and so is an unknown type.
        let mut fields = valid(EventType::NodeStream);
        fields.insert("surprise", nested(depth));
        assert_eq!(
            Event::decode(&text(&fields)).unwrap_err().field(),
            Some("surprise")
        );
        ServerMessage::decode(&format!(r#"{{"type":"new","x":{}}}"#, nested(depth))).unwrap_err();
        assert!(Event::decode(&"[".repeat(depth)).is_err());
        assert!(Event::decode(&"{\"a\":".repeat(depth)).is_err());
    }
}

#[test]
fn ten_megabytes_of_text_are_read_and_a_larger_frame_is_refused_by_its_length() {
    let mut fields = valid(EventType::NodeStream);
    fields.insert("chunk", format!("\"{}\"", "x".repeat(10 * 1024 * 1024)));
    Event::decode(&text(&fields)).unwrap();
    fields.insert("chunk", format!("\"{}\"", "x".repeat(MAX_TEXT_BYTES)));
    let error = Event::decode(&text(&fields)).unwrap_err();
    assert!(matches!(error.kind(), DecodeErrorKind::TooLarge { .. }));
}

#[test]
fn ids_of_client_messages_are_bounded() {
    let subscribe = |id: &str| format!(r#"{{"type":"subscribe","executionId":"{id}"}}"#);
    ClientMessage::decode(&subscribe(&"x".repeat(MAX_ID_BYTES))).unwrap();
    for id in [
        "",
        &"x".repeat(MAX_ID_BYTES + 1),
        &"x".repeat(10 * 1024 * 1024),
    ] {
        let error = ClientMessage::decode(&subscribe(id)).unwrap_err();
        assert_eq!(error.field(), Some("executionId"));
        assert_eq!(error.kind(), &DecodeErrorKind::BadId { bytes: id.len() });
    }
}

#[test]
fn a_field_that_stands_twice_is_refused() {
    let text = r#"{"type":"node:stream","type":"node:failed"}"#;
    let error = Event::decode(text).unwrap_err();
    assert_eq!(error.field(), Some("type"));
    assert_eq!(error.kind(), &DecodeErrorKind::Duplicate);
    let text = r#"{"type":"subscribe","executionId":"mine","executionId":"yours"}"#;
    assert_eq!(
        ClientMessage::decode(text).unwrap_err().field(),
        Some("executionId")
    );
    let text = r#"{"type":"subscribe","executionId":"mine","execution\u0049d":"yours"}"#;
    assert_eq!(
        ClientMessage::decode(text).unwrap_err().field(),
        Some("executionId")
    );
}

#[test]
fn a_prototype_is_a_field_like_any_other_and_stands_in_for_none() {
    let text = r#"{"type":"subscribe","__proto__":{"executionId":"exec_1"}}"#;
    let error = ClientMessage::decode(text).unwrap_err();
    assert_eq!(error.field(), Some("executionId"));
    assert_eq!(error.kind(), &DecodeErrorKind::Missing);
}

#[test]
fn what_is_not_an_object_with_a_type_is_refused() {
    for text in [
        "",
        " ",
        "null",
        "true",
        "5",
        "\"x\"",
        "[]",
        "[{}]",
        "{",
        "}",
        "{}",
        "{]",
        "\u{feff}{}",
    ] {
        assert!(Event::decode(text).is_err(), "{text}");
        assert!(ClientMessage::decode(text).is_err(), "{text}");
        assert!(ServerMessage::decode(text).is_err(), "{text}");
    }
    assert_eq!(
        Event::decode("{}").unwrap_err().to_string(),
        "type: missing"
    );
    let found = Event::decode("[]").unwrap_err().to_string();
    assert_eq!(found, "expected an object, found array");
    for text in [
        r#"{"type":5}"#,
        r#"{"type":null}"#,
        r#"{"type":["node:stream"]}"#,
    ] {
        assert_eq!(Event::decode(text).unwrap_err().field(), Some("type"));
    }
    for name in [
        "constructor",
        "toString",
        "__proto__",
        "",
        "NODE:STREAM",
        "connection:established",
    ] {
        let error = Event::decode(&format!(r#"{{"type":"{name}"}}"#)).unwrap_err();
        assert_eq!(error.kind(), &DecodeErrorKind::UnknownType);
    }
}

#[test]
fn errors_never_repeat_content() {
    let secret = "s3cret-token";
    for text in [
        format!(r#"{{"type":"subscribe","executionId":{{"a":"{secret}"}}}}"#),
        format!(r#"{{"type":"{secret}"}}"#),
        format!(r#"{{"type":"hello","features":"{secret}"}}"#),
        format!("{{\"type\":\"hello\",{secret}}}"),
        format!(r#"{{"type":"user:input:response","value":"{secret}"}}"#),
    ] {
        let error = ClientMessage::decode(&text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(secret), "{error:?}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in ".{0,200}") {
        let _ = Event::decode(&text);
        let _ = ClientMessage::decode(&text);
        let _ = ServerMessage::decode(&text);
        let _ = Json::parse(&text);
    }

    #[test]
    fn any_change_of_one_byte_is_read_or_refused(
        which in 0..EventType::ALL.len(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut bytes = text(&valid(EventType::ALL[which])).into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(Ok(event)) = String::from_utf8(bytes).map(|text| Event::decode(&text)) {
            prop_assert_eq!(Event::decode(&event.encode()).unwrap(), event);
        }
    }

    #[test]
    fn any_text_in_any_string_field_comes_back(chunk in any::<String>(), id in any::<String>()) {
        let mut fields = valid(EventType::NodeStream);
        fields.insert("chunk", serde_json::to_string(&chunk).unwrap());
        fields.insert("executionId", serde_json::to_string(&id).unwrap());
        let event = Event::decode(&text(&fields)).unwrap();
        prop_assert_eq!(event.execution_id(), Some(id.as_str()));
        let Event::NodeStream(stream) = &event else { panic!("not a node:stream") };
        prop_assert_eq!(&stream.chunk, &chunk);
        prop_assert_eq!(Event::decode(&event.encode()).unwrap(), event);
    }
}
