//! Who watches an execution.

use flowmaestro_hub::Identity;
use serde_json::{Value, json};

use crate::support::*;

/// Executions of Alice's in a workspace of which Bob and Carol are members.
fn world() -> World {
    let mut world = World::new();
    world.register_in("exec_1", "alice", &["workspace:w"]);
    world.register_in("exec_2", "alice", &["workspace:w"]);
    world
}

fn watch(world: &mut World, id: u64, user_id: &str) {
    let mut identity = Identity::user(user_id, START.plus(TOKEN_MS));
    identity.workspaces.insert("w".to_owned());
    world.connect_as(id, identity);
    world.hello(id, &["presence"]);
    world.send(
        id,
        r#"{"type":"subscribe","executionId":"exec_1","presence":true}"#,
    );
}

fn viewers(viewers: &[(&str, u32, u64)]) -> Value {
    let viewers: Vec<_> = viewers
        .iter()
        .map(|(user_id, connections, since)| {
            json!({"userId": user_id, "connections": connections, "since": START.0 + since})
        })
        .collect();
    json!({"type": "presence", "executionId": "exec_1", "viewers": viewers})
}

#[test]
fn a_newcomer_is_told_at_once_and_the_others_soon() {
    let mut world = world();
    watch(&mut world, 1, "alice");
    let frames = world.take_json(1);
    assert_eq!(frames[0]["type"], "subscribed");
    assert_eq!(frames[1..], [viewers(&[("alice", 1, 0)])]);

    world.advance(1_000);
    watch(&mut world, 2, "bob");
    let both = viewers(&[("alice", 1, 0), ("bob", 1, 1_000)]);
    assert_eq!(world.take_json(2)[1..], *std::slice::from_ref(&both));
    world.advance(99);
    assert_eq!(world.take_json(1), [Value::Null; 0]);
    world.advance(1);
    assert_eq!(world.take_json(1), [both]);
    assert_eq!(world.take_json(2), [Value::Null; 0], "it knows already");
}

#[test]
fn changes_are_told_together() {
    let mut world = world();
    watch(&mut world, 1, "alice");
    world.advance(1_000);
    world.take(1);
    watch(&mut world, 2, "bob");
    world.advance(50);
    watch(&mut world, 3, "bob");
    watch(&mut world, 4, "carol");
    world.disconnect(4);
    world.advance(50);
    assert_eq!(
        world.take_json(1),
        [viewers(&[("alice", 1, 0), ("bob", 2, 1_000)])]
    );
    world.disconnect(2);
    world.unsubscribe(3, "exec_1");
    world.advance(100);
    assert_eq!(world.take_json(1), [viewers(&[("alice", 1, 0)])]);
}

#[test]
fn what_has_changed_back_is_not_told() {
    let mut world = world();
    watch(&mut world, 1, "alice");
    world.advance(1_000);
    world.take(1);
    watch(&mut world, 2, "bob");
    world.disconnect(2);
    world.advance(1_000);
    assert_eq!(world.take(1), [""; 0]);
}

#[test]
fn everybody_who_watches_counts_and_those_are_told_who_asked() {
    let mut world = world();
    world.connect(1, "alice");
    world.subscribe(1, "exec_1");
    watch(&mut world, 2, "bob");
    assert_eq!(
        world.take_json(2)[1..],
        [viewers(&[("alice", 1, 0), ("bob", 1, 0)])]
    );
    world.advance(1_000);
    assert_eq!(
        world.take(1),
        [r#"{"type":"subscribed","executionId":"exec_1"}"#]
    );
    world.subscribe(2, "exec_1");
    world.take(2);
    world.disconnect(1);
    world.advance(1_000);
    assert_eq!(
        world.take(2),
        [""; 0],
        "it asked without presence the last time"
    );
}

#[test]
fn whoever_may_not_see_the_execution_is_neither_told_nor_counted() {
    let mut world = world();
    watch(&mut world, 1, "alice");
    world.connect_with(2, "mallory", &["presence"]);
    world.send(
        2,
        r#"{"type":"subscribe","executionId":"exec_1","presence":true}"#,
    );
    assert!(world.take(2).concat().contains("forbidden"));
    world.advance(1_000);
    assert_eq!(world.take_json(1)[1..], [viewers(&[("alice", 1, 0)])]);
    watch(&mut world, 3, "bob");
    world.take(3);
    // Bob leaves the workspace.
    world.register("exec_1", "alice");
    world.disconnect(1);
    world.advance(1_000);
    assert_eq!(world.take(3), [""; 0]);
}

#[test]
fn a_closed_connection_watches_no_more() {
    let mut world = world();
    watch(&mut world, 1, "alice");
    watch(&mut world, 2, "bob");
    world.advance(1_000);
    world.take(1);
    world.send(2, &"x".repeat(100_000));
    assert_eq!(world.close_code(2), Some(1009));
    world.advance(100);
    assert_eq!(world.take_json(1), [viewers(&[("alice", 1, 0)])]);
}
