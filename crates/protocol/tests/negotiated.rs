//! The messages that only two ends which said so exchange.
#![cfg(feature = "json")]
#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use flowmaestro_protocol::{
    ClientMessage, DecodeErrorKind, Feature, Features, MAX_ID_BYTES, MAX_TOKEN_BYTES, Room,
    ServerMessage,
};

const CLIENT: &[&str] = &[
    r#"{"type":"hello","features":["replay","later"]}"#,
    r#"{"type":"subscribe","executionId":"exec_1","after":7,"epoch":"e1"}"#,
    r#"{"type":"subscribe","executionId":"exec_1","presence":true}"#,
    r#"{"type":"subscribe","room":"workspace:w1"}"#,
    r#"{"type":"unsubscribe","room":"project:p1"}"#,
    r#"{"type":"replay","executionId":"exec_1","since":1698765430000}"#,
    r#"{"type":"ack","eventId":"evt_1"}"#,
    r#"{"type":"ping","id":3}"#,
    r#"{"type":"auth","token":"header.payload.signature"}"#,
    r#"{"type":"user:input:response","timestamp":1,"executionId":"e","nodeId":"n","value":[1],"messageId":"m1"}"#,
];

const SERVER: &[&str] = &[
    r#"{"type":"subscribed","executionId":"exec_1","epoch":"e1","head":9,"recovered":true}"#,
    r#"{"type":"subscribed","room":"workspace:w1"}"#,
    r#"{"type":"unsubscribed","room":"project:p1"}"#,
    r#"{"type":"replayed","executionId":"exec_1","since":5,"count":2,"complete":false}"#,
    r#"{"type":"ack","messageId":"m1"}"#,
    r#"{"type":"presence","executionId":"exec_1","viewers":[{"userId":"ada","connections":2,"since":5}]}"#,
    r#"{"type":"pong","id":3,"heads":{"exec_1":9}}"#,
    r#"{"type":"authenticated","expiresAt":1698765430000}"#,
    r#"{"type":"auth:expiring","expiresAt":1698765430000}"#,
    r#"{"type":"error","code":"rate_limited","message":"No.","messageId":"m1"}"#,
];

#[test]
fn messages_round_trip() {
    for text in CLIENT {
        assert_eq!(ClientMessage::decode(text).unwrap().encode(), *text);
    }
    for text in SERVER {
        let message = ServerMessage::decode(text).unwrap();
        assert!(!matches!(message, ServerMessage::Unknown(_)), "{text}");
        assert_eq!(message.encode(), *text);
    }
}

#[test]
fn what_is_wrong_is_named() {
    let long = "x".repeat(MAX_ID_BYTES + 1);
    let token = "x".repeat(MAX_TOKEN_BYTES + 1);
    let cases = [
        ("after", r#"{"type":"subscribe","executionId":"e","after":-1}"#.to_owned()),
        ("after", r#"{"type":"subscribe","executionId":"e","after":1.5}"#.into()),
        ("after", r#"{"type":"subscribe","executionId":"e","after":9007199254740992}"#.into()),
        ("after", r#"{"type":"subscribe","executionId":"e","after":"7"}"#.into()),
        ("after", r#"{"type":"subscribe","executionId":"e","after":1e400}"#.into()),
        ("epoch", r#"{"type":"subscribe","executionId":"e","epoch":7}"#.into()),
        ("epoch", format!(r#"{{"type":"subscribe","executionId":"e","epoch":"{long}"}}"#)),
        ("presence", r#"{"type":"subscribe","executionId":"e","presence":1}"#.into()),
        ("executionId", r#"{"type":"subscribe"}"#.into()),
        ("room", r#"{"type":"subscribe","room":"lobby"}"#.into()),
        ("room", r#"{"type":"subscribe","room":"workspace:"}"#.into()),
        ("room", r#"{"type":"unsubscribe","room":"planet:mars"}"#.into()),
        ("since", r#"{"type":"replay","executionId":"e"}"#.into()),
        ("eventId", format!(r#"{{"type":"ack","eventId":"{long}"}}"#)),
        ("id", r#"{"type":"ping"}"#.into()),
        ("token", r#"{"type":"auth","token":""}"#.into()),
        ("token", format!(r#"{{"type":"auth","token":"{token}"}}"#)),
        ("messageId", r#"{"type":"user:input:response","timestamp":1,"executionId":"e","nodeId":"n","value":1,"messageId":""}"#.into()),
        ("features", r#"{"type":"hello","features":"replay"}"#.into()),
    ];
    for (field, text) in cases {
        let error = ClientMessage::decode(&text).unwrap_err();
        assert_eq!(error.field(), Some(field), "{text}");
        assert!(error.message_type().is_some_and(|name| name != "message"));
    }
    let cases = [
        (
            "head",
            r#"{"type":"subscribed","executionId":"e","epoch":"e1","recovered":true}"#,
        ),
        (
            "recovered",
            r#"{"type":"subscribed","executionId":"e","epoch":"e1","head":1,"recovered":1}"#,
        ),
        ("heads", r#"{"type":"pong","id":1,"heads":{"e":"many"}}"#),
        (
            "heads",
            r#"{"type":"pong","id":1,"heads":{"e":9007199254740993}}"#,
        ),
        (
            "viewers",
            r#"{"type":"presence","executionId":"e","viewers":{}}"#,
        ),
        (
            "userId",
            r#"{"type":"presence","executionId":"e","viewers":[{"connections":1,"since":1}]}"#,
        ),
        ("code", r#"{"type":"error","code":"odd","message":"No."}"#),
    ];
    for (field, text) in cases {
        assert_eq!(
            ServerMessage::decode(text).unwrap_err().field(),
            Some(field),
            "{text}"
        );
    }
}

#[test]
fn an_unknown_type_is_told_apart() {
    let error = ClientMessage::decode(r#"{"type":"batch","events":[]}"#).unwrap_err();
    assert_eq!(*error.kind(), DecodeErrorKind::UnknownType);
}

#[test]
fn a_token_is_in_no_debug_output() {
    let message = ClientMessage::decode(r#"{"type":"auth","token":"s3cret"}"#).unwrap();
    assert!(!format!("{message:?}").contains("s3cret"));
}

#[test]
fn features_are_sets() {
    let named = Features::from_names(["ping", "later", "replay"]);
    assert_eq!(
        named.iter().collect::<Vec<_>>(),
        [Feature::Replay, Feature::Ping]
    );
    assert_eq!(
        named.intersection(Features::from_names(["ping"])),
        Features::from_names(["ping"])
    );
    assert!(
        named
            .without(Feature::Ping)
            .without(Feature::Replay)
            .is_empty()
    );
    assert_eq!(Features::ALL.iter().count(), Feature::ALL.len());
    assert_eq!(
        ClientMessage::hello(named).encode(),
        r#"{"type":"hello","features":["replay","ping"]}"#
    );
}

#[test]
fn rooms_are_workspaces_and_projects() {
    for name in ["workspace:w1", "project:a:b"] {
        assert_eq!(Room::new(name).unwrap().as_str(), name);
    }
    for name in ["", "workspace", "workspace:", "user:u1", "Workspace:w1"] {
        assert_eq!(Room::new(name), None, "{name}");
    }
}
