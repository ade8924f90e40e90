//! Every JSON example of the WebSocket events reference, read and written again.
#![cfg(feature = "json")]
#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use flowmaestro_protocol::{
    ClientMessage, Event, EventType, Json, ServerMessage, Subscribe, Subscribed,
};

/// The examples of the reference, one file each, without white space and in the reference's order
/// of fields: so a message that is read and written again must be the same bytes.
const EXAMPLES: &[(EventType, &str)] = &[
    (
        EventType::ConnectionEstablished,
        include_str!("fixtures/connected.json"),
    ),
    (
        EventType::ExecutionStarted,
        include_str!("fixtures/execution-started.json"),
    ),
    (
        EventType::ExecutionProgress,
        include_str!("fixtures/execution-progress.json"),
    ),
    (
        EventType::ExecutionCompleted,
        include_str!("fixtures/execution-completed.json"),
    ),
    (
        EventType::ExecutionFailed,
        include_str!("fixtures/execution-failed.json"),
    ),
    (
        EventType::NodeStarted,
        include_str!("fixtures/node-started.json"),
    ),
    (
        EventType::NodeCompleted,
        include_str!("fixtures/node-completed.json"),
    ),
    (
        EventType::NodeFailed,
        include_str!("fixtures/node-failed.json"),
    ),
    (
        EventType::NodeRetry,
        include_str!("fixtures/node-retry.json"),
    ),
    (
        EventType::NodeStream,
        include_str!("fixtures/node-stream.json"),
    ),
    (
        EventType::UserInputRequired,
        include_str!("fixtures/user-input-required.json"),
    ),
    (
        EventType::UserInputResponse,
        include_str!("fixtures/user-input-response.json"),
    ),
    (
        EventType::DocumentProcessing,
        include_str!("fixtures/kb-document-processing.json"),
    ),
    (
        EventType::DocumentCompleted,
        include_str!("fixtures/kb-document-completed.json"),
    ),
    (
        EventType::DocumentFailed,
        include_str!("fixtures/kb-document-failed.json"),
    ),
];

#[test]
fn there_is_an_example_of_each_of_the_fifteen_types() {
    let types: Vec<EventType> = EXAMPLES.iter().map(|(event_type, _)| *event_type).collect();
    assert_eq!(types, EventType::ALL);
    assert_eq!(types.len(), 15);
}

#[test]
fn every_event_example_round_trips() {
    for (event_type, text) in EXAMPLES {
        let event = Event::decode(text).unwrap();
        assert_eq!(event.event_type(), *event_type);
        assert_eq!(
            ServerMessage::decode(text).unwrap(),
            ServerMessage::Event(Box::new(event))
        );
    }
}

#[test]
fn events_are_written_byte_for_byte_as_in_the_reference() {
    for (_, text) in EXAMPLES {
        assert_eq!(Event::decode(text).unwrap().encode(), text.trim_end());
    }
}

#[test]
fn client_message_examples_round_trip() {
    let subscribe = include_str!("fixtures/subscribe.json").trim_end();
    let message = ClientMessage::decode(subscribe).unwrap();
    assert_eq!(
        message,
        ClientMessage::Subscribe(Subscribe {
            execution_id: "exec_abc123".into(),
            ..Subscribe::default()
        })
    );
    assert_eq!(message.encode(), subscribe);

    let unsubscribe = include_str!("fixtures/unsubscribe.json").trim_end();
    let message = ClientMessage::decode(unsubscribe).unwrap();
    assert_eq!(
        message,
        ClientMessage::Unsubscribe {
            execution_id: "exec_abc123".into()
        }
    );
    assert_eq!(message.encode(), unsubscribe);

    let response = include_str!("fixtures/user-input-response.json").trim_end();
    assert_eq!(ClientMessage::decode(response).unwrap().encode(), response);
}

#[test]
fn acknowledgement_examples_round_trip() {
    let subscribed = include_str!("fixtures/subscribed.json").trim_end();
    let message = ServerMessage::decode(subscribed).unwrap();
    assert_eq!(
        message,
        ServerMessage::Subscribed(Subscribed {
            execution_id: "exec_abc123".into(),
            position: None,
        })
    );
    assert_eq!(message.encode(), subscribed);

    let unsubscribed = include_str!("fixtures/unsubscribed.json").trim_end();
    let message = ServerMessage::decode(unsubscribed).unwrap();
    assert_eq!(
        message,
        ServerMessage::Unsubscribed {
            execution_id: "exec_abc123".into()
        }
    );
    assert_eq!(message.encode(), unsubscribed);
}

#[test]
fn unknown_fields_survive() {
    for (event_type, text) in EXAMPLES {
        let extra = r#","seq":7,"nested":{"deep":[1,null,"ü"]},"__proto__":{"type":"x"}}"#;
        let text = format!("{}{extra}", text.trim_end().strip_suffix('}').unwrap());
        let event = Event::decode(&text).unwrap();
        assert_eq!(event.event_type(), *event_type);
        assert_eq!(event.encode(), text);
    }
}

#[test]
fn unknown_types_survive() {
    let text = r#"{"type":"node:paused","executionId":"exec_1","until":5}"#;
    let message = ServerMessage::decode(text).unwrap();
    assert_eq!(message, ServerMessage::Unknown(Json::parse(text).unwrap()));
    assert_eq!(message.encode(), text);
}

#[test]
fn the_error_frame_round_trips() {
    let text = r#"{"type":"error","code":"forbidden","message":"No.","executionId":"exec_1"}"#;
    assert_eq!(ServerMessage::decode(text).unwrap().encode(), text);
    let text = r#"{"type":"error","code":"invalid_message","message":"No."}"#;
    assert_eq!(ServerMessage::decode(text).unwrap().encode(), text);
}
