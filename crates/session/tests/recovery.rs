//! The order of numbered events, and what becomes of those that are missing.

#![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

mod common;

use common::*;
use flowmaestro_protocol::Feature::{Ack, Ping, Presence, Replay};
use flowmaestro_session::close_code::NO_ANSWER;
use flowmaestro_session::{
    Effect, FrameKind, Gap, GapReason, Input, Options, Outgoing, Position, Problem, SendId,
};

fn gap(from: impl Into<Option<u64>>, to: impl Into<Option<u64>>, reason: GapReason) -> Gap {
    let (from, to) = (from.into(), to.into());
    Gap { from, to, reason }
}

/// A session that has had these events of execution 1, on a server with a history.
fn after(events: u64) -> World {
    let mut world = World::featured(&[Replay, Ack, Ping]);
    world.subscribe(1);
    world.advance(20.0);
    world.publish_many(1, events);
    world.advance(10.0);
    assert_eq!(world.session.cursor(key(1)), Some(events));
    world.forget();
    world
}

/// Lets the connection end and the next begin, whose answers are on their way.
fn welcome_again(world: &mut World) {
    world.advance_until(|world| !world.is_connected());
    world.advance_until(World::is_connected);
}

fn reconnect(world: &mut World) {
    welcome_again(world);
    world.advance(100.0);
}

/// The next event is lost on the way, and the one after it arrives.
fn lose_one(world: &mut World, execution: u32) {
    world.fates = [Fate::Lost, Fate::Arrives].into();
    world.publish_many(execution, 2);
    world.advance(10.0);
}

#[test]
fn a_fresh_subscription_gets_the_run_from_its_start() {
    let mut world = World::featured(&[Replay]);
    world.publish_many(1, 3);
    world.subscribe(1);
    world.advance(20.0);
    world.publish(1);
    world.advance(10.0);
    assert_eq!(world.seqs(1), [1, 2, 3, 4]);
    assert_eq!(world.asked(1), [None]);
    assert!(world.gaps().is_empty());
    let subscribed = Effect::Subscribed {
        execution: key(1),
        resumed: false,
        recovered: true,
    };
    assert!(
        world
            .effects
            .iter()
            .any(|(_, effect)| *effect == subscribed)
    );
}

#[test]
fn a_fresh_subscription_to_a_trimmed_history_is_told_so() {
    let mut world = World::featured(&[Replay]);
    world.publish_many(1, 5);
    world.trim(1, 3);
    world.subscribe(1);
    world.advance(20.0);
    assert_eq!(world.gaps(), [(1, gap(1, None, GapReason::Evicted))]);
    assert_eq!(world.seqs(1), [4, 5]);
}

#[test]
fn after_a_reconnect_the_server_goes_on_from_the_last_event() {
    let mut world = after(2);
    world.cut(1006, "");
    world.publish_many(1, 3);
    reconnect(&mut world);
    assert_eq!(world.asked(1), [Some(2)]);
    assert_eq!(world.seqs(1), [3, 4, 5]);
    assert!(world.gaps().is_empty());
    assert_eq!(world.session.cursor(key(1)), Some(5));
}

#[test]
fn before_the_first_event_the_server_goes_on_from_the_start() {
    let mut world = after(0);
    world.cut(1006, "");
    world.publish(1);
    reconnect(&mut world);
    assert_eq!((world.asked(1), world.seqs(1)), (vec![Some(0)], vec![1]));
}

#[test]
fn what_comes_twice_is_delivered_once() {
    let mut world = after(0);
    world.fates = [Fate::Doubled, Fate::Doubled].into();
    world.publish_many(1, 2);
    world.advance(20.0);
    assert_eq!(world.seqs(1), [1, 2]);
    assert_eq!(world.session.stats().duplicates, 2);
    assert!(world.asked(1).is_empty());
}

#[test]
fn what_the_server_does_not_have_any_more_is_told() {
    let mut world = after(2);
    world.cut(1006, "");
    world.publish_many(1, 5);
    world.trim(1, 5);
    reconnect(&mut world);
    assert_eq!(world.gaps(), [(1, gap(3, None, GapReason::Evicted))]);
    assert_eq!(world.seqs(1), [6, 7]);
    world.publish(1);
    world.advance(10.0);
    assert_eq!(world.seqs(1), [6, 7, 8]);
    assert_eq!(world.session.stats().gaps, 1);
}

#[test]
fn a_gap_that_was_told_before_the_next_cut_is_told_from_the_same_event() {
    let mut world = after(2);
    world.cut(1006, "");
    world.publish_many(1, 5);
    world.trim(1, 7);
    reconnect(&mut world);
    world.cut(1006, "");
    reconnect(&mut world);
    let told = (1, gap(3, None, GapReason::Evicted));
    assert_eq!(world.gaps(), [told, told]);
    assert_eq!(world.asked(1), [Some(2), Some(2)]);
    world.publish(1);
    world.advance(10.0);
    assert_eq!(world.seqs(1), [8]);
}

#[test]
fn a_restarted_server_begins_anew() {
    let mut world = after(4);
    world.restart();
    world.publish_many(1, 2);
    reconnect(&mut world);
    assert_eq!(world.gaps(), [(1, gap(5, None, GapReason::Restarted))]);
    assert_eq!(world.seqs(1), [1, 2]);
    world.cut(1006, "");
    world.publish(1);
    reconnect(&mut world);
    assert_eq!(world.seqs(1), [1, 2, 3]);
    assert_eq!(world.session.stats().gaps, 1);
}

#[test]
fn a_restart_with_as_many_events_is_one_all_the_same() {
    let mut world = after(2);
    world.restart();
    world.publish_many(1, 3);
    reconnect(&mut world);
    assert_eq!(world.seqs(1), [1, 2, 3]);
}

#[test]
fn a_server_that_restarts_twice_begins_anew_twice() {
    let mut world = after(4);
    world.restart();
    reconnect(&mut world);
    world.restart();
    world.publish(1);
    reconnect(&mut world);
    assert_eq!(world.seqs(1), [1]);
}

#[test]
fn behind_a_hole_events_are_held_until_it_is_filled() {
    let mut world = after(5);
    lose_one(&mut world, 1);
    world.publish(1);
    world.advance(10.0);
    assert!(world.seqs(1).is_empty());
    assert_eq!(world.session.held_events(), 2);
    assert_eq!(world.asked(1), [Some(5)], "once");
    world.advance(20.0);
    assert_eq!(world.seqs(1), [6, 7, 8]);
    assert_eq!(world.session.held_events(), 0);
    assert!(world.gaps().is_empty());
    assert!(
        world.acknowledged().is_empty(),
        "it is the same subscription"
    );
}

#[test]
fn an_event_that_is_overtaken_fills_the_hole_itself() {
    let mut world = after(5);
    world.fates = [Fate::Late(5.0)].into();
    world.publish_many(1, 3);
    world.advance(15.0);
    assert_eq!(world.seqs(1), [6, 7, 8]);
    world.advance(100.0);
    assert_eq!((world.seqs(1), world.asked(1).len()), (vec![6, 7, 8], 1));
}

#[test]
fn a_hole_that_stays_is_told_and_what_follows_is_delivered() {
    let mut world = after(5);
    world.server.histories.get_mut(&1).unwrap().holes = [6, 7].into();
    world.publish_many(1, 4);
    world.advance(100.0);
    assert_eq!(world.gaps(), [(1, gap(6, 7, GapReason::Evicted))]);
    assert_eq!(world.seqs(1), [8, 9]);
    assert_eq!(world.asked(1), [Some(5)]);
}

#[test]
fn a_hole_that_even_the_head_says_nothing_of_is_told() {
    let mut world = after(5);
    world.fates = [
        Fate::Lost,
        Fate::Arrives,
        Fate::Arrives,
        Fate::Lost,
        Fate::Lost,
    ]
    .into();
    world.publish_many(1, 2);
    world.advance(30.0);
    assert!(world.seqs(1).is_empty());
    world.publish(1);
    world.advance(100.0);
    assert_eq!(world.gaps(), [(1, gap(6, 7, GapReason::Evicted))]);
    assert_eq!(world.seqs(1), [8]);
    assert_eq!(world.asked(1), [Some(5)]);
}

#[test]
fn many_holes_in_a_history_cost_one_question() {
    let mut world = after(5);
    world.server.histories.get_mut(&1).unwrap().holes = (6..40).step_by(2).collect();
    world.publish_many(1, 36);
    world.advance(1000.0);
    assert_eq!(world.seqs(1).len(), 19);
    assert_eq!(world.gaps().len(), 17);
    assert_eq!(world.asked(1), [Some(5)]);
}

#[test]
fn each_new_hole_is_asked_about() {
    let mut world = after(5);
    for round in 0..3 {
        lose_one(&mut world, 1);
        world.advance(100.0);
        assert_eq!(world.session.cursor(key(1)), Some(7 + 2 * round));
    }
    assert_eq!(world.asked(1), [Some(5), Some(7), Some(9)]);
    assert!(world.gaps().is_empty());
}

#[test]
fn events_that_arrive_before_the_answer_do_not_spoil_the_next_question() {
    // The server's head runs ahead of its events: asked for nothing, they arrive by themselves.
    let mut world = after(5);
    let generation = world.open_socket.unwrap();
    let head = Input::Head {
        generation,
        execution: key(1),
        seq: 6,
    };
    world.handle(head).unwrap();
    world.publish(1);
    world.advance(100.0);
    assert_eq!((world.asked(1), world.seqs(1)), (vec![Some(5)], vec![6]));
    lose_one(&mut world, 1);
    world.advance(100.0);
    assert_eq!(world.asked(1), [Some(5), Some(6)]);
    assert_eq!((world.seqs(1), world.gaps()), (vec![6, 7, 8], vec![]));
}

#[test]
fn the_last_event_is_missed_at_the_next_pong() {
    let mut world = after(5);
    world.fates.push_back(Fate::Lost);
    world.publish_terminal(1);
    world.advance(10_100.0);
    assert_eq!(world.asked(1), [Some(5)]);
    assert_eq!(world.seqs(1), [6]);
    assert!(world.expected().is_empty(), "it was the last");
}

#[test]
fn a_last_event_that_cannot_be_had_is_told_at_the_pong_after() {
    let mut world = after(5);
    world.server.histories.get_mut(&1).unwrap().holes = [6].into();
    world.publish(1);
    world.advance(10_100.0);
    assert_eq!((world.asked(1), world.gaps()), (vec![Some(5)], vec![]));
    world.advance(10_100.0);
    assert_eq!(world.gaps(), [(1, gap(6, 6, GapReason::Evicted))]);
    assert_eq!(world.session.cursor(key(1)), Some(6));
    world.advance(50_000.0);
    assert_eq!(world.asked(1).len(), 1);
    world.publish(1);
    world.advance(10.0);
    assert_eq!(world.seqs(1), [7]);
}

#[test]
fn the_rest_of_a_trimmed_history_is_missed_at_the_pong_as_well() {
    let mut world = after(2);
    world.cut(1006, "");
    world.publish_many(1, 5);
    world.trim(1, 5);
    world.fates = [Fate::Arrives, Fate::Arrives, Fate::Lost, Fate::Lost].into();
    reconnect(&mut world);
    assert!(world.seqs(1).is_empty());
    world.advance(10_100.0);
    assert_eq!(world.seqs(1), [6, 7]);
}

#[test]
fn a_head_while_the_answer_is_due_changes_nothing() {
    let mut world = after(5);
    lose_one(&mut world, 1);
    let generation = world.open_socket.unwrap();
    let head = Input::Head {
        generation,
        execution: key(1),
        seq: 7,
    };
    world.handle(head).unwrap();
    world.advance(100.0);
    assert_eq!((world.asked(1), world.seqs(1)), (vec![Some(5)], vec![6, 7]));
}

#[test]
fn a_head_of_another_socket_or_of_nobodys_execution_is_ignored() {
    let mut world = after(5);
    for (generation, execution) in [(0, 1), (1, 2)] {
        let head = Input::Head {
            generation: flowmaestro_session::Generation(generation),
            execution: key(execution),
            seq: 9,
        };
        world.handle(head).unwrap();
    }
    world.unsubscribe(1);
    let generation = world.open_socket.unwrap();
    let head = Input::Head {
        generation,
        execution: key(1),
        seq: 9,
    };
    world.handle(head).unwrap();
    assert!(world.transmitted().is_empty());
}

#[test]
fn heads_mean_nothing_to_a_server_without_a_history() {
    let mut world = World::featured(&[Ping]);
    world.subscribe(1);
    world.advance(20.0);
    world.publish_many(1, 3);
    world.advance(50_000.0);
    assert_eq!(world.asked(1), [None]);
    assert_eq!((world.delivered(), world.gaps()), (vec![1, 1, 1], vec![]));
}

#[test]
fn what_does_not_fit_behind_a_hole_comes_again_with_the_answer() {
    let mut world = after(5);
    lose_one(&mut world, 1);
    world.publish_many(1, 256);
    world.advance(10.0); // the answer is on its way
    assert_eq!((world.seqs(1), world.session.held_events()), (vec![], 1));
    world.advance(100.0);
    assert_eq!(world.seqs(1), (6..=263).collect::<Vec<_>>());
    assert!(world.gaps().is_empty());
}

#[test]
fn a_question_that_is_refused_for_now_is_asked_again() {
    let mut world = after(5);
    world.server.busy.insert(1, 1);
    lose_one(&mut world, 1);
    world.advance(20.0);
    assert!(matches!(
        world.problems()[..],
        [Problem::SubscriptionRefused { .. }]
    ));
    assert_eq!(world.session.held_events(), 1);
    world.advance(6000.0);
    assert_eq!((world.seqs(1), world.gaps()), (vec![6, 7], vec![]));
}

#[test]
fn a_question_that_is_refused_for_good_lets_go_of_what_is_held() {
    for busy in [true, false] {
        let mut world = after(5);
        if busy {
            world.server.busy.insert(1, 3);
        } else {
            world.server.forbidden.insert(1);
        }
        lose_one(&mut world, 1);
        world.advance(if busy { 10_100.0 } else { 20.0 });
        assert_eq!(world.gaps(), [(1, gap(6, 6, GapReason::Evicted))]);
        assert_eq!(world.seqs(1), [7]);
        lose_one(&mut world, 1);
        assert_eq!(world.seqs(1), [7, 9], "nobody is asked any more");
    }
}

#[test]
fn an_event_whose_subscription_is_never_answered_is_told_to_be_in_no_order() {
    let mut world = after(0);
    world.server.mute.insert(1);
    world.restart();
    world.publish_critical(1);
    reconnect(&mut world);
    assert_eq!((world.seqs(1), world.session.held_events()), (vec![], 1));
    world.advance(30_000.0);
    assert_eq!(world.gaps(), [(1, gap(1, None, GapReason::Baseline))]);
    assert_eq!(world.seqs(1), [1]);
    world.server.mute.clear();
    world.cut(1006, "");
    world.forget();
    reconnect(&mut world);
    assert_eq!(world.gaps(), [(1, gap(None, 1, GapReason::Restarted))]);
    assert!(world.seqs(1).is_empty(), "it was delivered");
    world.publish(1);
    world.advance(10.0);
    assert_eq!(world.seqs(1), [2]);
}

/// A subscription whose answers were lost, with an event that was delivered all the same: nobody has
/// named the history that its number is of.
fn with_an_unplaced_event() -> World {
    let mut world = World::featured(&[Replay, Ack]);
    world.server.mute.insert(1);
    world.publish_critical(1);
    world.subscribe(1);
    world.cut(1006, "");
    reconnect(&mut world);
    world.advance(30_000.0);
    assert_eq!(world.gaps(), [(1, gap(1, None, GapReason::Baseline))]);
    assert_eq!(world.seqs(1), [1]);
    world.server.mute.clear();
    world.forget();
    world
}

#[test]
fn a_number_of_a_history_that_nobody_named_says_nothing_of_the_next_servers() {
    let mut world = with_an_unplaced_event();
    world.restart();
    world.publish_many(1, 2); // the first of which has the number that was delivered
    reconnect(&mut world);
    assert_eq!(world.gaps(), [(1, gap(None, 2, GapReason::Restarted))]);
    assert!(world.seqs(1).is_empty());
    world.publish(1);
    world.advance(10.0);
    assert_eq!(world.seqs(1), [3]);
}

#[test]
fn nor_does_it_when_the_next_servers_history_is_empty() {
    let mut world = with_an_unplaced_event();
    world.restart();
    reconnect(&mut world);
    assert_eq!(world.gaps(), [(1, gap(None, 0, GapReason::Restarted))]);
    world.publish(1);
    world.advance(10.0);
    assert_eq!(world.seqs(1), [1]);
}

#[test]
fn an_answer_that_comes_late_but_on_the_same_connection_names_its_history() {
    let mut world = with_an_unplaced_event();
    let generation = world.open_socket.unwrap();
    world.publish_many(1, 2);
    let position = Position {
        head: 3,
        recovered: true,
        restarted: false,
    };
    let kind = FrameKind::Subscribed {
        execution: key(1),
        position: Some(position),
    };
    world.frame(generation, kind);
    assert_eq!(world.gaps(), [(1, gap(2, 3, GapReason::Baseline))]);
}

#[test]
fn a_question_that_is_never_answered_is_put_to_the_next_connection() {
    let mut world = World::featured(&[Replay]);
    world.subscribe(1);
    world.subscribe(2);
    world.advance(20.0);
    world.server.mute.extend([1, 2]);
    lose_one(&mut world, 1);
    lose_one(&mut world, 2);
    world.advance(29_900.0);
    assert_eq!(world.session.held_events(), 2);
    world.server.mute.clear();
    reconnect(&mut world);
    assert_eq!(world.close_codes(), [NO_ANSWER]);
    assert_eq!((world.seqs(1), world.seqs(2)), (vec![1, 2], vec![1, 2]));
    assert_eq!((world.gaps(), world.problems()), (vec![], vec![]));
}

#[test]
fn so_is_one_that_was_put_before_an_event_was_missing() {
    let mut world = World::featured(&[Replay, Presence]);
    world.subscribe(1);
    world.advance(20.0);
    world.server.mute.insert(1);
    let (execution, watch) = (key(1), true);
    let watches = Input::WatchPresence { execution, watch };
    world.handle(watches).unwrap(); // asks
    lose_one(&mut world, 1);
    world.advance(29_900.0);
    world.server.mute.clear();
    reconnect(&mut world);
    assert_eq!(world.close_codes(), [NO_ANSWER]);
    assert_eq!((world.seqs(1), world.gaps()), (vec![1, 2], vec![]));
}

#[test]
fn a_server_that_answers_nothing_is_believed_on_its_second_connection() {
    let mut world = World::featured(&[Replay]);
    world.subscribe(1);
    world.advance(20.0);
    world.server.mute.insert(1);
    lose_one(&mut world, 1);
    world.advance(30_000.0);
    reconnect(&mut world);
    world.advance(30_000.0);
    assert_eq!(world.close_codes(), [NO_ANSWER]);
    let execution = key(1);
    assert_eq!(
        world.problems(),
        [Problem::SubscriptionUnanswered { execution }]
    );
}

#[test]
fn what_is_held_at_the_end_of_a_connection_comes_again_on_the_next() {
    let mut world = after(5);
    lose_one(&mut world, 1);
    world.cut(1006, "");
    reconnect(&mut world);
    assert_eq!((world.seqs(1), world.gaps()), (vec![6, 7], vec![]));
    lose_one(&mut world, 1);
    world.advance(100.0);
    assert_eq!(world.seqs(1), [6, 7, 8, 9]);
}

#[test]
fn an_event_before_the_answer_of_a_first_subscription_is_not_the_first() {
    let mut world = after(3);
    world.unsubscribe(1);
    world.cut(1006, "");
    world.publish_critical(1);
    world.advance(15.0);
    world.subscribe(1); // anew: what it had before was released
    reconnect(&mut world);
    assert_eq!((world.seqs(1), world.gaps()), (vec![1, 2, 3, 4], vec![]));
    assert_eq!(world.server.event_acks, [(1, 4)]);
}

#[test]
fn an_event_before_the_answer_of_a_restarted_server_is_delivered_once() {
    let mut world = after(3);
    world.restart();
    world.publish_many(1, 3);
    world.publish_critical(1); // its number is the next one, of another history
    reconnect(&mut world);
    assert_eq!(world.seqs(1), [1, 2, 3, 4]);
    assert_eq!(world.gaps(), [(1, gap(4, None, GapReason::Restarted))]);
}

#[test]
fn nothing_is_delivered_after_unsubscribe_not_even_what_is_held() {
    let mut world = after(5);
    lose_one(&mut world, 1);
    world.unsubscribe(1);
    assert_eq!(world.session.held_events(), 0);
    world.publish(1);
    world.advance(10_000.0);
    assert!(world.seqs(1).is_empty());
    assert_eq!(world.released(), [1]);
    world.subscribe(1);
    world.advance(20.0);
    assert_eq!(world.seqs(1), (1..=8).collect::<Vec<_>>(), "a fresh one");
}

#[test]
fn who_returns_in_time_gets_what_was_held_and_dropped() {
    let mut world = after(5);
    lose_one(&mut world, 1);
    world.unsubscribe(1);
    world.publish_many(1, 2);
    world.advance(100.0);
    assert!(world.seqs(1).is_empty());
    world.subscribe(1);
    world.advance(20.0);
    assert_eq!((world.seqs(1), world.gaps()), (vec![6, 7, 8, 9], vec![]));
}

#[test]
fn who_returns_in_time_and_missed_nothing_costs_no_frame() {
    let mut world = after(5);
    world.unsubscribe(1);
    world.advance(100.0);
    world.subscribe(1);
    assert!(world.transmitted().is_empty());
}

#[test]
fn who_returns_while_the_subscription_is_being_ended_misses_nothing() {
    let mut world = after(5);
    world.unsubscribe(1);
    world.advance(240.0);
    world.publish(1);
    world.advance(11.0); // `unsubscribe` is on its way
    world.publish(1);
    world.subscribe(1);
    world.advance(1000.0);
    assert_eq!((world.seqs(1), world.gaps()), (vec![6, 7], vec![]));
}

#[test]
fn a_gap_is_told_to_those_who_are_there() {
    let mut world = after(5);
    world.cut(1006, "");
    world.publish_many(1, 3);
    world.trim(1, 7);
    welcome_again(&mut world);
    world.unsubscribe(1);
    world.advance(100.0);
    assert!(world.gaps().is_empty());
    world.subscribe(1);
    world.advance(100.0);
    assert_eq!(world.gaps(), [(1, gap(6, None, GapReason::Evicted))]);
    assert_eq!(world.seqs(1), [8]);
}

#[test]
fn a_gap_that_no_event_follows_is_told_to_those_who_return() {
    let mut world = after(5);
    world.cut(1006, "");
    world.publish_many(1, 3);
    world.trim(1, 8);
    welcome_again(&mut world);
    world.unsubscribe(1);
    world.advance(100.0);
    world.subscribe(1);
    world.advance(100.0);
    assert_eq!(world.gaps(), [(1, gap(6, None, GapReason::Evicted))]);
}

#[test]
fn a_restart_is_told_to_those_who_return_also_when_the_new_history_is_trimmed() {
    let mut world = after(5);
    world.restart();
    world.publish_many(1, 3);
    world.trim(1, 2);
    welcome_again(&mut world);
    world.unsubscribe(1);
    world.advance(100.0);
    world.subscribe(1);
    world.advance(100.0);
    assert_eq!(world.gaps(), [(1, gap(6, None, GapReason::Restarted))]);
    assert_eq!(world.seqs(1), [3]);
}

#[test]
fn what_was_dropped_because_nobody_wanted_it_is_asked_for_when_a_pong_tells_of_it() {
    let mut world = after(5);
    lose_one(&mut world, 1);
    world.advance(19.0);
    world.sleep(1.0);
    assert!(
        world.step_frames(),
        "the answer, and behind it what was lost"
    );
    world.unsubscribe(1);
    world.advance(245.0);
    world.handle(Input::Wake).unwrap(); // a ping, and behind it `unsubscribe`
    world.advance(10.0);
    world.subscribe(1);
    world.advance(100.0);
    assert_eq!((world.seqs(1), world.gaps()), (vec![6, 7], vec![]));
}

#[test]
fn a_restart_is_told_to_those_who_return() {
    let mut world = after(5);
    world.restart();
    world.publish_many(1, 2);
    welcome_again(&mut world);
    world.unsubscribe(1);
    world.advance(100.0);
    assert!(world.gaps().is_empty());
    world.subscribe(1);
    world.advance(100.0);
    assert_eq!(world.gaps(), [(1, gap(6, None, GapReason::Restarted))]);
    assert_eq!(world.seqs(1), [1, 2]);
}

/// Leaves the effects of one frame in the queue, as while a handler of an earlier one runs.
fn deliver_without_draining(world: &mut World, execution: u32, seqs: &[u64]) {
    let generation = world.open_socket.unwrap();
    for seq in seqs {
        let kind = FrameKind::Event {
            event: 1,
            execution: Some(key(execution)),
            terminal: false,
            seq: Some(*seq),
            ack: true,
        };
        let payload = format!("#1.{seq}");
        let frame = flowmaestro_session::Frame { kind, payload };
        let now = flowmaestro_session::Millis(world.now);
        let input = Input::SocketFrame { generation, frame };
        world.session.handle(now, input).unwrap();
    }
}

#[test]
fn what_waits_behind_a_handler_that_unsubscribes_is_not_lost() {
    let mut world = after(5);
    world.server.histories.get_mut(&1).unwrap().head = 8;
    deliver_without_draining(&mut world, 1, &[6, 7, 8]);
    world.session.poll_effect(); // the handlers of 6 run, and one of them unsubscribes
    world.ledgers.get_mut(&1).unwrap().deliver(1, 6);
    world.unsubscribe(1);
    assert!(world.seqs(1).is_empty());
    assert_eq!(world.session.cursor(key(1)), Some(6));
    world.subscribe(1);
    world.advance(100.0);
    assert_eq!(world.asked(1), [Some(6)]);
    assert_eq!((world.seqs(1), world.gaps()), (vec![7, 8], vec![]));
}

#[test]
fn what_waits_behind_a_handler_that_disconnects_is_not_delivered() {
    let mut world = after(5);
    world.server.histories.get_mut(&1).unwrap().head = 7;
    deliver_without_draining(&mut world, 1, &[6, 7]);
    world.disconnect();
    assert!(world.seqs(1).is_empty());
    world.connect(token("t"));
    world.advance(100.0);
    assert_eq!((world.asked(1), world.seqs(1)), (vec![Some(5)], vec![6, 7]));
}

#[test]
fn a_terminal_event_that_nobody_got_ends_nothing() {
    let mut world = after(5);
    world.server.histories.get_mut(&1).unwrap().head = 6;
    let generation = world.open_socket.unwrap();
    let kind = FrameKind::Event {
        event: 2,
        execution: Some(key(1)),
        terminal: true,
        seq: Some(6),
        ack: false,
    };
    let payload = "#1.6".to_owned();
    let frame = flowmaestro_session::Frame { kind, payload };
    let now = flowmaestro_session::Millis(world.now);
    let input = Input::SocketFrame { generation, frame };
    world.session.handle(now, input).unwrap();
    world.disconnect(); // as from a handler of an event before it
    world.connect(token("t"));
    world.advance(100.0);
    assert_eq!((world.asked(1), world.seqs(1)), (vec![Some(5)], vec![6]));
}

#[test]
fn who_is_let_go_of_and_held_again_in_one_breath_goes_on() {
    let mut world = after(5);
    world.unsubscribe(1);
    world.server.histories.get_mut(&1).unwrap().head = 6;
    let now = flowmaestro_session::Millis(world.now);
    // A handler of another execution disconnects, subscribes and connects.
    world.session.handle(now, Input::Disconnect).unwrap();
    world.subscribe(1);
    world.connect(token("t"));
    world.advance(100.0);
    assert_eq!((world.asked(1), world.seqs(1)), (vec![Some(5)], vec![6]));
    assert!(world.released().is_empty());
}

#[test]
fn an_answer_to_an_earlier_question_is_no_gap_once_everything_is_there() {
    let mut world = World::featured(&[Replay, Presence]);
    world.publish_many(1, 3);
    world.trim(1, 1);
    world.subscribe(1);
    world.advance(20.0);
    assert_eq!((world.gaps().len(), world.seqs(1)), (1, vec![2, 3]));
    let stale = FrameKind::Subscribed {
        execution: key(1),
        position: Some(Position {
            head: 3,
            recovered: false,
            restarted: false,
        }),
    };
    world.forget();
    let (execution, watch) = (key(1), true);
    let watches = Input::WatchPresence { execution, watch };
    world.handle(watches).unwrap(); // asks once more
    let generation = world.open_socket.unwrap();
    world.frame(generation, stale);
    world.advance(100.0);
    assert!(world.gaps().is_empty());
}

#[test]
fn a_hole_before_the_terminal_event_is_filled_first() {
    let mut world = after(5);
    world.fates.push_back(Fate::Lost);
    world.publish(1);
    world.publish_terminal(1);
    world.advance(100.0);
    assert_eq!(world.seqs(1), [6, 7]);
    world.advance(1000.0);
    assert!(world.subscribed().is_empty());
}

#[test]
fn after_the_terminal_event_nothing_is_asked_for_and_nothing_is_held() {
    let mut world = after(5);
    world.publish_terminal(1);
    world.advance(10.0);
    lose_one(&mut world, 1);
    assert_eq!(world.session.held_events(), 0);
    assert_eq!(world.seqs(1), [6, 8]);
    assert_eq!(world.gaps(), [(1, gap(7, 7, GapReason::Evicted))]);
    assert!(world.asked(1).is_empty());
    world.cut(1006, "");
    reconnect(&mut world);
    assert!(world.asked(1).is_empty());
}

#[test]
fn a_baseline_server_in_between_is_told() {
    let mut world = after(2);
    let features = world.server.features.take();
    world.cut(1006, "");
    world.publish(1);
    reconnect(&mut world);
    assert_eq!(world.gaps(), [(1, gap(3, None, GapReason::Baseline))]);
    world.publish(1);
    world.advance(10.0);
    assert_eq!(world.delivered(), [1], "without its number");
    world.server.features = features;
    world.cut(1006, "");
    world.publish(1);
    world.forget();
    reconnect(&mut world);
    assert_eq!(world.gaps(), [(1, gap(3, 5, GapReason::Baseline))]);
    assert!(world.seqs(1).is_empty());
    world.publish(1);
    world.advance(10.0);
    assert_eq!(world.seqs(1), [6]);
}

#[test]
fn a_baseline_server_is_told_also_to_those_who_were_being_subscribed_again() {
    let mut world = after(5);
    world.unsubscribe(1);
    world.advance(255.0); // `unsubscribe` is on its way
    world.subscribe(1);
    world.advance(15.0); // and now `subscribe` is
    assert_eq!(world.asked(1), [Some(5)]);
    world.server.features = None;
    world.cut(1006, "");
    reconnect(&mut world);
    assert_eq!(world.gaps(), [(1, gap(6, None, GapReason::Baseline))]);
}

#[test]
fn what_a_finished_execution_had_on_a_baseline_server_is_told_before_it_comes_again() {
    let mut world = World::featured(&[]);
    world.subscribe(1);
    world.advance(20.0);
    world.publish_terminal(1);
    world.publish_critical(1);
    world.advance(1000.0);
    world.server.features = Some([Replay, Ack].into_iter().collect());
    world.cut(1006, "");
    reconnect(&mut world); // it was never acknowledged, so it comes again
    assert_eq!(world.gaps(), [(1, gap(1, None, GapReason::Baseline))]);
    assert_eq!(world.seqs(1), [2]);
}

#[test]
fn a_quiet_baseline_server_in_between_costs_nothing() {
    let mut world = after(2);
    let features = world.server.features.take();
    world.cut(1006, "");
    reconnect(&mut world);
    world.server.features = features;
    world.cut(1006, "");
    world.publish(1);
    world.forget();
    reconnect(&mut world);
    assert_eq!((world.seqs(1), world.gaps()), (vec![3], vec![]));
}

#[test]
fn what_a_baseline_server_delivered_first_is_not_delivered_again() {
    let mut world = World::connected(exact());
    world.subscribe(1);
    world.advance(20.0);
    world.publish_many(1, 2);
    world.advance(10.0);
    assert_eq!(world.delivered(), [1, 1]);
    world.server.features = Some([Replay].into_iter().collect());
    world.cut(1006, "");
    world.publish(1);
    world.forget();
    reconnect(&mut world);
    assert!(world.seqs(1).is_empty());
    assert_eq!(world.gaps(), [(1, gap(1, 3, GapReason::Baseline))]);
    world.publish(1);
    world.advance(10.0);
    assert_eq!(world.seqs(1), [4]);
}

#[test]
fn what_a_restarted_server_had_after_a_baseline_one_is_told() {
    let mut world = after(5);
    let features = world.server.features.take();
    world.cut(1006, "");
    reconnect(&mut world);
    world.publish(1);
    world.advance(10.0);
    world.server.features = features;
    world.restart();
    world.publish_many(1, 2);
    world.forget();
    reconnect(&mut world);
    assert_eq!(world.gaps(), [(1, gap(None, 2, GapReason::Restarted))]);
    world.publish(1);
    world.advance(10.0);
    assert_eq!(world.seqs(1), [3]);
}

#[test]
fn a_history_that_is_empty_after_a_baseline_server_is_told() {
    let mut world = World::connected(exact());
    world.subscribe(1);
    world.advance(20.0);
    world.publish(1);
    world.advance(10.0);
    world.server.features = Some([Replay].into_iter().collect());
    world.restart();
    world.forget();
    reconnect(&mut world);
    let told = Gap {
        from: None,
        to: None,
        reason: GapReason::Baseline,
    };
    assert_eq!(world.gaps(), [(1, told)]);
}

#[test]
fn numbers_of_a_server_without_a_history_mean_nothing() {
    let mut world = World::featured(&[Ack]);
    world.server.numbers_anyway = true;
    world.subscribe(1);
    world.advance(20.0);
    world.fates = [Fate::Doubled, Fate::Lost, Fate::Arrives].into();
    world.publish_many(1, 3);
    world.advance(100.0);
    assert_eq!(world.delivered(), [1, 1, 1]);
    assert_eq!(world.session.held_events(), 0);
    assert_eq!(world.session.cursor(key(1)), None);
    world.cut(1006, "");
    reconnect(&mut world);
    assert_eq!(world.asked(1), [None, None]);
}

#[test]
fn a_position_of_a_server_without_a_history_means_nothing() {
    let mut world = World::featured_with(
        Options {
            features: flowmaestro_protocol::Features::NONE,
            ..exact()
        },
        &[Replay],
    );
    world.subscribe(1);
    let generation = world.open_socket.unwrap();
    let position = flowmaestro_session::Position {
        head: 9,
        recovered: false,
        restarted: false,
    };
    let kind = FrameKind::Subscribed {
        execution: key(1),
        position: Some(position),
    };
    world.frame(generation, kind);
    assert_eq!((world.gaps(), world.session.cursor(key(1))), (vec![], None));
}

#[test]
fn a_server_with_a_history_that_does_not_say_where_it_stands_is_followed() {
    let mut world = after(5);
    world.cut(1006, "");
    welcome_again(&mut world);
    world.frozen = true; // the model would say
    let generation = world.open_socket.unwrap();
    world.frame(generation, acknowledgement(1));
    assert_eq!(world.gaps(), [(1, gap(6, None, GapReason::Baseline))]);
    world.numbered(1, 9);
    world.numbered(1, 10);
    assert_eq!(world.seqs(1), [9, 10]);
}

#[test]
fn an_event_without_a_number_is_delivered_and_moves_nothing() {
    let mut world = after(5);
    world.emit(1, event(1));
    world.advance(10.0);
    assert_eq!(world.delivered(), [1]);
    lose_one(&mut world, 1);
    world.advance(100.0);
    assert_eq!((world.seqs(1), world.gaps()), (vec![6, 7], vec![]));
}

#[test]
fn the_largest_numbers_overflow_nothing() {
    let mut world = after(5);
    world.server.forbidden.insert(1);
    for seq in [u64::MAX, u64::MAX - 1, u64::MAX - 3] {
        world.numbered(1, seq);
    }
    assert_eq!(world.session.held_events(), 3);
    world.advance(20.0);
    let max = u64::MAX;
    assert_eq!(world.seqs(1), [max - 3, max - 1, max]);
    assert_eq!(
        world.gaps(),
        [
            (1, gap(6, max - 4, GapReason::Evicted)),
            (1, gap(max - 2, max - 2, GapReason::Evicted))
        ]
    );
    world.numbered(1, max);
    world.numbered(1, 0);
    assert_eq!(world.seqs(1).len(), 3);
    assert_eq!(world.session.cursor(key(1)), Some(max));
}

#[test]
fn executions_do_not_wait_for_each_other() {
    let mut world = after(5);
    world.subscribe(2);
    world.advance(20.0);
    lose_one(&mut world, 1);
    world.publish_many(2, 2);
    world.advance(10.0);
    assert_eq!((world.seqs(1), world.seqs(2)), (vec![], vec![1, 2]));
    world.advance(100.0);
    assert_eq!(world.seqs(1), [6, 7]);
}

#[test]
fn messages_and_events_know_nothing_of_each_other() {
    let mut world = after(5);
    world.send(1).unwrap();
    world.publish(1);
    world.advance(20.0);
    assert_eq!((world.sent(), world.seqs(1)), (vec![1], vec![6]));
    let message = Outgoing::Message {
        id: SendId(1),
        payload: "message 1".to_owned(),
        confirm: true,
    };
    assert_eq!(world.transmitted(), [message]);
}

#[test]
fn a_session_goes_on_from_where_another_was() {
    let mut world = World::new(exact());
    world.server.features = Some([Replay].into_iter().collect());
    world.publish_many(1, 3);
    world.subscribe(1);
    assert!(!world.session.has_begun(key(1)));
    world.go_on_from(1, 2);
    assert!(world.session.has_begun(key(1)));
    // Nobody has asked for it here.
    world.session.go_on_from(key(2), 2);
    assert_eq!(world.session.cursor(key(2)), None);

    // A connection that comes to nothing does not change of which history that was.
    world.connect(token("t"));
    world.disconnect();
    world.connect(token("t"));
    world.advance(50.0);
    assert_eq!(world.asked(1), [Some(2)]);
    assert_eq!(world.seqs(1), [3]);
    world.replay(1, 1, 0).unwrap();
    world.advance(50.0);
    assert_eq!(
        world.seqs(1),
        [3],
        "what the other has delivered is left out"
    );
    assert!(world.gaps().is_empty());
}
