//! Readers that are slower than the events.

use flowmaestro_hub::{Config, MemoryLimits};

use crate::support::*;

const REPLAY: &[&str] = &["replay"];

fn small_queue(frames: usize) -> Config {
    Config {
        queue_frames: frames,
        ..config()
    }
}

fn assert_bounded(world: &World, config: &Config) {
    let bytes = world.hub.counts().queued_bytes;
    assert!(bytes <= config.queue_bytes, "{bytes} bytes wait");
}

#[test]
fn ten_thousand_missed_events_reach_a_reader_that_takes_one_at_a_time() {
    let config = config();
    let mut world = World::with(config.clone());
    world.register("exec_1", "alice");
    world.stream("exec_1", 10_000);
    world.connect_with(1, "alice", REPLAY);
    world.block(1);
    world.subscribe(1, "exec_1");
    let mut received = 0;
    while received < 10_000 {
        world.write_frames(1, 100);
        assert_bounded(&world, &config);
        received = world.socket(1).received.len();
        if received == 5_000 {
            world.stream("exec_1", 10);
        }
    }
    world.unblock(1);
    assert_eq!(world.close_code(1), None);
    let seqs = world.take_seqs(1);
    assert_eq!(
        seqs,
        (0..=10_010).collect::<Vec<_>>(),
        "subscribed, then all"
    );
}

#[test]
fn a_burst_larger_than_the_queue_waits_in_the_history() {
    let mut world = World::with(small_queue(100));
    world.register("exec_1", "alice");
    world.connect_with(1, "alice", REPLAY);
    world.subscribe(1, "exec_1");
    world.take(1);
    world.block(1);
    world.stream("exec_1", 1_000);
    assert!(world.socket(1).queue.len() <= 51);
    world.unblock(1);
    assert_eq!(world.take_seqs(1), (1..=1_000).collect::<Vec<_>>());
    world.stream("exec_1", 1);
    assert_eq!(world.take_seqs(1), [1_001]);
}

#[test]
fn events_larger_than_half_of_the_queue_get_through() {
    let config = Config {
        queue_bytes: 10_000,
        ..config()
    };
    let mut world = World::with(config.clone());
    world.register("exec_1", "alice");
    world.connect_with(1, "alice", REPLAY);
    world.subscribe(1, "exec_1");
    world.take(1);
    world.block(1);
    for size in [4_000, 8_000, 20_000, 100, 100] {
        world.emit(stream("exec_1", &"x".repeat(size)));
    }
    for seq in 1..=5 {
        assert!(world.hub.counts().queued_bytes < 21_000);
        world.write_frames(1, 1);
        assert_eq!(world.take_seqs(1), [seq]);
    }
    assert_eq!(world.close_code(1), None);
}

#[test]
fn several_subscriptions_catch_up_each_in_order() {
    let mut world = World::with(small_queue(10));
    world.connect_with(1, "alice", REPLAY);
    world.block(1);
    for execution_id in ["exec_1", "exec_2", "exec_3"] {
        world.register(execution_id, "alice");
        world.stream(execution_id, 20);
        world.subscribe(1, execution_id);
    }
    world.unblock(1);
    let frames = world.take_json(1);
    for execution_id in ["exec_1", "exec_2", "exec_3"] {
        let seqs: Vec<_> = frames
            .iter()
            .filter(|frame| frame["executionId"] == execution_id)
            .filter_map(|frame| frame["seq"].as_u64())
            .collect();
        assert_eq!(seqs, (1..=20).collect::<Vec<_>>());
    }
}

#[test]
fn a_reader_that_the_history_has_left_behind_is_closed_and_told_when_it_comes_back() {
    let limits = MemoryLimits {
        events: 50,
        ..MemoryLimits::default()
    };
    let mut world = World::with_limits(small_queue(10), limits);
    world.register("exec_1", "alice");
    world.connect_with(1, "alice", REPLAY);
    world.subscribe(1, "exec_1");
    world.block(1);
    world.stream("exec_1", 55);
    assert_eq!(world.close_code(1), None);
    world.stream("exec_1", 10);
    let close = world.socket(1).closed.unwrap();
    assert_eq!(
        (close.code, close.reason, close.discard),
        (4408, "Too slow", true)
    );
    assert_eq!(world.hub.counters().slow_consumers, 1);
    assert_eq!(world.hub.execution_subscriber_count("exec_1"), 0);

    world.connect_with(2, "alice", REPLAY);
    world.resume(2, "exec_1", 6);
    let frames = world.take_json(2);
    assert_eq!(frames[0]["recovered"], false);
    assert_eq!(frames[1]["seq"], 16);
}

/// The events of another execution may be what the history had to make room for.
#[test]
fn a_reader_may_be_left_behind_by_what_it_does_not_get() {
    let limits = MemoryLimits {
        total_bytes: 10_000,
        ..MemoryLimits::default()
    };
    let mut world = World::with_limits(small_queue(10), limits);
    world.register("exec_1", "alice");
    world.register("exec_2", "alice");
    world.connect_with(1, "alice", REPLAY);
    world.subscribe(1, "exec_1");
    world.block(1);
    world.stream("exec_1", 20);
    world.emit(stream("exec_2", &"x".repeat(9_900)));
    assert_eq!(world.close_code(1), None);
    world.unblock(1);
    assert_eq!(world.close_code(1), Some(4408));
    assert_eq!(world.hub.counters().slow_consumers, 1);
}

#[test]
fn a_baseline_reader_with_a_full_queue_is_closed() {
    for config in [
        small_queue(5),
        Config {
            queue_bytes: 5 * stream("exec_1", "0").encode().len(),
            ..config()
        },
    ] {
        let mut world = World::with(config);
        world.register("exec_1", "alice");
        world.connect(1, "alice");
        world.subscribe(1, "exec_1");
        world.block(1);
        world.stream("exec_1", 5);
        assert_eq!(world.close_code(1), None);
        assert_eq!(world.emit(stream("exec_1", "6")).receivers, 0);
        assert_eq!(world.close_code(1), Some(4408));
        assert_eq!(world.emit(stream("exec_1", "7")).receivers, 0);
    }
}

/// They belong to no execution, so no history has them.
#[test]
fn document_events_count_against_the_queue() {
    let mut world = World::with(small_queue(5));
    world.connect_with(1, "alice", REPLAY);
    world.block(1);
    for number in 0..5 {
        world.emit_to_user("alice", document(number));
    }
    assert_eq!(world.close_code(1), None);
    assert_eq!(world.emit_to_user("alice", document(6)).receivers, 0);
    assert_eq!(world.close_code(1), Some(4408));
}

#[test]
fn a_large_frame_may_wait_alone() {
    let config = Config {
        queue_bytes: 100,
        ..config()
    };
    let mut world = World::with(config);
    world.register("exec_1", "alice");
    world.connect(1, "alice");
    world.subscribe(1, "exec_1");
    world.block(1);
    world.emit(stream("exec_1", &"x".repeat(1_000)));
    assert_eq!(world.close_code(1), None);
    world.emit(stream("exec_1", ""));
    assert_eq!(world.close_code(1), Some(4408));
}

#[test]
fn there_is_room_while_at_most_half_of_the_queue_is_taken() {
    let mut world = World::with(small_queue(4));
    world.register("exec_1", "alice");
    world.connect(1, "alice");
    world.subscribe(1, "exec_1");
    world.block(1);
    let id = flowmaestro_hub::ConnectionId(1);
    for (frames, has_room) in [(1, true), (2, true), (3, false)] {
        let event = stream("exec_1", "a");
        world.emit(event.clone());
        assert_eq!(world.socket(1).queue.len(), frames);
        assert_eq!(world.hub.has_room(id), has_room);
        assert_eq!(world.is_crowded(&event, None), !has_room);
        assert_eq!(world.is_crowded(&document(1), Some("alice")), !has_room);
    }
    world.write_frames(1, 1);
    assert!(world.hub.has_room(id));
    assert!(
        world.hub.has_room(flowmaestro_hub::ConnectionId(9)),
        "unknown"
    );
}

#[test]
fn nobody_waits_for_a_reader_who_has_stopped_reading() {
    let mut world = World::with(small_queue(4));
    world.register("exec_1", "alice");
    world.connect(1, "alice");
    world.subscribe(1, "exec_1");
    world.block(1);
    let event = stream("exec_1", "a");
    for _ in 0..4 {
        world.emit(event.clone());
    }
    assert!(world.is_crowded(&event, None));
    world.now = world.now.plus(999);
    assert!(world.is_crowded(&event, None), "it may still be reading");
    world.now = world.now.plus(1);
    assert!(!world.is_crowded(&event, None), "it has stopped");

    world.write_frames(1, 1);
    assert!(world.is_crowded(&event, None), "it reads again");
}
