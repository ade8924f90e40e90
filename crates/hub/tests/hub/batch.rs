//! Several events in one frame.

use flowmaestro_hub::{Config, Identity};

use crate::support::*;

fn world() -> World {
    let mut world = World::with(Config::default());
    world.register("exec_1", "alice");
    world.connect_with(1, "alice", &["batch", "ping"]);
    world.subscribe(1, "exec_1");
    world.take(1);
    world
}

/// The frames that have come, each as the `seq`s of its events.
fn frames(world: &mut World) -> Vec<Vec<u64>> {
    let frames = world.take_json(1);
    let seqs = |frame: &serde_json::Value| match frame["events"].as_array() {
        Some(events) => events
            .iter()
            .map(|it| it["seq"].as_u64().unwrap())
            .collect(),
        None => vec![frame["seq"].as_u64().unwrap_or(0)],
    };
    frames.iter().map(seqs).collect()
}

#[test]
fn a_lone_event_waits_for_nothing() {
    let mut world = world();
    for seq in 1..=3 {
        world.stream("exec_1", 1);
        assert_eq!(frames(&mut world), [[seq]]);
        world.advance(4);
        assert_eq!(frames(&mut world), [[0; 0]; 0]);
    }
}

#[test]
fn what_follows_within_the_window_travels_together() {
    let mut world = world();
    world.stream("exec_1", 3);
    world.advance(1);
    world.stream("exec_1", 1);
    world.advance(2);
    assert_eq!(frames(&mut world), [[1]]);
    world.advance(1);
    assert_eq!(frames(&mut world), [[2, 3, 4]]);
    world.stream("exec_1", 2);
    assert_eq!(frames(&mut world), [[0; 0]; 0], "the next window has begun");
    world.advance(4);
    assert_eq!(frames(&mut world), [[5, 6]]);
}

#[test]
fn a_batch_is_its_events_to_the_byte() {
    let mut world = world();
    world.register("exec_2", "alice");
    world.connect_with(2, "alice", &["replay"]);
    world.subscribe(2, "exec_1");
    world.take(2);
    world.stream("exec_1", 1);
    world.take(1);
    world.take(2);
    world.stream("exec_1", 2);
    world.emit_to_user("alice", document(1));
    world.advance(4);
    let events = world.take(2).join(",");
    assert_eq!(
        world.take(1),
        [format!(r#"{{"type":"batch","events":[{events}]}}"#)]
    );
}

#[test]
fn one_gathered_event_is_no_batch() {
    let mut world = world();
    world.stream("exec_1", 2);
    world.advance(4);
    let texts = world.take(1);
    assert!(
        texts
            .iter()
            .all(|text| text.starts_with(r#"{"type":"node:stream""#))
    );
    assert_eq!(texts.len(), 2);
}

#[test]
fn a_full_batch_does_not_wait() {
    let mut world = world();
    world.stream("exec_1", 1);
    world.take(1);
    let chunk = "x".repeat(30_000);
    world.emit(stream("exec_1", &chunk));
    world.emit(stream("exec_1", &chunk));
    assert_eq!(frames(&mut world), [[0; 0]; 0]);
    world.emit(stream("exec_1", &chunk));
    assert_eq!(frames(&mut world), [[2, 3, 4]]);
    world.advance(10);
    assert_eq!(frames(&mut world), [[0; 0]; 0], "nothing is sent twice");
}

#[test]
fn other_frames_do_not_overtake_it() {
    let mut world = world();
    world.stream("exec_1", 3);
    world.send(1, r#"{"type":"ping","id":1}"#);
    world.stream("exec_1", 1);
    world.unsubscribe(1, "exec_1");
    assert_eq!(
        frames(&mut world),
        [vec![1], vec![2, 3], vec![0], vec![4], vec![0]]
    );
}

#[test]
fn an_orderly_close_comes_after_it_and_an_abrupt_one_instead() {
    let mut orderly = world();
    orderly.stream("exec_1", 3);
    orderly.hub.shut_down(orderly.now);
    orderly.advance(10);
    assert_eq!(frames(&mut orderly), [vec![1], vec![2, 3]]);

    let mut abrupt = World::with(Config::default());
    abrupt.register("exec_1", "alice");
    abrupt.connect_as(1, Identity::user("alice", START.plus(2)));
    abrupt.hello(1, &["batch"]);
    abrupt.subscribe(1, "exec_1");
    abrupt.take(1);
    abrupt.stream("exec_1", 3);
    abrupt.advance(10);
    assert_eq!(frames(&mut abrupt), [[1]]);
    assert_eq!(abrupt.close_code(1), Some(4401));
}

/// Or what is gathered would wait for as long as the clock went back.
#[test]
fn a_clock_that_goes_back_delays_nothing() {
    let mut world = world();
    world.stream("exec_1", 2);
    assert_eq!(frames(&mut world), [[1]]);
    world.now = START.minus(3_600_000);
    world.stream("exec_1", 2);
    world.advance(4);
    assert_eq!(frames(&mut world).concat(), [2, 3, 4]);
}

#[test]
fn missed_events_travel_in_batches() {
    let mut world = World::with(Config::default());
    world.register("exec_1", "alice");
    world.stream("exec_1", 5_000);
    world.connect_with(1, "alice", &["batch", "replay"]);
    world.subscribe(1, "exec_1");
    world.advance(4);
    let frames = frames(&mut world);
    assert_eq!(frames.concat(), (0..=5_000).collect::<Vec<_>>());
    assert!(frames.len() < 20, "{} frames", frames.len());
}

#[test]
fn large_frames_are_marked_for_compression() {
    let mut world = World::with(Config::default());
    world.register("exec_1", "alice");
    for (id, features) in [(1, &["gzip"][..]), (2, &[])] {
        world.connect_with(id, "alice", features);
        world.subscribe(id, "exec_1");
    }
    world.emit(stream("exec_1", &"x".repeat(15 * 1024)));
    assert_eq!(world.socket(1).compressed, 0);
    world.emit(stream("exec_1", &"x".repeat(16 * 1024)));
    assert_eq!(
        (world.socket(1).compressed, world.socket(2).compressed),
        (1, 0)
    );
}
