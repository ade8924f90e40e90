//! What is left when everybody has gone.

use flowmaestro_hub::{Config, Counts, Identity};

use crate::support::*;

const ALL: &[&str] = &[
    "replay", "ack", "batch", "gzip", "presence", "rooms", "ping", "auth",
];

/// A world in which every kind of state is in use.
fn busy() -> World {
    let mut world = World::with(Config {
        queue_frames: 10,
        ..Config::default()
    });
    for execution_id in ["exec_1", "exec_2"] {
        world.register_in(execution_id, "alice", &["workspace:w"]);
        world.stream(execution_id, 50);
    }
    for id in 1..=4 {
        let mut identity = Identity::user(["alice", "bob"][id as usize % 2], START.plus(TOKEN_MS));
        identity.workspaces.insert("w".to_owned());
        world.connect_as(id, identity);
        world.hello(id, ALL);
        world.block(id);
        world.send(
            id,
            r#"{"type":"subscribe","executionId":"exec_1","presence":true}"#,
        );
        world.send(id, r#"{"type":"subscribe","room":"workspace:w"}"#);
        world.send(id, r#"{"type":"replay","executionId":"exec_2","since":0}"#);
        world.send(
            id,
            r#"{"type":"user:input:response","timestamp":1,"executionId":"exec_1","nodeId":"n","value":1,"messageId":"m1"}"#,
        );
        world.emit(question("exec_2"));
        world.emit(failed("exec_1"));
    }
    world
}

fn assert_nothing_of_connections(world: &World, timers: usize) {
    assert!(world.hub.is_empty());
    let counts = world.hub.counts();
    let expected = Counts {
        timers,
        executions: counts.executions,
        unacknowledged: counts.unacknowledged,
        message_ids: counts.message_ids,
        ..Counts::default()
    };
    assert_eq!(counts, expected);
}

#[test]
fn disconnecting_leaves_nothing() {
    let mut world = busy();
    assert!(!world.hub.is_empty());
    for id in 1..=4 {
        world.disconnect(id);
    }
    // Those of the two users' messageIds.
    assert_nothing_of_connections(&world, 2);
}

#[test]
fn a_close_leaves_the_connection_alone() {
    let mut world = busy();
    world.hub.shut_down(world.now);
    let counts = world.hub.counts();
    assert_eq!((counts.connections, counts.users), (4, 0));
    assert_eq!((counts.subscriptions, counts.room_subscriptions), (0, 0));
    for id in 1..=4 {
        world.disconnect(id);
    }
    assert_nothing_of_connections(&world, 2);
}

#[test]
fn time_takes_the_rest() {
    let mut world = busy();
    for id in 1..=4 {
        world.disconnect(id);
    }
    world.emit(failed("exec_2"));
    world.advance(config().execution_retention_ms);
    assert_eq!(world.hub.counts().executions, 2, "exactly an hour is kept");
    world.advance(1);
    assert_eq!(world.hub.counts(), Counts::default());
    assert_eq!(
        (world.hub.history().len(), world.hub.history().bytes()),
        (0, 0)
    );
    assert_eq!(world.hub.next_deadline(), None);
}

#[test]
fn a_number_that_is_used_again_is_a_new_connection() {
    let mut world = busy();
    world.connect(1, "carol");
    assert_eq!(world.hub.counts().connections, 4);
    assert_eq!(world.hub.user_connection_count("carol"), 1);
    assert_eq!(world.hub.execution_subscriber_count("exec_1"), 3);
    for id in 1..=4 {
        world.disconnect(id);
        world.disconnect(9);
    }
    assert_nothing_of_connections(&world, 2);
}

#[test]
fn what_is_said_of_unknown_connections_is_ignored() {
    let mut world = World::new();
    let id = flowmaestro_hub::ConnectionId(9);
    world
        .hub
        .receive(START, id, r#"{"type":"hello","features":[]}"#);
    world.hub.receive_binary(START, id, 1);
    world.hub.written(START, id, 1);
    world.hub.token_verified(START, id, None);
    world.hub.disconnect(START, id);
    assert!(world.hub.is_empty());
    assert_eq!(world.hub.poll_effect(), None);
}

#[test]
fn more_frames_than_were_sent_cannot_be_written() {
    let mut world = World::new();
    world.connect(1, "alice");
    world
        .hub
        .written(START, flowmaestro_hub::ConnectionId(1), 1_000);
    assert_eq!(world.hub.counts().queued_bytes, 0);
}

#[test]
fn an_execution_that_runs_again_is_kept() {
    let mut world = World::new();
    world.register("exec_1", "alice");
    world.emit(failed("exec_1"));
    world.register("exec_1", "alice");
    world.advance(2 * config().execution_retention_ms);
    assert_eq!(world.emit(failed("exec_1")).seq, Some(2));
    world.emit(stream("exec_1", "after its end"));
    world.advance(config().execution_retention_ms + 1);
    assert_eq!(world.hub.counts().executions, 0);
}
