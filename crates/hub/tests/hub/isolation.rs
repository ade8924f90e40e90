//! Nothing crosses users.

use crate::support::*;

const ALL: &[&str] = &["replay", "ack", "gzip", "presence", "rooms", "ping", "auth"];

/// What Alice receives, her messages being the same, with and without Bob's activity.
fn what_alice_receives(with_bob: bool) -> Vec<String> {
    let mut world = World::new();
    if with_bob {
        world.register_in("exec_bob", "bob", &["workspace:w"]);
        world.connect_with(2, "bob", ALL);
        world.subscribe(2, "exec_bob");
        world.stream("exec_bob", 7);
    }
    world.register("exec_alice", "alice");
    world.connect_with(1, "alice", ALL);
    for message in [
        r#"{"type":"subscribe","executionId":"exec_alice","presence":true}"#,
        r#"{"type":"subscribe","executionId":"exec_bob","after":3,"presence":true}"#,
        r#"{"type":"unsubscribe","executionId":"exec_bob"}"#,
        r#"{"type":"subscribe","room":"workspace:w"}"#,
        r#"{"type":"replay","executionId":"exec_bob","since":0}"#,
        r#"{"type":"user:input:response","timestamp":1,"executionId":"exec_bob","nodeId":"n","value":1,"messageId":"m"}"#,
    ] {
        world.send(1, message);
    }
    for number in 0..20 {
        if with_bob {
            world.emit(stream("exec_bob", "secret"));
            world.emit(question("exec_bob"));
            world.emit_to_user("bob", document(number));
            world.advance(3);
            world.disconnect(2);
            world.connect_with(2, "bob", ALL);
            world.subscribe(2, "exec_bob");
        } else {
            world.advance(3);
        }
        world.emit(stream("exec_alice", "a"));
        world.emit(question("exec_alice"));
        world.emit_to_user("alice", document(number));
        world.send(1, r#"{"type":"ping","id":1}"#);
    }
    world.advance(1_000);
    if with_bob {
        assert!(world.take(2).len() > 20, "Bob gets his own");
    }
    world.take(1)
}

#[test]
fn alice_receives_the_same_bytes_with_and_without_bob() {
    let alone = what_alice_receives(false);
    assert_eq!(alone, what_alice_receives(true));
    assert_eq!(alone.len(), 7 + 20 * 4);
}

#[test]
fn anothers_execution_is_answered_like_an_unknown_one() {
    let mut world = World::new();
    world.register("exec_1", "bob");
    world.connect(1, "alice");
    world.subscribe(1, "exec_1");
    assert_eq!(world.take(1), [""; 0]);
    world.hello(1, &[]);
    let mut answers = Vec::new();
    for execution_id in ["exec_1", "exec_2"] {
        world.subscribe(1, execution_id);
        answers.push(world.take(1).concat());
    }
    assert_eq!(
        answers[0],
        r#"{"type":"error","code":"forbidden","message":"The execution does not exist, or belongs to someone else","executionId":"exec_1"}"#
    );
    assert_eq!(answers[0].replace("exec_1", "exec_2"), answers[1]);
    assert_eq!(world.emit(stream("exec_1", "a")).receivers, 0);
    assert_eq!(world.hub.execution_subscriber_count("exec_1"), 0);
}

#[test]
fn a_subscription_does_not_outlive_its_execution() {
    let mut world = World::new();
    world.register("exec_1", "alice");
    world.connect_with(1, "alice", &["replay", "ping"]);
    world.subscribe(1, "exec_1");
    world.emit(stream("exec_1", "a"));
    world.take(1);
    assert!(world.hub.remove_execution(world.now, "exec_1"));
    assert!(!world.hub.remove_execution(world.now, "exec_1"));
    assert_eq!(world.hub.counts().subscriptions, 0);
    world.register("exec_1", "bob");
    assert_eq!(world.emit(stream("exec_1", "secret")).receivers, 0);
    world.send(1, r#"{"type":"ping","id":1}"#);
    assert_eq!(world.take(1), [r#"{"type":"pong","id":1,"heads":{}}"#]);
}

#[test]
fn an_answer_for_anothers_execution_is_refused() {
    let mut world = World::new();
    world.register("exec_1", "bob");
    world.connect_with(1, "alice", &["ack"]);
    world.send(
        1,
        r#"{"type":"user:input:response","timestamp":1,"executionId":"exec_1","nodeId":"n","value":1,"messageId":"m1"}"#,
    );
    let error = world.take(1).concat();
    assert!(error.contains(r#""code":"forbidden""#), "{error}");
    assert!(error.ends_with(r#""messageId":"m1"}"#), "{error}");
    assert!(world.answers.is_empty());
}

#[test]
fn an_execution_has_one_owner() {
    use flowmaestro_hub::{Owner, RegisterError};
    let mut world = World::new();
    world.register("exec_1", "alice");
    let theft = world
        .hub
        .register(world.now, "exec_1", Owner::user("bob"), &[]);
    assert_eq!(theft, Err(RegisterError::OwnedByAnother));
    assert_eq!(
        world.hub.execution("exec_1").unwrap().owner().user_id(),
        "alice"
    );
}
