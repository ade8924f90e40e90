//! What one client may take, and what happens beyond.

use flowmaestro_hub::{Close, Config, ConnectionId, Owner, RegisterError};

use crate::support::*;

const TOO_LARGE: &str =
    r#"{"type":"error","code":"too_large","message":"The message is larger than 65536 bytes"}"#;

const UNSUBSCRIBE: &str = r#"{"type":"unsubscribe","executionId":"exec_1"}"#;

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

/// Sends a message as soon as that is allowed, and returns how long that took, in ms.
fn send_in_time(world: &mut World, id: u64, text: &str) -> u64 {
    let pause = world.hub.pause_ms(world.now, ConnectionId(id));
    world.advance(pause);
    let left = world.hub.pause_ms(world.now, ConnectionId(id));
    assert_eq!(left, 0, "a pause is long enough");
    world.send(id, text);
    pause
}

/// The connection is refused: it gets nothing but a close, and leaves nothing behind.
fn assert_refused(world: &mut World, id: u64, user_id: &str) {
    let before = world.hub.counts();
    world.sockets.insert(id, Socket::default());
    let identity = flowmaestro_hub::Identity::user(user_id, world.now.plus(TOKEN_MS));
    world
        .hub
        .connect(world.now, ConnectionId(id), identity, "uuid");
    world.advance(0);
    let close = world.socket(id).closed.unwrap();
    assert_eq!(
        (close.code, close.reason, close.discard),
        (1013, "Too many connections", true)
    );
    assert_eq!(world.hub.counts(), before);
    world.send(id, r#"{"type":"hello","features":[]}"#);
    world.disconnect(id);
    assert_eq!(world.hub.counts(), before);
}

#[test]
fn a_user_has_twenty_connections() {
    let mut world = World::new();
    for id in 1..=20 {
        world.connect(id, "alice");
    }
    assert_refused(&mut world, 21, "alice");
    world.connect(22, "bob");
    world.disconnect(7);
    world.connect(23, "alice");
    assert_refused(&mut world, 24, "alice");
    assert_eq!(world.hub.counters().too_many_user_connections, 2);
    assert_eq!(world.hub.user_connection_count("alice"), 20);
}

/// A client that reads too slowly comes back before its old socket has ended.
#[test]
fn a_connection_that_is_closing_makes_room_for_its_user() {
    let mut world = World::with(Config {
        max_user_connections: 1,
        ..config()
    });
    world.connect(1, "alice");
    let close = Close {
        code: 4408,
        reason: "Too slow",
        discard: true,
    };
    world.hub.close(world.now, ConnectionId(1), close);
    world.connect(2, "alice");
}

#[test]
fn all_users_together_have_so_many_connections() {
    let mut world = World::with(Config {
        max_connections: 2,
        ..config()
    });
    world.connect(1, "alice");
    world.connect(2, "bob");
    assert_refused(&mut world, 3, "carol");
    world.disconnect(1);
    world.connect(3, "carol");
    assert_eq!(world.hub.counters().too_many_connections, 1);
}

#[test]
fn a_connection_that_should_have_sent_pings_makes_room_for_its_user() {
    let mut world = World::with(Config {
        max_user_connections: 3,
        ..config()
    });
    world.connect_with(1, "alice", &["ping"]);
    world.connect_with(2, "alice", &["ping"]);
    world.connect_with(3, "alice", &["replay"]);
    world.advance(50_000);
    world.send(1, r#"{"type":"ping","id":1}"#);
    assert_refused(&mut world, 4, "alice");
    world.advance(1);
    world.connect(5, "alice");
    let close = world.socket(2).closed.unwrap();
    assert_eq!((close.code, close.reason), (1013, "No sign of life"));
    assert_refused(&mut world, 6, "alice");
    assert_eq!(world.hub.counters().silent_connections, 1);
}

#[test]
fn a_client_sends_fifty_messages_a_second_after_a_hundred_at_once() {
    let mut world = World::new();
    world.connect(1, "alice");
    for _ in 0..100 {
        assert_eq!(send_in_time(&mut world, 1, UNSUBSCRIBE), 0);
    }
    for _ in 0..50 {
        assert_eq!(send_in_time(&mut world, 1, UNSUBSCRIBE), 20);
    }
    world.advance(500);
    for _ in 0..25 {
        assert_eq!(send_in_time(&mut world, 1, UNSUBSCRIBE), 0);
    }
    assert_eq!(send_in_time(&mut world, 1, UNSUBSCRIBE), 20);
    world.advance(60_000);
    for _ in 0..100 {
        assert_eq!(send_in_time(&mut world, 1, UNSUBSCRIBE), 0, "never more");
    }
    assert_eq!(send_in_time(&mut world, 1, UNSUBSCRIBE), 20);
    assert_eq!(world.take(1).len(), 277, "none is lost");
    assert_eq!(world.hub.pause_ms(world.now, ConnectionId(9)), 0);
}

#[test]
fn a_clock_that_goes_back_makes_nobody_wait_for_it() {
    let mut world = World::new();
    world.connect(1, "alice");
    for _ in 0..100 {
        world.send(1, UNSUBSCRIBE);
    }
    world.now = world.now.minus(60 * 60 * 1_000);
    assert_eq!(world.hub.pause_ms(world.now, ConnectionId(1)), 20);
    world.now = world.now.plus(20);
    assert_eq!(world.hub.pause_ms(world.now, ConnectionId(1)), 0);
}

/// A page that comes back with all that a connection may hold, twice over, and its questions.
#[test]
fn a_page_that_comes_back_loses_nothing() {
    let mut world = World::new();
    world.connect_with(1, "alice", &["replay", "ack"]);
    for number in 0..128 {
        world.register(&format!("exec_{number}"), "alice");
        world.emit(question(&format!("exec_{number}")));
    }
    let mut waited = 0;
    for number in 0..128 {
        let text = format!(r#"{{"type":"subscribe","executionId":"exec_{number}"}}"#);
        waited += send_in_time(&mut world, 1, &text);
    }
    let questions = world.take_json(1);
    let questions: Vec<_> = questions.iter().filter(|it| it["ack"] == true).collect();
    assert_eq!(questions.len(), 128);
    for question in questions {
        let text = format!(r#"{{"type":"ack","eventId":{}}}"#, question["eventId"]);
        waited += send_in_time(&mut world, 1, &text);
    }
    assert_eq!(world.hub.counts().unacknowledged, 0);
    assert!(waited < 1_000, "{waited} ms");
    assert_eq!(world.close_code(1), None);
}

#[test]
fn acknowledgements_are_free_as_far_as_they_answer_something() {
    let mut world = World::new();
    world.register("exec_1", "alice");
    world.connect_with(1, "alice", &["ack"]);
    world.subscribe(1, "exec_1");
    world.stream("exec_1", 500);
    for _ in 0..500 {
        let ack = r#"{"type":"ack","eventId":"any"}"#;
        assert_eq!(send_in_time(&mut world, 1, ack), 0);
    }
    // With the two messages before.
    for _ in 0..98 {
        let ack = r#"{"type":"ack","eventId":"any"}"#;
        assert_eq!(send_in_time(&mut world, 1, ack), 0);
    }
    assert_eq!(send_in_time(&mut world, 1, UNSUBSCRIBE), 20);
}

#[test]
fn a_flood_is_closed_with_1013() {
    let mut world = World::new();
    world.connect_with(1, "alice", &["ping"]);
    // Hello, what may come at once, and what more than that comes in ten seconds without a pause.
    for _ in 0..99 + 499 {
        send_in_time(&mut world, 1, UNSUBSCRIBE);
    }
    world.advance(2_001);
    for _ in 0..99 + 500 {
        send_in_time(&mut world, 1, UNSUBSCRIBE);
    }
    assert_eq!(world.close_code(1), None, "a pause is a new beginning");
    world.take(1);
    send_in_time(&mut world, 1, UNSUBSCRIBE);
    assert_eq!(
        world.take(1),
        [
            r#"{"type":"error","code":"rate_limited","message":"Too many messages: send fewer, or wait for the answers"}"#
        ]
    );
    let close = world.socket(1).closed.unwrap();
    assert_eq!(
        (close.code, close.reason, close.discard),
        (1013, "Too many messages", false)
    );
    assert_eq!(world.hub.counters().too_many_messages, 1);
    assert_eq!(
        world.hub.pause_ms(world.now, ConnectionId(1)),
        0,
        "the rest may be read away"
    );
}

/// Also where a bucket is full after each of its pauses.
#[test]
fn a_flood_is_one_whatever_the_limits() {
    for (messages_per_second, message_burst) in [(1, 1), (50, 1), (1, 100), (1_000, 2)] {
        let mut world = World::with(Config {
            messages_per_second,
            message_burst,
            ..config()
        });
        world.connect(1, "alice");
        let allowed = u64::from(message_burst) - 1 + 10 * u64::from(messages_per_second);
        for _ in 0..allowed {
            send_in_time(&mut world, 1, UNSUBSCRIBE);
        }
        assert_eq!(world.close_code(1), None);
        send_in_time(&mut world, 1, UNSUBSCRIBE);
        assert_eq!(world.close_code(1), Some(1013));
    }
}

#[test]
fn a_flood_of_nonsense_is_one_as_well() {
    let mut world = World::with(Config {
        max_invalid_messages: usize::MAX,
        ..config()
    });
    world.connect(1, "alice");
    for _ in 0..99 + 500 {
        world.send(1, "nonsense");
        assert_eq!(world.close_code(1), None);
    }
    world.hub.receive_binary(world.now, ConnectionId(1), 1);
    world.advance(0);
    assert_eq!(world.close_code(1), Some(1013));
}

#[test]
fn all_connections_of_a_user_are_closed_on_request() {
    let mut world = World::new();
    for (id, user_id) in [(1, "alice"), (2, "bob"), (3, "alice")] {
        world.connect(id, user_id);
    }
    world.register("exec_1", "alice");
    world.subscribe(3, "exec_1");
    let close = Close {
        code: 4401,
        reason: "Token revoked",
        discard: true,
    };
    assert_eq!(world.hub.disconnect_user(world.now, "alice", close), 2);
    world.advance(0);
    for id in [1, 3] {
        assert_eq!(world.socket(id).closed, Some(close));
    }
    assert_eq!(world.close_code(2), None);
    assert_eq!(world.emit(stream("exec_1", "late")).receivers, 0);
    assert_eq!(world.hub.counters().disconnected, 2);
    assert_eq!(world.hub.disconnect_user(world.now, "nobody", close), 0);
}
