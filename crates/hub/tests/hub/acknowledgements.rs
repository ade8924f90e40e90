//! Critical events until they are acknowledged, and client messages that come twice.

use flowmaestro_hub::{Config, Hub, MemoryLimits};

use crate::support::*;

const FEATURES: &[&str] = &["replay", "ack"];

fn ack(world: &mut World, id: u64, event_id: &str) {
    world.send(id, &format!(r#"{{"type":"ack","eventId":"{event_id}"}}"#));
}

/// A run with an unanswered question, then events, then its end.
fn run(world: &mut World) -> [String; 2] {
    world.emit(stream("exec_1", "a"));
    let question = world.emit(question("exec_1"));
    world.stream("exec_1", 3);
    let end = world.emit(failed("exec_1"));
    assert_eq!((question.seq, end.seq), (Some(2), Some(6)));
    [question, end].map(|emitted| emitted.event_id.unwrap().to_string())
}

#[test]
fn critical_events_ask_for_an_acknowledgement() {
    let mut world = World::new();
    world.register("exec_1", "alice");
    world.connect_with(1, "alice", FEATURES);
    world.subscribe(1, "exec_1");
    world.take(1);
    let completed = event(
        r#"{"type":"execution:completed","timestamp":1,"executionId":"exec_1","status":"completed","outputs":{},"duration":1}"#,
    );
    for (event, asks) in [
        (stream("exec_1", "a"), false),
        (question("exec_1"), true),
        (completed, true),
        (failed("exec_1"), true),
    ] {
        world.emit(event);
        let frame = world.take_json(1).remove(0);
        assert_eq!(frame["ack"].as_bool(), asks.then_some(true));
    }
    assert_eq!(world.hub.counts().unacknowledged, 3);
}

#[test]
fn unacknowledged_events_come_again_before_newer_ones() {
    let mut world = World::new();
    world.register("exec_1", "alice");
    world.connect_with(1, "alice", FEATURES);
    world.subscribe(1, "exec_1");
    let [question, end] = run(&mut world);
    world.disconnect(1);
    world.stream("exec_1", 1);

    world.connect_with(2, "alice", FEATURES);
    world.resume(2, "exec_1", 6);
    assert_eq!(world.take_seqs(2), [0, 2, 6, 7]);
    ack(&mut world, 2, &question);
    world.resume(2, "exec_1", 7);
    assert_eq!(world.take_seqs(2), [0, 6]);
    world.resume(2, "exec_1", 3);
    assert_eq!(world.take_seqs(2), [0, 4, 5, 6, 7], "once, in its place");
    ack(&mut world, 2, &end);
    ack(&mut world, 2, &end);
    ack(&mut world, 2, "nonsense");
    world.resume(2, "exec_1", 7);
    assert_eq!(world.take_seqs(2), [0]);
    assert_eq!(world.hub.counts().unacknowledged, 0);
}

/// Or their numbers would look like holes, or like repetitions.
#[test]
fn what_comes_again_says_so() {
    let mut world = World::new();
    world.register("exec_1", "alice");
    world.connect_with(1, "alice", FEATURES);
    world.subscribe(1, "exec_1");
    world.take(1);
    world.emit(question("exec_1"));
    let first = world.take(1).concat();
    world.resume(1, "exec_1", 1);
    let again = world.take(1).pop().unwrap();
    let fields = first.strip_suffix('}').unwrap();
    assert_eq!(again, format!(r#"{fields},"redelivered":true}}"#));
    world.resume(1, "exec_1", 0);
    assert_eq!(
        world.take(1).pop().unwrap(),
        first,
        "in its place it is itself"
    );
}

#[test]
fn they_come_again_even_if_the_history_has_lost_them() {
    let limits = MemoryLimits {
        events: 1,
        ..MemoryLimits::default()
    };
    let mut world = World::with_limits(config(), limits);
    world.register("exec_1", "alice");
    run(&mut world);
    world.stream("exec_1", 4);
    world.connect_with(1, "alice", FEATURES);
    world.subscribe(1, "exec_1");
    let frames = world.take_json(1);
    assert_eq!(frames[0]["recovered"], false);
    let seqs: Vec<_> = frames.iter().map(|frame| frame["seq"].as_u64()).collect();
    assert_eq!(seqs, [None, Some(2), Some(6), Some(10)]);
}

#[test]
fn any_connection_of_the_user_may_acknowledge_and_nobody_else() {
    let mut world = World::new();
    world.register("exec_1", "alice");
    world.connect_with(1, "alice", FEATURES);
    world.connect_with(2, "bob", FEATURES);
    let [question, _] = run(&mut world);
    ack(&mut world, 2, &question);
    assert_eq!(world.hub.counts().unacknowledged, 2);
    ack(&mut world, 1, &question);
    assert_eq!(world.hub.counts().unacknowledged, 1);
}

#[test]
fn without_replay_they_come_again_as_well() {
    let mut world = World::new();
    world.register("exec_1", "alice");
    run(&mut world);
    world.connect_with(1, "alice", &["ack"]);
    world.subscribe(1, "exec_1");
    assert_eq!(world.take_seqs(1), [0, 2, 6]);
}

#[test]
fn without_the_feature_they_do_not() {
    let mut world = World::new();
    world.register("exec_1", "alice");
    run(&mut world);
    world.connect_with(1, "alice", &["replay"]);
    world.resume(1, "exec_1", 6);
    assert_eq!(world.take_seqs(1), [0]);
}

#[test]
fn many_of_them_wait_for_the_socket() {
    let mut world = hundred_questions();
    world.emit(stream("exec_1", "live"));
    world.unblock(1);
    assert_eq!(world.take_seqs(1), (0..=101).collect::<Vec<_>>());
    assert_eq!(world.close_code(1), None);
}

/// A hundred questions for a socket that takes a few.
fn hundred_questions() -> World {
    let config = Config {
        queue_frames: 10,
        ..config()
    };
    let mut world = World::with(config);
    world.register("exec_1", "alice");
    for _ in 0..100 {
        world.emit(question("exec_1"));
    }
    world.connect_with(1, "alice", FEATURES);
    world.block(1);
    world.resume(1, "exec_1", 100);
    world
}

#[test]
fn after_unsubscribing_none_comes() {
    let mut world = hundred_questions();
    world.unsubscribe(1, "exec_1");
    world.unblock(1);
    let frames = world.take_json(1);
    assert_eq!(frames.last().unwrap()["type"], "unsubscribed");
    assert!(frames.len() < 10);
}

#[test]
fn subscribing_again_begins_anew() {
    let mut world = hundred_questions();
    world.resume(1, "exec_1", 100);
    world.unblock(1);
    let frames = world.take_json(1);
    let mut after = frames.rsplit(|frame| frame["type"] == "subscribed");
    let seqs = after.next().unwrap().iter();
    assert!(seqs.filter_map(|frame| frame["seq"].as_u64()).eq(1..=100));
}

#[test]
fn they_are_bounded_per_user_and_the_oldest_goes() {
    let config = Config {
        max_unacknowledged: 3,
        ..config()
    };
    let mut world = World::with(config);
    for user in ["alice", "bob"] {
        world.register(user, user);
    }
    for _ in 0..5 {
        world.emit(question("alice"));
    }
    world.emit(question("bob"));
    assert_eq!(world.hub.counts().unacknowledged, 4);
    assert_eq!(world.hub.counters().unacknowledged_dropped, 2);
    world.connect_with(1, "alice", &["ack"]);
    world.subscribe(1, "alice");
    assert_eq!(world.take_seqs(1), [0, 3, 4, 5]);
}

#[test]
fn they_are_forgotten_with_their_execution() {
    let mut world = World::new();
    world.register("exec_1", "alice");
    run(&mut world);
    world.advance(config().execution_retention_ms);
    assert_eq!(world.hub.counts().unacknowledged, 2);
    world.advance(1);
    assert_eq!(world.hub.counts().unacknowledged, 0);
}

/// Nobody knows what was acknowledged: a repetition is harmless, a loss is not.
#[test]
fn a_history_that_outlives_its_hub_sends_them_again() {
    let mut world = World::new();
    world.register("exec_1", "alice");
    let [question, _] = run(&mut world);
    let mut world = World::with_hub(Hub::new(config(), world.hub.into_history()));
    world.register("exec_1", "alice");
    assert_eq!(world.hub.counts().unacknowledged, 2);
    world.connect_with(1, "alice", FEATURES);
    world.resume(1, "exec_1", 6);
    assert_eq!(world.take_seqs(1), [0, 2, 6]);
    ack(&mut world, 1, &question);
    assert_eq!(world.hub.counts().unacknowledged, 1);
}

fn answer(world: &mut World, id: u64, message_id: &str) -> String {
    world.send(
        id,
        &format!(
            r#"{{"type":"user:input:response","timestamp":1,"executionId":"exec_1","nodeId":"n","value":1,"messageId":"{message_id}"}}"#
        ),
    );
    world.take(id).concat()
}

#[test]
fn a_message_that_comes_twice_is_acknowledged_twice_and_acted_on_once() {
    let mut world = World::new();
    world.register("exec_1", "alice");
    world.connect_with(1, "alice", FEATURES);
    let taken = r#"{"type":"ack","messageId":"m1"}"#;
    assert_eq!(answer(&mut world, 1, "m1"), taken);
    world.disconnect(1);
    world.connect_with(2, "alice", FEATURES);
    assert_eq!(answer(&mut world, 2, "m1"), taken);
    assert_eq!(world.answers.len(), 1);
    answer(&mut world, 2, "m2");
    assert_eq!(world.answers.len(), 2);
    assert_eq!(world.hub.counters().repeated_messages, 1);
}

#[test]
fn a_refused_message_is_not_remembered() {
    let mut world = World::new();
    world.connect_with(1, "alice", FEATURES);
    assert!(answer(&mut world, 1, "m1").contains("forbidden"));
    world.register("exec_1", "alice");
    assert_eq!(
        answer(&mut world, 1, "m1"),
        r#"{"type":"ack","messageId":"m1"}"#
    );
    assert_eq!(world.answers.len(), 1);
}

#[test]
fn message_ids_belong_to_a_user() {
    let mut world = World::new();
    world.register_in("exec_1", "alice", &["workspace:w"]);
    world.connect_with(1, "alice", FEATURES);
    let mut bob = flowmaestro_hub::Identity::user("bob", START.plus(TOKEN_MS));
    bob.workspaces.insert("w".to_owned());
    world.connect_as(2, bob);
    world.hello(2, FEATURES);
    answer(&mut world, 1, "m1");
    answer(&mut world, 2, "m1");
    assert_eq!(world.answers.len(), 2);
}

#[test]
fn message_ids_are_remembered_for_an_hour_and_bounded() {
    let config = Config {
        max_message_ids: 2,
        ..config()
    };
    let mut world = World::with(config.clone());
    world.register("exec_1", "alice");
    world.connect_with(1, "alice", FEATURES);
    answer(&mut world, 1, "m1");
    world.advance(config.message_id_retention_ms / 2);
    answer(&mut world, 1, "m2");
    world.advance(config.message_id_retention_ms / 2 - 1);
    assert_eq!(world.hub.counts().message_ids, 2);
    world.advance(1);
    assert_eq!(world.hub.counts().message_ids, 1);
    answer(&mut world, 1, "m3");
    answer(&mut world, 1, "m4");
    assert_eq!(world.hub.counts().message_ids, 2);
    answer(&mut world, 1, "m2");
    assert_eq!(world.answers.len(), 5, "m2 made room for m4");
    world.advance(config.message_id_retention_ms);
    assert_eq!(world.hub.counts().message_ids, 0);
}
