//! The end of a token, and a new one in its place.

use flowmaestro_hub::{ConnectionId, Identity, Millis};

use crate::support::*;

const MINUTE: u64 = 60_000;

/// Alice, whose token ends in ten minutes.
fn connect(features: &[&str]) -> World {
    let mut world = World::new();
    world.register("exec_1", "alice");
    world.connect_as(1, Identity::user("alice", START.plus(10 * MINUTE)));
    world.hello(1, features);
    world
}

fn authenticate(world: &mut World, identity: Option<Identity>) -> Vec<String> {
    world.send(1, r#"{"type":"auth","token":"a.b.c"}"#);
    assert_eq!(world.tokens.pop(), Some((1, "a.b.c".to_owned())));
    world
        .hub
        .token_verified(world.now, ConnectionId(1), identity);
    world.advance(0);
    world.take(1)
}

#[test]
fn the_connection_ends_with_its_token() {
    let mut world = connect(&[]);
    world.subscribe(1, "exec_1");
    world.advance(10 * MINUTE - 1);
    assert_eq!(world.close_code(1), None);
    world.advance(1);
    let close = world.socket(1).closed.unwrap();
    assert_eq!(
        (close.code, close.reason, close.discard),
        (4401, "Token expired", true)
    );
    assert_eq!(world.hub.counters().expired_tokens, 1);
    assert_eq!(world.hub.counts().subscriptions, 0);
}

/// The machine may have slept: what comes next is not sent first.
#[test]
fn nothing_is_delivered_after_the_end_however_late_it_is_noticed() {
    let mut world = connect(&["replay"]);
    world.subscribe(1, "exec_1");
    world.take(1);
    world.now = START.plus(20 * MINUTE);
    assert_eq!(world.emit(stream("exec_1", "a")).receivers, 0);
    assert_eq!(world.emit_to_user("alice", document(1)).receivers, 0);
    assert_eq!(world.take(1), [""; 0]);
    assert_eq!(world.close_code(1), Some(4401));
}

#[test]
fn a_token_that_has_ended_already_opens_nothing() {
    let mut world = World::new();
    world.register("exec_1", "alice");
    world.connect_as(1, Identity::user("alice", START));
    world.subscribe(1, "exec_1");
    assert_eq!(world.take(1), [""; 0]);
    assert_eq!(world.close_code(1), Some(4401));
}

#[test]
fn the_end_is_announced_to_those_who_can_do_something() {
    let expiring = format!(
        r#"{{"type":"auth:expiring","expiresAt":{}}}"#,
        START.plus(10 * MINUTE).0
    );
    let mut world = connect(&["auth"]);
    world.advance(9 * MINUTE - 1);
    assert_eq!(world.take(1), [""; 0]);
    world.advance(1);
    assert_eq!(world.take(1), std::slice::from_ref(&expiring));
    world.advance(MINUTE - 1);
    assert_eq!(world.take(1), [""; 0], "once");

    let mut late = connect(&[]);
    late.advance(9 * MINUTE + 30_000);
    assert_eq!(late.take(1), [""; 0]);
    late.hello(1, &["auth"]);
    late.hello(1, &["auth"]);
    late.advance(0);
    assert_eq!(late.take(1), [expiring]);
}

#[test]
fn a_new_token_of_the_same_user_takes_its_place() {
    let mut world = connect(&["auth"]);
    world.advance(9 * MINUTE);
    world.take(1);
    let until = START.plus(30 * MINUTE);
    assert_eq!(
        authenticate(&mut world, Some(Identity::user("alice", until))),
        [format!(
            r#"{{"type":"authenticated","expiresAt":{}}}"#,
            until.0
        )]
    );
    world.advance(20 * MINUTE - 1);
    assert_eq!(world.take(1), [""; 0]);
    world.advance(1);
    assert_eq!(world.take(1).len(), 1, "announced again");
    world.advance(MINUTE);
    assert_eq!(world.close_code(1), Some(4401));
}

#[test]
fn a_token_of_somebody_else_or_an_invalid_one_changes_nothing() {
    let mut world = connect(&["auth"]);
    for identity in [
        None,
        Some(Identity::user("bob", START.plus(30 * MINUTE))),
        Some(Identity::user("alice", START)),
        Some(Identity::user("alice", Millis(0))),
    ] {
        assert_eq!(
            authenticate(&mut world, identity),
            [
                r#"{"type":"error","code":"forbidden","message":"The token is not valid, or belongs to someone else"}"#
            ]
        );
    }
    world.advance(10 * MINUTE);
    assert_eq!(world.close_code(1), Some(4401));
}

#[test]
fn an_answer_that_comes_too_late_revives_nothing() {
    let mut world = connect(&["auth"]);
    world.send(1, r#"{"type":"auth","token":"a.b.c"}"#);
    world.advance(10 * MINUTE);
    world.take(1);
    let identity = Identity::user("alice", START.plus(30 * MINUTE));
    world
        .hub
        .token_verified(world.now, ConnectionId(1), Some(identity.clone()));
    world.disconnect(1);
    world
        .hub
        .token_verified(world.now, ConnectionId(1), Some(identity));
    world.advance(0);
    assert!(world.hub.is_empty());
}

#[test]
fn a_new_token_may_take_a_workspace_away() {
    let mut world = World::new();
    world.register_in("exec_1", "bob", &["workspace:w"]);
    let mut alice = Identity::user("alice", START.plus(MINUTE));
    alice.workspaces.insert("w".to_owned());
    world.connect_as(1, alice);
    world.hello(1, &["auth", "replay", "ping"]);
    world.subscribe(1, "exec_1");
    assert_eq!(world.emit(stream("exec_1", "a")).receivers, 1);
    world.take(1);
    authenticate(
        &mut world,
        Some(Identity::user("alice", START.plus(2 * MINUTE))),
    );
    assert_eq!(world.emit(stream("exec_1", "secret")).receivers, 0);
    world.send(1, r#"{"type":"ping","id":1}"#);
    assert_eq!(world.take(1), [r#"{"type":"pong","id":1,"heads":{}}"#]);
}

#[test]
fn what_waits_in_the_history_is_taken_away_with_it() {
    for message in [
        r#"{"type":"subscribe","executionId":"exec_1"}"#,
        r#"{"type":"replay","executionId":"exec_1","since":0}"#,
    ] {
        let mut config = config();
        config.queue_frames = 10;
        let mut world = World::with(config);
        world.register_in("exec_1", "bob", &["workspace:w"]);
        world.stream("exec_1", 20);
        let mut alice = Identity::user("alice", START.plus(MINUTE));
        alice.workspaces.insert("w".to_owned());
        world.connect_as(1, alice);
        world.hello(1, &["auth", "replay"]);
        world.block(1);
        world.send(1, message);
        let less = Identity::user("alice", START.plus(MINUTE));
        world.hub.token_verified(START, ConnectionId(1), Some(less));
        world.unblock(1);
        let seqs = world.take_seqs(1);
        assert!(seqs.contains(&4) && !seqs.contains(&6), "{seqs:?}");
        assert!(world.hub.has_room(ConnectionId(1)));
    }
}

#[test]
fn a_token_counts_for_its_leeway_and_its_own_end_is_told() {
    let config = flowmaestro_hub::Config {
        token_leeway_ms: 5_000,
        ..config()
    };
    let mut world = World::with(config);
    let expires_at = START.plus(1_000);
    world.connect_as(1, Identity::user("alice", expires_at));
    world.hello(1, &["auth"]);
    world.advance(0);
    assert_eq!(world.take_json(1)[0]["expiresAt"], expires_at.0);
    world.advance(5_999);
    assert_eq!(world.close_code(1), None);
    // One that has ended itself, but may still be used.
    let identity = Identity::user("alice", START.plus(2_000));
    let now = world.now;
    world
        .hub
        .token_verified(now, ConnectionId(1), Some(identity));
    world.advance(0);
    assert_eq!(world.take_json(1)[0]["type"], "authenticated");
    world.advance(1_000);
    assert_eq!(world.close_code(1), None);
    world.advance(1);
    assert_eq!(world.close_code(1), Some(4401));
}

#[test]
fn a_provider_of_short_tokens_is_not_asked_without_end() {
    let mut world = connect(&["auth"]);
    world.advance(9 * MINUTE);
    world.take(1);
    for _ in 0..3 {
        let until = world.now.plus(MINUTE / 2);
        authenticate(&mut world, Some(Identity::user("alice", until)));
        world.advance(MINUTE / 4 - 1);
        assert_eq!(world.take(1), [""; 0]);
        world.advance(1);
        assert_eq!(world.take_json(1)[0]["type"], "auth:expiring");
    }
}
