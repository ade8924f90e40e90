//! The past of an execution, asked for.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that fails should panic"
)]

mod common;

use common::*;
use flowmaestro_protocol::Feature::{Ack, Ping, Replay};
use flowmaestro_session::{
    Frame, FrameKind, Gap, GapReason, Input, Millis, Outgoing, Refused, ReplayError,
};

fn asked(world: &World) -> Vec<(u32, u64)> {
    let messages = world.transmitted().into_iter();
    let asked = messages.filter_map(|message| match message {
        Outgoing::Replay { execution, since } => Some((execution.0, since)),
        _ => None,
    });
    asked.collect()
}

/// Connected to a server with a history of ten events.
fn with_history() -> World {
    let mut world = World::featured(&[Replay]);
    world.publish_many(1, 10);
    world
}

/// Subscribed to an execution whose first five events are gone, and told so.
fn with_gap() -> World {
    let mut world = World::featured(&[Replay]);
    world.publish_many(1, 4);
    world.subscribe(1);
    world.advance(30.0);
    world.cut(1006, "");
    world.publish_many(1, 5);
    world.trim(1, 6);
    world.advance(1100.0);
    assert_eq!(world.seqs(1), [1, 2, 3, 4, 7, 8, 9]);
    let [(1, gap)] = world.gaps()[..] else {
        panic!("{:?}", world.gaps());
    };
    assert_eq!((gap.from, gap.reason), (Some(5), GapReason::Evicted));
    world.forget();
    world
}

#[test]
fn what_is_not_subscribed_is_delivered_and_counted() {
    let mut world = with_history();
    world.replay(1, 1, 4).unwrap();
    assert_eq!(asked(&world), [(1, 4)]);
    world.advance(100.0);
    assert_eq!(world.seqs(1), [4, 5, 6, 7, 8, 9, 10]);
    assert_eq!(world.replays(), [(1, Ok((7, true)))]);
    assert!(world.asked(1).is_empty(), "it is not subscribed");

    // What comes later is nobody's, and who asks again gets it all again.
    world.publish(1);
    world.replay(2, 1, 10).unwrap();
    world.advance(100.0);
    assert_eq!(world.seqs(1)[7..], [10, 11]);
}

#[test]
fn what_the_server_lacks_is_said() {
    let mut world = with_history();
    world.trim(1, 6);
    world.replay(1, 1, 0).unwrap();
    world.replay(2, 1, 7).unwrap();
    world.replay(3, 2, 0).unwrap();
    world.advance(200.0);
    let ends = [(1, Ok((4, false))), (2, Ok((4, true))), (3, Ok((0, true)))];
    assert_eq!(world.replays(), ends);
}

#[test]
fn what_was_delivered_is_not_delivered_twice() {
    let mut world = with_history();
    world.subscribe(1);
    world.advance(50.0);
    world.replay(1, 1, 0).unwrap();
    world.publish(1);
    world.advance(50.0);
    assert_eq!(world.seqs(1), (1..=11).collect::<Vec<_>>());
    assert_eq!(world.replays(), [(1, Ok((11, true)))]);
    assert_eq!(world.session.stats().duplicates, 11);
    assert_eq!(world.asked(1).len(), 1);
}

#[test]
fn what_was_told_as_a_gap_is_delivered_after_all_once_the_server_has_it() {
    let mut world = with_gap();
    world.server.histories.get_mut(&1).unwrap().trimmed = 0; // it was elsewhere
    world.replay(1, 1, 3).unwrap();
    world.advance(50.0);
    assert_eq!(world.seqs(1), [5, 6]);
    assert_eq!(world.session.cursor(key(1)), Some(9));
    world.replay(2, 1, 3).unwrap();
    world.publish(1);
    world.advance(50.0);
    assert_eq!(world.seqs(1), [5, 6, 10], "once, and the order goes on");
}

#[test]
fn a_subscription_that_begins_meanwhile_delivers_the_rest() {
    let mut world = with_history();
    world.fates = [Fate::Arrives; 7].into();
    world.fates.push_back(Fate::Late(100.0)); // the end of the answer
    world.replay(1, 1, 4).unwrap();
    world.advance(50.0);
    world.subscribe(1);
    world.publish(1);
    world.advance(100.0);
    let mut seqs = world.seqs(1);
    assert_eq!(seqs[..7], [4, 5, 6, 7, 8, 9, 10]);
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=11).collect::<Vec<_>>());
}

#[test]
fn requests_wait_for_each_other_and_for_a_connection() {
    let mut world = World::new(exact());
    world.server.features = Some([Replay].into_iter().collect());
    world.publish_many(1, 3);
    world.publish_many(2, 2);
    world.connect(token("t"));
    world.replay(1, 1, 0).unwrap();
    world.replay(2, 2, 0).unwrap();
    world.replay(3, 1, 2).unwrap();
    assert_eq!(asked(&world), []);
    world.advance(200.0);
    assert_eq!(asked(&world), [(1, 0), (2, 0), (1, 2)]);
    let ends = [(1, Ok((3, true))), (2, Ok((2, true))), (3, Ok((2, true)))];
    assert_eq!(world.replays(), ends);
    assert_eq!(
        world.seqs(1),
        [1, 2, 3],
        "both were asked before the answer"
    );
}

#[test]
fn a_request_waits_until_the_subscription_is_answered() {
    let mut world = with_history();
    world.subscribe(1);
    world.replay(1, 1, 0).unwrap();
    assert_eq!(asked(&world), []);
    world.advance(100.0);
    assert_eq!(asked(&world), [(1, 0)]);
    assert_eq!(world.replays(), [(1, Ok((10, true)))]);
}

#[test]
fn a_server_without_replay_is_told_of() {
    let mut world = World::featured(&[Ping]);
    world.replay(1, 1, 0).unwrap();
    assert_eq!(world.replays(), [(1, Err(ReplayError::NotSupported))]);
    let mut world = World::new(exact());
    world.connect(token("t"));
    world.replay(1, 1, 0).unwrap();
    world.replay(2, 1, 0).unwrap();
    assert!(world.replays().is_empty(), "nobody knows yet");
    world.advance(30.0);
    let not_supported = Err(ReplayError::NotSupported);
    assert_eq!(world.replays(), [(1, not_supported), (2, not_supported)]);
    assert_eq!(asked(&world), []);
}

#[test]
fn a_refusal_ends_the_request_it_is_about() {
    let mut world = with_history();
    world.server.forbidden.insert(2);
    world.server.busy.insert(3, 1);
    for (id, execution) in [(1, 2), (2, 3), (3, 1)] {
        world.replay(id, execution, 0).unwrap();
    }
    world.advance(200.0);
    let refused = [
        (1, Err(ReplayError::Forbidden)),
        (2, Err(ReplayError::Rejected)),
        (3, Ok((10, true))),
    ];
    assert_eq!(world.replays(), refused);
    assert_eq!(world.problems().len(), 2);
}

#[test]
fn a_refused_subscription_does_not_end_the_request() {
    let mut world = with_history();
    world.server.busy.insert(1, 1);
    world.subscribe(1);
    world.replay(1, 1, 0).unwrap();
    world.advance(100.0);
    assert_eq!((asked(&world), world.replays()), (vec![], vec![]));
    world.advance(5000.0); // it is asked for again
    assert_eq!(world.replays(), [(1, Ok((10, true)))]);
}

#[test]
fn a_request_is_asked_again_on_the_next_connection() {
    let mut world = with_history();
    world.server.thinks = true;
    world.subscribe(1);
    world.advance(50.0);
    world.replay(1, 1, 0).unwrap();
    world.replay(2, 2, 0).unwrap();
    world.advance(50.0);
    world.cut(1006, "");
    world.advance(10.0);
    assert!(world.replays().is_empty());
    world.server.thinks = false;
    world.advance(1200.0);
    assert_eq!(asked(&world), [(1, 0), (1, 0), (2, 0)]);
    assert_eq!(world.replays(), [(1, Ok((10, true))), (2, Ok((0, true)))]);
    assert_eq!(world.seqs(1), (1..=10).collect::<Vec<_>>());
}

#[test]
fn a_restarted_servers_events_are_not_taken_for_those_of_before() {
    let mut world = with_history();
    world.server.thinks = true;
    world.subscribe(1);
    world.advance(50.0);
    world.replay(1, 1, 0).unwrap();
    world.advance(50.0);
    world.restart();
    world.publish_many(1, 3);
    world.trim(1, 2); // so the subscription brings the third only
    world.advance(6000.0);
    world.server.histories.get_mut(&1).unwrap().trimmed = 0;
    world.forget();
    world.answer_replays();
    world.advance(50.0);
    assert_eq!(world.seqs(1), [1, 2]);
    assert_eq!(world.replays(), [(1, Ok((3, true)))]);
}

#[test]
fn what_had_begun_without_a_subscription_ends_with_the_connection() {
    let mut world = with_history();
    world.fates = [Fate::Arrives, Fate::Arrives].into();
    world.fates.extend([Fate::Lost; 9]);
    world.replay(1, 1, 0).unwrap();
    world.replay(2, 1, 0).unwrap();
    world.advance(100.0);
    assert_eq!(world.seqs(1), [1, 2]);
    world.cut(1006, "");
    world.advance(20.0);
    assert_eq!(world.replays(), [(1, Err(ReplayError::ConnectionLost))]);
    world.advance(2000.0);
    assert_eq!(world.replays()[1..], [(2, Ok((10, true)))]);
    assert_eq!(world.session.waiting_replays(), 0);
}

#[test]
fn what_had_begun_with_a_subscription_goes_on() {
    let mut world = with_gap();
    world.server.histories.get_mut(&1).unwrap().trimmed = 0;
    world.fates = [Fate::Arrives; 5].into();
    world.fates.extend([Fate::Lost; 5]); // among them the sixth event, and the end of the answer
    world.replay(1, 1, 0).unwrap();
    world.advance(50.0);
    assert_eq!(world.seqs(1), [5]);
    world.cut(1006, "");
    world.advance(2200.0);
    assert_eq!(world.seqs(1), [5, 6]);
    assert_eq!(world.replays(), [(1, Ok((9, true)))]);
}

/// Once an execution has ended it is not subscribed to again, so nobody says whether the next
/// server's numbers are the same.
#[test]
fn what_ended_before_the_connection_is_read_afresh() {
    let mut world = with_history();
    world.publish_terminal(1);
    world.subscribe(1);
    world.advance(50.0);
    world.replay(1, 1, 0).unwrap();
    world.advance(500.0);
    assert_eq!(
        world.seqs(1).len(),
        11,
        "on the same connection nothing is new"
    );
    world.restart();
    world.publish_many(1, 2);
    world.advance(6000.0);
    world.forget();
    for id in [2, 3] {
        world.replay(id, 1, 0).unwrap();
        world.advance(100.0);
    }
    assert_eq!(world.seqs(1), [1, 2, 1, 2]);
}

#[test]
fn a_subscription_that_never_learned_which_history_it_was_takes_the_next_as_it_is() {
    let mut world = with_history();
    world.fates = [Fate::Arrives; 3].into();
    world.fates.extend([Fate::Lost; 8]);
    world.replay(1, 1, 0).unwrap();
    world.advance(50.0);
    world.server.mute.insert(1);
    world.subscribe(1);
    world.restart();
    world.server.mute.clear();
    world.publish_many(1, 3);
    world.advance(6000.0);
    assert_eq!(world.seqs(1), [1, 2, 3, 1, 2, 3]);
    assert_eq!(world.replays(), [(1, Err(ReplayError::ConnectionLost))]);
}

/// The numbers of the events that were delivered may be those of another history.
#[test]
fn what_came_of_a_history_that_was_never_named_is_read_afresh() {
    let mut world = World::featured(&[Replay, Ack]);
    world.server.mute.insert(1);
    world.publish_critical(1);
    world.subscribe(1);
    world.cut(1006, "");
    world.advance(40_000.0);
    assert_eq!(
        world.seqs(1),
        [1],
        "although the subscription has no answer"
    );
    world.replay(1, 1, 0).unwrap(); // nor has this
    world.server.mute.clear();
    world.restart();
    world.publish_many(1, 2);
    world.forget();
    world.advance(6000.0);
    let mut seqs = world.seqs(1);
    seqs.sort_unstable(); // the subscription brought the second
    assert_eq!(seqs, [1, 2]);
    assert_eq!(world.replays(), [(1, Ok((2, true)))]);
}

/// Whom the execution was released by, the next connection tells nothing of its history.
#[test]
fn what_a_subscription_delivered_that_ended_with_the_connection_is_read_afresh() {
    let mut world = with_history();
    world.subscribe(1);
    world.advance(50.0);
    world.forget();
    world.unsubscribe(1);
    world.replay(1, 1, 9).unwrap();
    world.cut(1006, ""); // while the server keeps the subscription for those who return
    world.advance(2000.0);
    assert_eq!(world.released(), [1]);
    assert_eq!(world.seqs(1), [9, 10]);
    assert_eq!(world.replays(), [(1, Ok((2, true)))]);
}

#[test]
fn a_restart_is_told_from_behind_what_a_replay_has_brought() {
    let mut world = with_history();
    world.server.mute.insert(2);
    world.replay(1, 1, 0).unwrap();
    world.replay(2, 2, 0).unwrap(); // is not answered
    world.replay(3, 1, 0).unwrap(); // so that what the first has brought is remembered
    world.advance(50.0);
    world.subscribe(1);
    world.advance(50.0);
    assert_eq!(world.seqs(1).len(), 10);
    world.restart();
    world.advance(6000.0);
    let told = Gap {
        from: Some(11),
        to: None,
        reason: GapReason::Restarted,
    };
    assert_eq!(world.gaps(), [(1, told)]);
}

/// Without a number there is nothing to ask the next server about, so it does not say that it has
/// restarted.
#[test]
fn what_came_before_a_subscription_had_a_number_is_read_afresh() {
    let mut world = with_history();
    world.trim(1, 9);
    world.fates = [Fate::Arrives, Fate::Lost].into();
    world.replay(1, 1, 0).unwrap();
    world.advance(50.0);
    assert_eq!(world.seqs(1), [10]);
    world.fates = [Fate::Arrives, Fate::Lost].into(); // its answer, without the event behind it
    world.subscribe(1);
    world.advance(50.0);
    assert_eq!(world.gaps().len(), 1);
    world.forget();
    world.restart();
    world.publish_many(1, 10);
    world.advance(6000.0);
    assert_eq!(world.seqs(1), (1..=10).collect::<Vec<_>>());
    assert!(world.gaps().is_empty());
}

#[test]
fn what_ended_on_this_connection_is_not_read_again_although_nobody_said_where_it_stood() {
    let mut world = World::featured(&[Replay]);
    world.server.mute.insert(1);
    world.publish_terminal(1);
    world.subscribe(1);
    world.advance(25_000.0); // and it was asked for the last time
    world.server.mute.clear();
    for id in [1, 2] {
        world.replay(id, 1, 0).unwrap();
        world.advance(10_000.0);
    }
    assert_eq!(world.seqs(1), [1]);
    assert_eq!(world.replays(), [(1, Ok((1, true))), (2, Ok((1, true)))]);
}

/// The first event that the subscription gets ends its gap, also where a replay had brought it.
#[test]
fn a_gap_behind_what_a_replay_has_brought_is_told_from_there() {
    let mut world = with_history();
    world.trim(1, 6);
    world.fates = [Fate::Arrives; 4].into();
    world.fates.push_back(Fate::Late(100.0)); // the end of the answer
    world.replay(1, 1, 0).unwrap();
    world.advance(50.0);
    world.fates = [Fate::Arrives, Fate::Arrives, Fate::Late(100.0)].into();
    world.subscribe(1);
    world.advance(50.0);
    let evicted = |from, to| Gap {
        from: Some(from),
        to,
        reason: GapReason::Evicted,
    };
    assert_eq!(
        world.gaps(),
        [(1, evicted(1, None)), (1, evicted(8, Some(8)))]
    );
    world.publish(1);
    world.advance(200.0);
    assert_eq!(world.seqs(1), [7, 8, 9, 10, 11]);
}

#[test]
fn what_a_replay_brought_behind_the_terminal_event_is_not_told_to_be_missing() {
    let mut world = World::featured(&[Replay, Ack]);
    world.publish_terminal(1);
    world.publish(1);
    world.fates = [Fate::Arrives, Fate::Late(500.0)].into();
    world.replay(1, 1, 2).unwrap();
    world.advance(50.0);
    world.subscribe(1);
    world.advance(1000.0);
    assert_eq!(world.seqs(1), [2, 1]);
    world.publish_critical(1);
    world.cut(1006, "");
    world.advance(2000.0); // it was never acknowledged, so it comes
    let told = Gap {
        from: Some(3),
        to: None,
        reason: GapReason::Baseline,
    };
    assert_eq!(world.gaps(), [(1, told)]);
    assert_eq!(world.seqs(1), [2, 1, 3]);
}

#[test]
fn a_refused_subscription_does_not_end_the_request_before_it() {
    let mut world = with_history();
    world.server.thinks = true;
    world.replay(1, 1, 0).unwrap();
    world.advance(50.0);
    world.server.busy.insert(1, 1);
    world.subscribe(1);
    world.advance(50.0);
    assert!(world.replays().is_empty());
    world.answer_replays();
    world.advance(50.0);
    assert_eq!(world.replays(), [(1, Ok((10, true)))]);
}

/// A handler may unsubscribe while an event of the past waits behind the one it was called with.
#[test]
fn what_is_taken_back_of_the_past_leaves_the_order_alone() {
    let mut world = with_gap();
    world.server.histories.get_mut(&1).unwrap().trimmed = 0;
    world.server.thinks = true;
    world.replay(1, 1, 0).unwrap();
    world.advance(50.0);
    let generation = world.open_socket.unwrap();
    let kind = FrameKind::Event {
        event: 1,
        execution: Some(key(1)),
        terminal: false,
        seq: Some(5),
        ack: false,
    };
    let payload = "#1.5".to_owned();
    let frame = Frame { kind, payload };
    let frame = Input::SocketFrame { generation, frame };
    world.session.handle(Millis(world.now), frame).unwrap();
    world.unsubscribe(1);
    world.subscribe(1);
    world.advance(100.0);
    assert!(world.asked(1).is_empty());
    assert!(world.seqs(1).is_empty());
    world.replay(2, 1, 5).unwrap();
    world.answer_replays(); // the first
    world.advance(50.0);
    world.answer_replays();
    world.advance(50.0);
    assert_eq!(world.seqs(1), [5, 6], "it can be asked for again");
}

#[test]
fn nothing_comes_after_unsubscribe() {
    let mut world = with_gap();
    world.server.histories.get_mut(&1).unwrap().trimmed = 0;
    world.server.thinks = true;
    world.replay(1, 1, 0).unwrap();
    world.replay(2, 1, 0).unwrap();
    world.advance(50.0);
    world.unsubscribe(1);
    let unsubscribed = Err(ReplayError::Unsubscribed);
    assert_eq!(world.replays(), [(1, unsubscribed), (2, unsubscribed)]);
    world.answer_replays();
    world.advance(1000.0);
    assert!(world.seqs(1).is_empty());
}

#[test]
fn an_answer_to_an_abandoned_request_is_not_taken_for_the_next() {
    let mut world = with_gap();
    world.server.thinks = true;
    world.replay(1, 1, 0).unwrap();
    world.advance(50.0);
    world.unsubscribe(1);
    world.replay(2, 1, 8).unwrap();
    world.answer_replays(); // before it hears that nobody wants the execution
    world.advance(50.0);
    assert_eq!(world.replays().len(), 1, "of the first");
    world.answer_replays();
    world.advance(50.0);
    assert_eq!(world.replays()[1..], [(2, Ok((2, true)))]);
}

#[test]
fn who_returns_before_the_answer_to_an_abandoned_request_gets_everything() {
    let mut world = with_history();
    world.subscribe(1);
    world.advance(50.0);
    world.publish_terminal(1);
    world.advance(500.0); // and the subscription has ended
    world.forget();
    world.server.thinks = true;
    world.replay(1, 1, 0).unwrap();
    world.advance(50.0);
    world.unsubscribe(1);
    assert_eq!(world.released(), [1]);
    world.subscribe(1);
    world.answer_replays();
    world.advance(50.0);
    assert_eq!(world.seqs(1), (1..=11).collect::<Vec<_>>());
    assert!(world.gaps().is_empty());
}

/// The server drops what it was asked for when it hears that nobody wants the execution.
#[test]
fn a_request_that_the_server_forgot_is_sent_again() {
    let mut world = with_history();
    world.server.thinks = true;
    world.subscribe(1);
    world.advance(50.0);
    world.unsubscribe(1);
    world.replay(1, 1, 9).unwrap();
    world.advance(300.0); // the subscription ends
    world.server.thinks = false;
    world.advance(300.0);
    assert_eq!(asked(&world), [(1, 9), (1, 9)]);
    world.answer_replays();
    world.advance(100.0);
    assert_eq!(world.replays(), [(1, Ok((2, true)))]);
}

#[test]
fn an_abandoned_request_that_the_server_forgot_holds_nobody_up() {
    let mut world = with_history();
    world.server.thinks = true;
    world.subscribe(1);
    world.advance(50.0);
    world.replay(1, 1, 9).unwrap();
    world.advance(10.0);
    world.unsubscribe(1);
    world.replay(2, 2, 0).unwrap();
    world.advance(400.0);
    world.answer_replays();
    world.advance(50.0);
    assert_eq!(world.replays()[1..], [(2, Ok((0, true)))]);
}

#[test]
fn a_silent_server_is_given_up() {
    let mut world = with_history();
    world.server.mute.insert(1);
    world.replay(1, 1, 0).unwrap();
    world.replay(2, 2, 0).unwrap();
    world.advance(29_999.0);
    assert!(world.replays().is_empty());
    world.advance(1.0);
    assert_eq!(world.replays(), [(1, Err(ReplayError::TimedOut))]);
    world.advance(50.0);
    assert_eq!(world.replays()[1..], [(2, Ok((0, true)))]);
}

#[test]
fn a_slow_server_is_not() {
    let mut world = with_history();
    world.fates = [Fate::Late(20_000.0); 11].into();
    world.fates.extend([Fate::Late(25_000.0); 1]);
    world.fates[10] = Fate::Late(45_000.0);
    world.replay(1, 1, 0).unwrap();
    world.advance(60_000.0);
    assert_eq!(world.replays(), [(1, Ok((10, true)))]);
}

#[test]
fn without_a_connection_a_request_waits_for_so_long() {
    let mut world = World::new(exact());
    world.server.admission = Admission::Refuse;
    world.options.reconnect.max_attempts = u32::MAX;
    world.session.configure(world.options);
    world.connect(token("t"));
    world.replay(1, 1, 0).unwrap();
    world.advance(599_000.0);
    assert!(world.replays().is_empty());
    world.advance(1_000.0);
    assert_eq!(world.replays(), [(1, Err(ReplayError::Expired))]);
}

#[test]
fn without_the_wish_for_a_connection_it_is_refused() {
    let mut world = World::new(exact());
    assert_eq!(world.replay(1, 1, 0), Err(Refused::Disconnected));
    world.connect(token("t"));
    world.replay(2, 1, 0).unwrap();
    world.connect(token("another"));
    world.replay(3, 1, 0).unwrap();
    world.disconnect();
    let ends = [
        (2, Err(ReplayError::IdentityReplaced)),
        (3, Err(ReplayError::Disconnected)),
    ];
    assert_eq!(world.replays(), ends);
    world.server.admission = Admission::Close(1008, "Invalid token");
    world.connect(token("bad"));
    world.replay(4, 1, 0).unwrap();
    world.advance(100.0);
    assert_eq!(
        world.replays()[2..],
        [(4, Err(ReplayError::ConnectionFailed))]
    );
    assert_eq!(world.replay(5, 1, 0), Err(Refused::Failed));
}

#[test]
fn waiting_requests_are_bounded() {
    let mut world = World::new(exact());
    world.connect(token("t"));
    for id in 0..100 {
        world.replay(id, 1, 0).unwrap();
    }
    assert_eq!(world.replay(100, 1, 0), Err(Refused::QueueFull));
}

#[test]
fn a_critical_event_of_the_past_is_acknowledged() {
    let mut world = World::featured(&[Replay, Ack]);
    world.publish_critical(1);
    world.replay(1, 1, 0).unwrap();
    world.advance(100.0);
    assert_eq!(world.server.event_acks, [(1, 1)]);
}
