//! Round trips.

use flowmaestro_hub::Config;

use crate::support::*;

fn ping(world: &mut World) -> String {
    world.send(1, r#"{"type":"ping","id":7}"#);
    world.take(1).pop().unwrap_or_default()
}

#[test]
fn a_pong_carries_the_heads_of_the_connections_subscriptions() {
    let mut world = World::new();
    world.connect_with(1, "alice", &["ping", "replay"]);
    assert_eq!(ping(&mut world), r#"{"type":"pong","id":7,"heads":{}}"#);
    for execution_id in ["exec_1", "exec_2", "exec_3"] {
        world.register(execution_id, "alice");
        world.stream(execution_id, 2);
    }
    world.subscribe(1, "exec_1");
    world.subscribe(1, "exec_2");
    world.emit(stream("exec_2", "a"));
    assert_eq!(
        ping(&mut world),
        r#"{"type":"pong","id":7,"heads":{"exec_1":2,"exec_2":3}}"#
    );
}

/// The client would take it for lost.
#[test]
fn what_has_not_been_sent_yet_is_not_in_the_heads() {
    let config = Config {
        queue_frames: 10,
        ..config()
    };
    let mut world = World::with(config);
    world.register("exec_1", "alice");
    world.stream("exec_1", 100);
    world.connect_with(1, "alice", &["ping", "replay"]);
    world.block(1);
    world.resume(1, "exec_1", 50);
    world.send(1, r#"{"type":"ping","id":7}"#);
    world.unblock(1);
    let mut last = 50;
    let mut pongs = 0;
    for frame in world.take_json(1) {
        if let Some(seq) = frame["seq"].as_u64() {
            last = seq;
        }
        if frame["type"] == "pong" {
            assert_eq!(frame["heads"]["exec_1"], last);
            pongs += 1;
        }
    }
    assert_eq!((last, pongs), (100, 1));
    assert_eq!(
        ping(&mut world),
        r#"{"type":"pong","id":7,"heads":{"exec_1":100}}"#
    );
}

#[test]
fn a_feature_stays_on() {
    let mut world = World::new();
    world.connect_with(1, "alice", &["ping"]);
    world.hello(1, &[]);
    world.hello(1, &["replay"]);
    assert_eq!(ping(&mut world), r#"{"type":"pong","id":7,"heads":{}}"#);
}
