//! Numbered events, and what a client missed.

use flowmaestro_hub::{Hub, MemoryHistory, MemoryLimits};

use crate::support::*;

const REPLAY: &[&str] = &["replay"];

fn subscribed(head: u64, recovered: bool) -> String {
    format!(
        r#"{{"type":"subscribed","executionId":"exec_1","epoch":"epoch-1","head":{head},"recovered":{recovered}}}"#
    )
}

/// A world with ten events, of which the history still has those from `first` on.
fn ten_events(first: u64) -> World {
    let limits = MemoryLimits {
        events: (11 - first) as usize,
        ..MemoryLimits::default()
    };
    let mut world = World::with_limits(config(), limits);
    world.register("exec_1", "alice");
    world.stream("exec_1", 10);
    world.connect_with(1, "alice", REPLAY);
    world
}

/// What a subscription is answered, and the `seq`s that follow.
fn answer(world: &mut World) -> (String, Vec<u64>) {
    let mut frames = world.take(1);
    let answer = frames.remove(0);
    world.socket(1).received = frames;
    (answer, world.take_seqs(1))
}

#[test]
fn events_are_numbered_and_named() {
    let mut world = World::new();
    world.register("exec_1", "alice");
    world.register("exec_2", "alice");
    world.connect_with(1, "alice", REPLAY);
    world.subscribe(1, "exec_1");
    world.subscribe(1, "exec_2");
    world.take(1);
    let mut ids = std::collections::BTreeSet::new();
    for seq in 1..=3 {
        for execution_id in ["exec_1", "exec_2"] {
            let emitted = world.emit(stream(execution_id, "a"));
            assert_eq!(emitted.seq, Some(seq));
            let event_id = emitted.event_id.unwrap();
            let text = stream(execution_id, "a").encode();
            let text = text.strip_suffix('}').unwrap();
            assert_eq!(
                world.take(1),
                [format!(r#"{text},"eventId":"{event_id}","seq":{seq}}}"#)]
            );
            assert!(ids.insert(event_id));
        }
    }
}

#[test]
fn the_names_of_events_differ_between_epochs() {
    let mut ids = std::collections::BTreeSet::new();
    for (epoch, execution_id) in [("a", "bc"), ("ab", "c"), ("b", "bc")] {
        let history = MemoryHistory::new(epoch, MemoryLimits::default());
        let mut world = World::with_hub(Hub::new(config(), history));
        world.register(execution_id, "alice");
        let emitted = world.emit(stream(execution_id, "a"));
        assert!(ids.insert(emitted.event_id));
    }
}

#[test]
fn a_backends_own_numbers_are_not_taken_for_the_hubs() {
    let mut world = World::new();
    world.register("exec_1", "alice");
    world.connect_with(1, "alice", REPLAY);
    world.subscribe(1, "exec_1");
    world.take(1);
    let forged = r#"{"type":"node:failed","timestamp":1,"executionId":"exec_1","nodeId":"n","error":"e","ack":1,"eventId":"own","more":{"seq":1},"seq":7}"#;
    world.connect_with(2, "alice", &[]);
    world.subscribe(2, "exec_1");
    world.take(2);
    world.emit(event(forged));
    assert_eq!(world.take(2), [forged]);
    let text = world.take(1).remove(0);
    assert_eq!(text.matches(r#""seq":"#).count(), 2, "{text}");
    assert!(text.ends_with(r#"-1","seq":1}"#), "{text}");
    assert!(!text.contains("ack") && !text.contains("own"), "{text}");
}

#[test]
fn a_late_joiner_gets_the_run_from_its_start() {
    let mut world = ten_events(1);
    world.subscribe(1, "exec_1");
    world.emit(stream("exec_1", "live"));
    assert_eq!(
        answer(&mut world),
        (subscribed(10, true), (1..=11).collect())
    );
}

#[test]
fn a_subscription_resumes_after_what_the_client_has() {
    for after in [0, 1, 4, 9, 10] {
        let mut world = ten_events(1);
        world.resume(1, "exec_1", after);
        assert_eq!(
            answer(&mut world),
            (subscribed(10, true), (after + 1..=10).collect())
        );
    }
}

#[test]
fn a_position_without_epoch_is_believed() {
    let mut world = ten_events(1);
    world.send(
        1,
        r#"{"type":"subscribe","executionId":"exec_1","after":7}"#,
    );
    assert_eq!(
        answer(&mut world),
        (subscribed(10, true), (8..=10).collect())
    );
}

#[test]
fn what_was_trimmed_is_said_to_be_missing() {
    for (after, recovered, next) in [(3, false, 6), (4, false, 6), (5, true, 6), (6, true, 7)] {
        let mut world = ten_events(6);
        world.resume(1, "exec_1", after);
        assert_eq!(
            answer(&mut world),
            (subscribed(10, recovered), (next..=10).collect()),
            "after {after}"
        );
    }
    let mut world = ten_events(6);
    world.subscribe(1, "exec_1");
    assert_eq!(
        answer(&mut world),
        (subscribed(10, false), (6..=10).collect())
    );
    assert_eq!(world.hub.counters().unrecovered, 1);
}

#[test]
fn another_epoch_and_an_absurd_position_start_over() {
    let mut world = ten_events(1);
    world.resume(1, "exec_1", 11);
    assert_eq!(
        answer(&mut world),
        (subscribed(10, false), (1..=10).collect())
    );
    world.send(
        1,
        r#"{"type":"subscribe","executionId":"exec_1","after":3,"epoch":"another"}"#,
    );
    assert_eq!(
        answer(&mut world),
        (subscribed(10, false), (1..=10).collect())
    );
}

#[test]
fn a_live_subscription_resumes_again() {
    let mut world = ten_events(1);
    world.resume(1, "exec_1", 10);
    world.take(1);
    world.resume(1, "exec_1", 7);
    assert_eq!(answer(&mut world), (subscribed(10, true), vec![8, 9, 10]));
    assert_eq!(world.hub.execution_subscriber_count("exec_1"), 1);
}

/// The numbers go on where a history that survived has stopped, and the epoch with it.
#[test]
fn a_history_may_outlive_its_hub() {
    let world = ten_events(1);
    let mut world = World::with_hub(Hub::new(config(), world.hub.into_history()));
    world.register("exec_1", "alice");
    world.connect_with(1, "alice", REPLAY);
    world.resume(1, "exec_1", 8);
    world.emit(stream("exec_1", "a"));
    assert_eq!(answer(&mut world), (subscribed(10, true), vec![9, 10, 11]));
}

#[test]
fn without_the_feature_a_subscription_is_live_only() {
    let mut world = ten_events(1);
    world.connect_with(2, "alice", &["ping"]);
    world.subscribe(2, "exec_1");
    world.emit(stream("exec_1", "live"));
    let frames = world.take(2);
    assert_eq!(frames[0], subscribed(10, false));
    assert!(frames[1].ends_with(r#""seq":11}"#));
    assert_eq!(frames.len(), 2);
}

fn replay(world: &mut World, since: u64) -> Vec<u64> {
    world.send(
        1,
        &format!(r#"{{"type":"replay","executionId":"exec_1","since":{since}}}"#),
    );
    world.take_seqs(1)
}

#[test]
fn a_replay_sends_what_was_emitted_since() {
    let mut world = World::new();
    world.register("exec_1", "alice");
    for number in 1..=5 {
        world.emit(stream_at("exec_1", "a", number * 100));
    }
    world.connect_with(1, "alice", REPLAY);
    for (since, seqs) in [(0, 1..=5), (300, 3..=5), (301, 4..=5)] {
        let expected: Vec<_> = seqs.chain([0]).collect();
        assert_eq!(replay(&mut world, since), expected);
    }
    world.send(1, r#"{"type":"replay","executionId":"exec_1","since":0}"#);
    assert_eq!(
        world.take(1).pop().unwrap(),
        r#"{"type":"replayed","executionId":"exec_1","since":0,"count":5,"complete":true}"#
    );
    world.send(
        1,
        r#"{"type":"replay","executionId":"exec_1","since":400.5}"#,
    );
    assert_eq!(
        world.take(1).pop().unwrap(),
        r#"{"type":"replayed","executionId":"exec_1","since":400.5,"count":1,"complete":true}"#
    );
    assert_eq!(replay(&mut world, 501), [0]);
}

#[test]
fn a_replay_says_whether_it_is_complete() {
    let limits = MemoryLimits {
        events: 3,
        ..MemoryLimits::default()
    };
    let mut world = World::with_limits(config(), limits);
    world.register("exec_1", "alice");
    for number in 1..=5 {
        world.emit(stream_at("exec_1", "a", number * 100));
    }
    world.connect_with(1, "alice", REPLAY);
    for (since, count, complete) in [(0, 3, false), (300, 3, false), (301, 2, true)] {
        world.send(
            1,
            &format!(r#"{{"type":"replay","executionId":"exec_1","since":{since}}}"#),
        );
        let replayed = world.take_json(1).pop().unwrap();
        assert_eq!(replayed["count"], count);
        assert_eq!(replayed["complete"], complete, "since {since}");
    }
}

#[test]
fn a_replay_that_the_history_overtakes_is_not_complete() {
    let mut config = config();
    config.queue_frames = 8;
    let limits = MemoryLimits {
        events: 20,
        ..MemoryLimits::default()
    };
    let mut world = World::with_limits(config, limits);
    world.register("exec_1", "alice");
    world.stream("exec_1", 20);
    world.connect_with(1, "alice", REPLAY);
    world.block(1);
    world.send(1, r#"{"type":"replay","executionId":"exec_1","since":0}"#);
    world.stream("exec_1", 10);
    world.unblock(1);
    let frames = world.take_json(1);
    let seqs = frames.iter().filter_map(|frame| frame["seq"].as_u64());
    assert!(seqs.eq((1..=5).chain(11..=20)));
    let replayed = frames.last().unwrap();
    assert_eq!(
        (&replayed["count"], &replayed["complete"]),
        (&15.into(), &false.into())
    );
}

/// Live events come after it, or the client could not tell the order.
#[test]
fn live_events_wait_for_the_end_of_a_replay() {
    let mut config = config();
    config.queue_frames = 8;
    let mut world = World::with(config);
    world.register("exec_1", "alice");
    world.stream("exec_1", 18);
    world.connect_with(1, "alice", REPLAY);
    world.resume(1, "exec_1", 18);
    world.take(1);
    world.block(1);
    world.send(1, r#"{"type":"replay","executionId":"exec_1","since":0}"#);
    world.stream("exec_1", 2);
    world.unblock(1);
    let expected: Vec<_> = (1..=18).chain([0, 19, 20]).collect();
    assert_eq!(world.take_seqs(1), expected);
    assert_eq!(world.close_code(1), None);
}

#[test]
fn unsubscribing_ends_a_replay() {
    let mut config = config();
    config.queue_frames = 8;
    let mut world = World::with(config);
    world.register("exec_1", "alice");
    world.stream("exec_1", 20);
    world.connect_with(1, "alice", REPLAY);
    world.block(1);
    world.send(1, r#"{"type":"replay","executionId":"exec_1","since":0}"#);
    world.unsubscribe(1, "exec_1");
    world.unblock(1);
    let frames = world.take(1);
    assert!(frames.len() < 8);
    assert_eq!(
        frames.last().unwrap(),
        r#"{"type":"unsubscribed","executionId":"exec_1"}"#
    );
}

#[test]
fn waiting_replays_are_bounded() {
    let mut config = config();
    config.queue_frames = 2;
    config.max_replays = 3;
    let mut world = World::with(config);
    world.register("exec_1", "alice");
    world.stream("exec_1", 5);
    world.connect_with(1, "alice", REPLAY);
    world.block(1);
    for _ in 0..4 {
        world.send(1, r#"{"type":"replay","executionId":"exec_1","since":0}"#);
    }
    assert_eq!(world.hub.counters().too_many_replays, 1);
}

#[test]
fn anothers_history_is_answered_like_an_unknown_one() {
    let mut world = World::new();
    world.register("exec_1", "bob");
    world.stream("exec_1", 3);
    world.connect_with(1, "alice", REPLAY);
    let mut answers = Vec::new();
    for execution_id in ["exec_1", "exec_2"] {
        world.send(
            1,
            &format!(r#"{{"type":"replay","executionId":"{execution_id}","since":0}}"#),
        );
        answers.push(world.take(1).concat());
    }
    assert!(answers[0].contains(r#""code":"forbidden""#));
    assert_eq!(answers[0].replace("exec_1", "exec_2"), answers[1]);
}

#[test]
fn a_small_live_event_does_not_overtake_a_large_one_of_a_replay() {
    let mut config = config();
    config.queue_bytes = 10_000;
    let mut world = World::with(config);
    world.register("exec_1", "alice");
    world.emit(stream("exec_1", &"x".repeat(3_000)));
    world.emit(stream("exec_1", &"x".repeat(8_000)));
    world.connect_with(1, "alice", REPLAY);
    world.resume(1, "exec_1", 2);
    world.take(1);
    world.block(1);
    world.send(1, r#"{"type":"replay","executionId":"exec_1","since":0}"#);
    world.stream("exec_1", 1);
    world.unblock(1);
    assert_eq!(world.take_seqs(1), [1, 2, 0, 3]);
}

#[test]
fn subscribing_again_does_not_end_a_replay() {
    let mut config = config();
    config.queue_frames = 8;
    let mut world = World::with(config);
    world.register("exec_1", "alice");
    world.stream("exec_1", 20);
    world.connect_with(1, "alice", REPLAY);
    world.block(1);
    world.send(1, r#"{"type":"replay","executionId":"exec_1","since":0}"#);
    world.resume(1, "exec_1", 20);
    world.unblock(1);
    let last = world.take(1).pop().unwrap();
    assert!(last.contains(r#""type":"replayed""#), "{last}");
}
