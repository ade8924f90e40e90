//! Clients that negotiate nothing: every byte as the baseline protocol has it.

use flowmaestro_hub::{
    Config, ConnectionId, EmitError, Hub, Identity, MemoryHistory, MemoryLimits,
};
use flowmaestro_protocol::{EventType, Features};

use crate::support::*;

#[test]
fn the_welcome_offers_the_features() {
    for (features, heartbeat_ms, expected) in [
        (Features::NONE, None, r#""features":[]"#),
        (
            Features::ALL,
            Some(25_000),
            r#""features":["replay","ack","batch","gzip","presence","rooms","ping","auth"],"heartbeatMs":25000"#,
        ),
    ] {
        let config = Config {
            features,
            heartbeat_ms,
            ..Config::default()
        };
        let mut world = World::with(config);
        world.sockets.insert(7, Socket::default());
        let identity = Identity::user("alice", START.plus(TOKEN_MS));
        world
            .hub
            .connect(START, ConnectionId(7), identity, "a-uuid");
        world.advance(0);
        let expected = format!(
            r#"{{"type":"connected","connectionId":"a-uuid","message":"Connected to FlowMaestro WebSocket",{expected}}}"#
        );
        assert_eq!(world.take(7), [expected]);
    }
}

#[test]
fn subscribing_and_unsubscribing_are_acknowledged() {
    let mut world = World::new();
    world.register("exec_1", "alice");
    world.connect(1, "alice");
    for _ in 0..2 {
        world.subscribe(1, "exec_1");
        assert_eq!(
            world.take(1),
            [r#"{"type":"subscribed","executionId":"exec_1"}"#]
        );
        assert_eq!(world.hub.execution_subscriber_count("exec_1"), 1);
    }
    for _ in 0..2 {
        world.unsubscribe(1, "exec_1");
        assert_eq!(
            world.take(1),
            [r#"{"type":"unsubscribed","executionId":"exec_1"}"#]
        );
        assert_eq!(world.hub.execution_subscriber_count("exec_1"), 0);
    }
    assert_eq!(world.emit(stream("exec_1", "late")).receivers, 0);
    assert_eq!(world.take(1), [""; 0]);
}

/// Features change nothing for those who did not ask for them.
#[test]
fn events_have_no_byte_more_than_they_were_emitted_with() {
    let mut world = World::new();
    world.register("exec_1", "alice");
    world.connect(1, "alice");
    world.subscribe(1, "exec_1");
    world.take(1);
    for event in [
        stream("exec_1", "a"),
        question("exec_1"),
        failed("exec_1"),
        event(
            r#"{"type":"node:failed","timestamp":1,"executionId":"exec_1","nodeId":"n","error":"e","ack":1,"eventId":"own","seq":7}"#,
        ),
    ] {
        let text = event.encode();
        assert_eq!(world.emit(event).receivers, 1);
        assert_eq!(world.take(1), [text]);
    }
}

#[test]
fn what_a_subscription_asks_for_beyond_the_baseline_is_ignored() {
    let mut world = World::new();
    world.register("exec_1", "alice");
    world.stream("exec_1", 3);
    world.connect(1, "alice");
    world.send(
        1,
        r#"{"type":"subscribe","executionId":"exec_1","after":1,"epoch":"epoch-1","presence":true}"#,
    );
    assert_eq!(
        world.take(1),
        [r#"{"type":"subscribed","executionId":"exec_1"}"#]
    );
    world.advance(1_000);
    assert_eq!(world.take(1), [""; 0]);
}

#[test]
fn only_subscribers_get_an_executions_events() {
    let mut world = World::new();
    world.register("exec_1", "alice");
    world.register("exec_2", "alice");
    for id in 1..=3 {
        world.connect(id, "alice");
    }
    world.subscribe(1, "exec_1");
    world.subscribe(2, "exec_2");
    assert_eq!(world.emit(stream("exec_1", "a")).receivers, 1);
    assert_eq!(world.take(1).len(), 2);
    assert_eq!(world.take(2).len(), 1);
    assert_eq!(world.take(3).len(), 0);
}

#[test]
fn document_events_reach_every_connection_of_their_owner_and_nobody_else() {
    let mut world = World::new();
    world.connect(1, "alice");
    world.connect(2, "alice");
    world.connect_with(3, "bob", &["replay"]);
    assert_eq!(world.emit_to_user("alice", document(1)).receivers, 2);
    assert_eq!(world.take(1), [document(1).encode()]);
    assert_eq!(world.take(2), [document(1).encode()]);
    assert_eq!(world.take(3), [""; 0]);
}

#[test]
fn what_cannot_be_emitted_is_said() {
    let mut world = World::new();
    let refused = world.try_emit(document(1));
    let event_type = EventType::DocumentCompleted;
    assert_eq!(refused, Err(EmitError::OwnerRequired(event_type)));
    let welcome = event(r#"{"type":"connected","connectionId":"c","message":"m"}"#);
    let event_type = EventType::ConnectionEstablished;
    assert_eq!(
        world.try_emit(welcome),
        Err(EmitError::ConnectionScoped(event_type))
    );
    let refused = world.try_emit(stream("exec_1", "a"));
    assert_eq!(refused, Err(EmitError::UnregisteredExecution));
    assert_eq!(world.hub.counters().unregistered_executions, 1);
}

/// It travels from clients to backends.
#[test]
fn an_answer_is_sent_to_nobody() {
    let mut world = World::new();
    world.register("exec_1", "alice");
    world.connect(1, "alice");
    world.subscribe(1, "exec_1");
    world.take(1);
    let answer = event(
        r#"{"type":"user:input:response","timestamp":1,"executionId":"exec_1","nodeId":"n","value":1}"#,
    );
    assert_eq!(world.emit(answer).receivers, 0);
    assert_eq!(world.take(1), [""; 0]);
    assert_eq!(world.emit(stream("exec_1", "a")).seq, Some(1));
}

#[test]
fn answers_reach_the_backends_with_the_user_of_the_token() {
    let mut world = World::new();
    world.register("exec_1", "alice");
    world.connect(1, "alice");
    world.send(
        1,
        r#"{"type":"user:input:response","timestamp":5,"executionId":"exec_1","nodeId":"n","userId":"bob","value":{"ok":true},"messageId":"m1"}"#,
    );
    let [(user_id, response)] = &world.answers[..] else {
        panic!("expected one answer")
    };
    assert_eq!(user_id, "alice");
    let expected = event(
        r#"{"type":"user:input:response","timestamp":5,"executionId":"exec_1","nodeId":"n","value":{"ok":true},"userId":"alice"}"#,
    );
    assert_eq!(
        flowmaestro_protocol::Event::from(response.clone()),
        expected
    );
    assert_eq!(world.take(1), [""; 0], "a baseline server says nothing");
}

#[test]
fn without_features_nothing_is_kept() {
    let config = Config {
        features: Features::NONE,
        ..Config::default()
    };
    let mut world = World::with(config);
    world.register("exec_1", "alice");
    world.connect_with(1, "alice", &["replay", "ack"]);
    world.subscribe(1, "exec_1");
    assert_eq!(world.emit(failed("exec_1")).seq, None);
    assert_eq!(
        world.take(1),
        [
            r#"{"type":"subscribed","executionId":"exec_1"}"#,
            &failed("exec_1").encode()
        ]
    );
    assert!(world.hub.history().is_empty());
    assert_eq!(world.hub.counts().unacknowledged, 0);
}

#[test]
fn a_restart_closes_all_with_1012_after_what_waits() {
    let mut world = World::new();
    world.connect(1, "alice");
    world.hub.shut_down(START);
    world.advance(0);
    let close = world.socket(1).closed.unwrap();
    assert_eq!((close.code, close.discard), (1012, false));
}

#[test]
fn a_hub_can_be_moved_to_another_thread() {
    fn assert_send<T: Send>(_: &T) {}
    assert_send(&Hub::new(
        Config::default(),
        MemoryHistory::new("e", MemoryLimits::default()),
    ));
}
