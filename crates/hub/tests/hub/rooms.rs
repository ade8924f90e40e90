//! The executions of a workspace or project, watched together.

use flowmaestro_hub::{
    Authorizer, Execution, Hub, Identity, MemoryHistory, MemoryLimits, OwnerAndWorkspaces,
};
use flowmaestro_protocol::Room;

use crate::support::*;

const FEATURES: &[&str] = &["rooms", "replay", "ack"];

fn member(world: &mut World, id: u64, user_id: &str) {
    let mut identity = Identity::user(user_id, START.plus(TOKEN_MS));
    identity.workspaces.insert("w".to_owned());
    world.connect_as(id, identity);
    world.hello(id, FEATURES);
}

fn join(world: &mut World, id: u64, room: &str) -> String {
    world.send(id, &format!(r#"{{"type":"subscribe","room":"{room}"}}"#));
    world.take(id).concat()
}

#[test]
fn a_member_gets_the_events_of_every_execution_in_the_room() {
    let mut world = World::new();
    world.register_in("exec_1", "alice", &["workspace:w", "project:p"]);
    world.register_in("exec_2", "bob", &["workspace:w"]);
    world.register_in("exec_3", "bob", &["workspace:other"]);
    member(&mut world, 1, "carol");
    assert_eq!(
        join(&mut world, 1, "workspace:w"),
        r#"{"type":"subscribed","room":"workspace:w"}"#
    );
    for (execution_id, receivers) in [("exec_1", 1), ("exec_2", 1), ("exec_3", 0)] {
        assert_eq!(world.emit(stream(execution_id, "a")).receivers, receivers);
    }
    assert_eq!(world.take_seqs(1), [1, 1]);
    for _ in 0..2 {
        world.send(1, r#"{"type":"unsubscribe","room":"workspace:w"}"#);
        assert_eq!(
            world.take(1),
            [r#"{"type":"unsubscribed","room":"workspace:w"}"#]
        );
    }
    assert_eq!(world.emit(stream("exec_1", "b")).receivers, 0);
}

#[test]
fn rooms_are_closed_to_others_and_projects_to_all() {
    let mut world = World::new();
    world.register_in("exec_1", "alice", &["workspace:v", "project:p"]);
    member(&mut world, 1, "alice");
    for room in ["workspace:v", "workspace:unknown", "project:p"] {
        assert_eq!(
            join(&mut world, 1, room),
            format!(
                r#"{{"type":"error","code":"forbidden","message":"The room does not exist, or is closed to you","room":"{room}"}}"#
            )
        );
    }
    assert_eq!(world.emit(stream("exec_1", "a")).receivers, 0);
    assert_eq!(world.hub.counters().forbidden, 3);
}

#[test]
fn no_event_comes_twice() {
    let mut world = World::new();
    world.register_in("exec_1", "alice", &["workspace:w", "project:p"]);
    member(&mut world, 1, "alice");
    join(&mut world, 1, "workspace:w");
    world.subscribe(1, "exec_1");
    world.take(1);
    assert_eq!(world.emit(stream("exec_1", "a")).receivers, 1);
    assert_eq!(world.take_seqs(1), [1]);
    world.unsubscribe(1, "exec_1");
    world.take(1);
    world.emit(stream("exec_1", "b"));
    assert_eq!(world.take_seqs(1), [2], "the room is still there");
}

#[test]
fn membership_of_the_workspace_grants_seeing_the_execution() {
    let mut world = World::new();
    world.register_in("exec_1", "alice", &["workspace:w"]);
    member(&mut world, 1, "carol");
    world.subscribe(1, "exec_1");
    assert_eq!(world.emit(stream("exec_1", "a")).receivers, 1);
    world.register("exec_1", "alice");
    assert_eq!(
        world.emit(stream("exec_1", "b")).receivers,
        0,
        "it left the room"
    );
}

#[test]
fn unacknowledged_events_come_again_to_the_room() {
    let mut world = World::new();
    world.register_in("exec_1", "alice", &["workspace:w"]);
    world.register("exec_2", "alice");
    member(&mut world, 1, "carol");
    join(&mut world, 1, "workspace:w");
    world.emit(question("exec_1"));
    world.emit(question("exec_2"));
    assert_eq!(
        world.hub.counts().unacknowledged,
        3,
        "Carol's one, Alice's two"
    );
    world.disconnect(1);
    for (id, user_id) in [(2, "carol"), (3, "alice")] {
        member(&mut world, id, user_id);
        world.send(id, r#"{"type":"subscribe","room":"workspace:w"}"#);
        assert_eq!(world.take_seqs(id), [0, 1]);
    }
}

/// Everybody may join every room, but sees their own executions only.
struct OpenRooms;

impl Authorizer for OpenRooms {
    fn may_see(&self, identity: &Identity, execution: &Execution) -> bool {
        execution.owner().user_id() == &*identity.user_id
    }

    fn may_join(&self, _: &Identity, _: &Room) -> bool {
        true
    }
}

#[test]
fn in_a_room_everybody_sees_what_they_may_see() {
    let history = MemoryHistory::new(EPOCH, MemoryLimits::default());
    let hub = Hub::with_authorizer(config(), history, Box::new(OpenRooms));
    let mut world = World::with_hub(hub);
    world.register_in("exec_1", "alice", &["project:p"]);
    for (id, user_id) in [(1, "alice"), (2, "bob")] {
        world.connect_with(id, user_id, FEATURES);
        assert!(join(&mut world, id, "project:p").contains("subscribed"));
    }
    assert_eq!(world.emit(stream("exec_1", "a")).receivers, 1);
    assert_eq!(world.take_seqs(1), [1]);
    assert_eq!(world.take(2), [""; 0]);
}

#[test]
fn a_workspace_id_is_compared_whole() {
    let mut identity = Identity::user("alice", START);
    identity.workspaces.insert("w".to_owned());
    let may_join = |room: &str| {
        let room = Room::new(room).unwrap();
        OwnerAndWorkspaces.may_join(&identity, &room)
    };
    assert!(may_join("workspace:w"));
    for room in ["workspace:w2", "workspace:w:x", "project:w"] {
        assert!(!may_join(room), "{room}");
    }
}
