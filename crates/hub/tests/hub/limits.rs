//! What one client may take, and what happens beyond.

use flowmaestro_hub::{Config, ConnectionId, Owner, RegisterError};

use crate::support::*;

const TOO_LARGE: &str =
    r#"{"type":"error","code":"too_large","message":"The message is larger than 65536 bytes"}"#;

#[test]
fn messages_over_64_kib_close_with_1009() {
    let mut world = World::new();
    world.connect(1, "alice");
    world.hello(1, &[]);
    world.send(1, &"x".repeat(64 * 1024));
    assert!(
        world
            .take(1)
            .concat()
            .contains(r#""code":"invalid_message""#)
    );
    world.send(1, &"x".repeat(64 * 1024 + 1));
    assert_eq!(world.take(1), [TOO_LARGE]);
    let close = world.socket(1).closed.unwrap();
    assert_eq!(
        (close.code, close.reason, close.discard),
        (1009, "Message too large", false)
    );
    world.send(1, "nonsense");
    assert_eq!(world.take(1), [""; 0], "what comes after that is not read");
}

#[test]
fn binary_messages_are_none_of_the_protocol() {
    let mut world = World::new();
    world.connect(1, "alice");
    world.hello(1, &[]);
    world.hub.receive_binary(START, ConnectionId(1), 64 * 1024);
    world.advance(0);
    assert_eq!(
        world.take(1),
        [r#"{"type":"error","code":"invalid_message","message":"messages are text frames"}"#]
    );
    world
        .hub
        .receive_binary(START, ConnectionId(1), 64 * 1024 + 1);
    world.advance(0);
    assert_eq!(world.take(1), [TOO_LARGE]);
    assert_eq!(world.close_code(1), Some(1009));
}

#[test]
fn subscriptions_are_bounded_rooms_included() {
    let mut world = World::new();
    let mut identity = flowmaestro_hub::Identity::user("alice", START.plus(TOKEN_MS));
    identity.workspaces = ["w".to_owned(), "v".to_owned()].into();
    world.connect_as(1, identity);
    world.hello(1, &["rooms"]);
    world.send(1, r#"{"type":"subscribe","room":"workspace:w"}"#);
    for number in 1..128 {
        world.register(&format!("exec_{number}"), "alice");
        world.subscribe(1, &format!("exec_{number}"));
    }
    assert_eq!(world.take(1).len(), 128);
    world.register("one_more", "alice");
    world.subscribe(1, "one_more");
    assert_eq!(
        world.take(1),
        [
            r#"{"type":"error","code":"too_many_subscriptions","message":"The connection has as many subscriptions as it may: unsubscribe from some first","executionId":"one_more"}"#
        ]
    );
    world.send(1, r#"{"type":"subscribe","room":"workspace:v"}"#);
    assert_eq!(
        world.take(1),
        [
            r#"{"type":"error","code":"too_many_subscriptions","message":"The connection has as many subscriptions as it may: unsubscribe from some first","room":"workspace:v"}"#
        ]
    );
    world.subscribe(1, "exec_1");
    assert!(
        world.take(1).concat().contains("subscribed"),
        "held already"
    );
    world.unsubscribe(1, "exec_1");
    world.take(1);
    world.subscribe(1, "one_more");
    assert!(world.take(1).concat().contains("subscribed"));
    assert_eq!(world.hub.counters().too_many_subscriptions, 2);
}

#[test]
fn invalid_messages_are_ignored_without_hello() {
    let mut world = World::new();
    world.register("exec_1", "alice");
    world.connect(1, "alice");
    let long_id = "x".repeat(129);
    let invalid = [
        "",
        "not json",
        "[]",
        "{}",
        r#"{"type":7}"#,
        r#"{"type":"nonsense"}"#,
        r#"{"type":"subscribe"}"#,
        r#"{"type":"subscribe","executionId":""}"#,
        &format!(r#"{{"type":"subscribe","executionId":"{long_id}"}}"#),
        r#"{"type":"execution:started","executionId":"e"}"#,
        // Of features that nobody switched on.
        r#"{"type":"replay","executionId":"exec_1","since":0}"#,
        r#"{"type":"ack","eventId":"e"}"#,
        r#"{"type":"ping","id":1}"#,
        r#"{"type":"auth","token":"t"}"#,
        r#"{"type":"subscribe","room":"workspace:w"}"#,
        r#"{"type":"unsubscribe","room":"workspace:w"}"#,
    ];
    for text in invalid {
        world.send(1, text);
    }
    assert_eq!(world.take(1), [""; 0]);
    assert_eq!(world.hub.counters().invalid_messages, invalid.len() as u64);
    assert!(world.tokens.is_empty());
}

#[test]
fn invalid_messages_are_named_after_hello() {
    let mut world = World::new();
    world.connect(1, "alice");
    world.hello(1, &["replay", "something of the future"]);
    world.send(1, r#"{"type":"subscribe","executionId":7}"#);
    assert_eq!(
        world.take(1),
        [
            r#"{"type":"error","code":"invalid_message","message":"subscribe.executionId: expected string, found number"}"#
        ]
    );
    world.send(1, r#"{"type":"ping","id":1}"#);
    assert_eq!(
        world.take(1),
        [
            r#"{"type":"error","code":"invalid_message","message":"a feature that is not switched on"}"#
        ]
    );
}

#[test]
fn a_hundred_invalid_messages_in_ten_seconds_close_with_1008() {
    let mut world = World::new();
    for (id, pause, closed) in [(1, 0, true), (2, 100, true), (3, 102, false)] {
        world.connect(id, "alice");
        for _ in 0..99 {
            world.send(id, "nonsense");
            world.advance(pause);
            assert_eq!(world.close_code(id), None);
        }
        world.send(id, "nonsense");
        let close = world.socket(id).closed;
        assert_eq!(close.is_some(), closed, "with a pause of {pause} ms");
        if let Some(close) = close {
            assert_eq!(
                (close.code, close.reason, close.discard),
                (1008, "Too many invalid messages", false)
            );
        }
    }
}

#[test]
fn executions_are_bounded_and_the_earliest_ended_makes_room() {
    let config = Config {
        max_executions: 2,
        ..config()
    };
    let mut world = World::with(config);
    world.register("exec_1", "alice");
    world.register("exec_2", "alice");
    let full = world
        .hub
        .register(START, "exec_3", Owner::user("alice"), &[]);
    assert_eq!(full, Err(RegisterError::Full { max: 2 }));
    world.emit(failed("exec_2"));
    world.emit(failed("exec_1"));
    world.register("exec_3", "alice");
    assert!(world.hub.execution("exec_2").is_none());
    assert!(world.hub.execution("exec_1").is_some());
    assert_eq!(world.hub.history().len(), 1, "its history is gone as well");
    let long = "x".repeat(129);
    for id in ["", &long] {
        let refused = world.hub.register(START, id, Owner::user("alice"), &[]);
        assert_eq!(refused, Err(RegisterError::InvalidId));
    }
}
