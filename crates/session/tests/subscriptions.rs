//! Subscriptions: what is wanted against what the server was told.

mod common;

use common::*;
use flowmaestro_protocol::Feature;
use flowmaestro_session::{FrameKind, Gap, GapReason, Options, Outgoing, Problem, Refused};

fn unsubscribe(execution: u32) -> Outgoing<Payload> {
    Outgoing::Unsubscribe(key(execution))
}

/// A connected session with these subscriptions acknowledged.
fn subscribed(executions: &[u32]) -> World {
    let mut world = World::connected(exact());
    for execution in executions {
        world.subscribe(*execution);
    }
    world.advance(20.0);
    assert_eq!(world.session.live_subscriptions(), executions.len());
    world.forget();
    world
}

#[test]
fn a_subscription_is_asked_for_and_acknowledged() {
    let mut world = World::connected(exact());
    world.subscribe(1);
    assert_eq!(world.transmitted(), [subscribe(1)]);
    world.advance(20.0);
    assert_eq!(world.acknowledged(), [(1, false)]);
    assert_eq!(world.subscribed(), [1]);
}

#[test]
fn a_subscription_in_any_state_is_remembered() {
    let mut world = World::new(exact());
    world.server.next_admissions.push_back(Admission::Refuse);
    world.subscribe(5);
    world.connect(token("t"));
    world.subscribe(3);
    world.advance(15.0);
    world.subscribe(9);
    world.advance(100.0);
    world.subscribe(1);
    world.advance(1000.0);
    assert_eq!(
        world.transmitted(),
        [5, 3, 9, 1].map(subscribe),
        "in the order of subscription"
    );
    assert_eq!(world.subscribed(), [1, 3, 5, 9]);
}

#[test]
fn each_welcome_is_followed_by_one_burst_from_the_table() {
    let mut world = subscribed(&[7, 2, 5]);
    world.cut(1006, "");
    world.advance(500.0);
    world.unsubscribe(2);
    world.subscribe(1);
    world.advance(1000.0);
    assert_eq!(world.transmitted(), [7, 5, 1].map(subscribe));
    assert_eq!(world.acknowledged(), [(7, true), (5, true), (1, false)]);
}

#[test]
fn a_subscription_that_never_got_through_is_not_resumed() {
    let mut world = World::connected(exact());
    world.subscribe(1);
    world.cut(1006, "");
    world.advance(1100.0);
    assert_eq!(world.acknowledged(), [(1, false)]);
}

#[test]
fn a_subscription_is_resumed_across_several_failed_attempts() {
    let mut world = subscribed(&[1]);
    world.cut(1006, "");
    world.advance(100.0);
    world.advance_until(World::is_connected);
    world.cut(1006, ""); // before the acknowledgement arrives
    world.advance(5000.0);
    assert_eq!(world.acknowledged(), [(1, true)]);
}

#[test]
fn a_subscription_is_resumed_once() {
    let mut world = subscribed(&[1]);
    world.cut(1006, "");
    world.advance(1100.0);
    world.unsubscribe(1);
    world.advance(255.0);
    world.subscribe(1);
    world.advance(100.0);
    assert_eq!(world.acknowledged(), [(1, true), (1, false)]);
}

#[test]
fn a_remount_while_resuming_is_still_told_that_events_may_be_missing() {
    let mut world = subscribed(&[1]);
    world.cut(1006, "");
    world.advance(100.0);
    world.advance_until(World::is_connected);
    world.unsubscribe(1);
    world.subscribe(1);
    world.advance(100.0);
    assert_eq!(world.acknowledged(), [(1, true)]);
}

#[test]
fn holders_are_counted() {
    let mut world = subscribed(&[1]);
    world.subscribe(1);
    world.unsubscribe(1);
    world.emit(1, event(1));
    world.advance(1000.0);
    assert_eq!((world.transmitted(), world.delivered()), (vec![], vec![1]));
    world.unsubscribe(1);
    world.advance(1000.0);
    assert_eq!(world.transmitted(), [unsubscribe(1)]);
    assert!(world.subscribed().is_empty());
    assert_eq!(world.released(), [1]);
}

#[test]
fn a_release_waits_so_that_a_remount_costs_no_frame() {
    let mut world = subscribed(&[1]);
    for _ in 0..10 {
        world.unsubscribe(1);
        world.advance(249.0);
        world.subscribe(1);
        world.advance(500.0);
    }
    assert!(world.transmitted().is_empty());
    assert!(world.released().is_empty());
    world.unsubscribe(1);
    world.advance(249.0);
    assert!(world.transmitted().is_empty());
    world.advance(1.0);
    assert_eq!(world.transmitted(), [unsubscribe(1)]);
}

#[test]
fn a_late_tick_does_not_undo_a_remount() {
    let mut world = subscribed(&[1]);
    world.unsubscribe(1);
    world.sleep(10_000.0);
    world.subscribe(1);
    world.advance(1000.0);
    assert!(world.transmitted().is_empty());
}

#[test]
fn nothing_is_delivered_after_the_last_unsubscribe() {
    let mut world = subscribed(&[1]);
    world.emit(1, event(1));
    world.unsubscribe(1);
    world.emit(1, event(1));
    world.advance(100.0);
    assert_eq!(world.subscribed(), [1], "the release still waits");
    assert!(world.delivered().is_empty());
    assert_eq!(world.session.stats().unwanted, 2);
}

#[test]
fn unsubscribing_what_was_never_subscribed_does_nothing() {
    let mut world = subscribed(&[1]);
    world.unsubscribe(2);
    world.unsubscribe(1);
    world.unsubscribe(1);
    world.unsubscribe(1);
    world.subscribe(1);
    world.advance(1000.0);
    assert_eq!((world.transmitted(), world.released()), (vec![], vec![]));
    assert_eq!(world.subscribed(), [1]);
}

#[test]
fn while_disconnected_a_release_is_immediate() {
    let mut world = World::new(exact());
    world.subscribe(1);
    world.unsubscribe(1);
    assert_eq!(world.released(), [1]);
    world.connect(token("t"));
    world.advance(100.0);
    assert!(world.transmitted().is_empty());
}

#[test]
fn what_is_being_released_when_the_connection_ends_is_released() {
    let mut world = subscribed(&[1, 2]);
    world.unsubscribe(1);
    world.cut(1006, "");
    world.advance(20.0);
    assert_eq!(world.released(), [1]);
    world.advance(1100.0);
    assert_eq!(world.transmitted(), [subscribe(2)]);
}

#[test]
fn events_before_the_acknowledgement_are_delivered() {
    let mut world = World::connected(exact());
    world.subscribe(1);
    world.push(event(1));
    world.advance(10.0);
    assert_eq!((world.delivered(), world.acknowledged()), (vec![1], vec![]));
}

#[test]
fn an_unsubscribe_waits_for_the_answer_to_the_subscribe() {
    let mut world = World::new(Options {
        unsubscribe_delay_ms: 0.0,
        ..exact()
    });
    world.latency = 1000.0;
    world.connect(token("t"));
    world.advance(2000.0);
    world.subscribe(1);
    world.advance(500.0);
    world.unsubscribe(1);
    assert_eq!(world.transmitted(), [subscribe(1)]);
    world.advance(1500.0);
    assert_eq!(world.transmitted(), [subscribe(1), unsubscribe(1)]);
    assert!(world.acknowledged().is_empty(), "nobody is left to be told");
    world.advance(2000.0);
    assert_eq!((world.subscribed(), world.released()), (vec![], vec![1]));
}

#[test]
fn changes_of_mind_collapse() {
    let mut world = World::new(Options {
        unsubscribe_delay_ms: 0.0,
        ..exact()
    });
    world.connect(token("t"));
    world.advance(20.0);
    for _ in 0..50 {
        world.subscribe(1);
        world.unsubscribe(1);
    }
    world.subscribe(1);
    world.advance(1000.0);
    assert_eq!(world.transmitted(), [subscribe(1)]);
    assert_eq!(world.subscribed(), [1]);
}

#[test]
fn wanted_again_while_unsubscribing_it_is_asked_for_again() {
    let mut world = subscribed(&[1]);
    world.unsubscribe(1);
    world.advance(255.0);
    world.subscribe(1);
    assert_eq!(world.transmitted(), [unsubscribe(1)]);
    world.advance(100.0);
    assert_eq!(world.transmitted(), [unsubscribe(1), subscribe(1)]);
    assert_eq!(
        world.acknowledged(),
        [(1, false)],
        "a new wish resumes nothing"
    );
    assert_eq!((world.subscribed(), world.released()), (vec![1], vec![]));
}

#[test]
fn a_terminal_event_releases_the_subscription_but_not_the_holders() {
    let mut world = subscribed(&[1]);
    world.emit(1, terminal(1));
    world.advance(10.0);
    world.emit(1, event(1)); // late events of the run
    world.advance(249.0);
    assert_eq!(
        (world.delivered(), world.transmitted()),
        (vec![1, 1], vec![])
    );
    world.advance(1.0);
    assert_eq!(world.transmitted(), [unsubscribe(1)]);
    world.advance(100.0);
    assert!(world.subscribed().is_empty());
    assert!(world.released().is_empty(), "somebody still holds it");
    world.unsubscribe(1);
    assert_eq!(world.released(), [1]);
}

#[test]
fn a_finished_execution_is_not_asked_for_again_after_a_reconnect() {
    let mut world = subscribed(&[1, 2]);
    world.emit(1, terminal(1));
    world.advance(10.0);
    world.cut(1006, "");
    world.advance(2000.0);
    assert_eq!(world.transmitted(), [subscribe(2)]);
}

#[test]
fn a_later_subscribe_revives_a_finished_execution() {
    for ms in [100.0, 265.0, 1000.0] {
        let mut world = subscribed(&[1]);
        world.emit(1, terminal(1));
        world.advance(ms);
        world.subscribe(1);
        world.advance(1000.0);
        assert_eq!(world.subscribed(), [1], "revived after {ms} ms");
        let frames = if ms < 250.0 {
            vec![]
        } else {
            vec![unsubscribe(1), subscribe(1)]
        };
        assert_eq!(world.transmitted(), frames);
    }
}

#[test]
fn a_terminal_event_for_nobody_changes_nothing() {
    let mut world = subscribed(&[1]);
    world.unsubscribe(1);
    world.push(terminal(1));
    world.advance(100.0);
    world.subscribe(1);
    world.advance(1000.0);
    assert_eq!((world.transmitted(), world.subscribed()), (vec![], vec![1]));
}

#[test]
fn an_unanswered_subscription_is_asked_for_three_times_and_then_reported() {
    let mut world = World::connected(exact());
    world.server.mute.insert(1);
    world.subscribe(1);
    world.advance(29_999.0);
    assert_eq!(world.transmitted(), [1, 1, 1].map(subscribe));
    assert!(world.problems().is_empty());
    world.advance(100_000.0);
    assert_eq!(world.transmitted().len(), 3);
    assert_eq!(
        world.problems(),
        [Problem::SubscriptionUnanswered { execution: key(1) }]
    );

    world.push(event(1));
    world.push(acknowledgement(1)); // better late than never
    world.advance(10.0);
    assert_eq!(
        (world.delivered(), world.acknowledged()),
        (vec![1], vec![(1, false)])
    );
}

#[test]
fn an_unanswered_subscription_does_not_block_what_follows() {
    let mut world = World::connected(exact());
    world.server.mute.insert(1);
    world.subscribe(1);
    world.unsubscribe(1);
    world.advance(9999.0);
    assert_eq!(world.transmitted(), [subscribe(1)]);
    world.advance(1.0);
    assert_eq!(
        world.transmitted(),
        [subscribe(1), unsubscribe(1)],
        "it may be on all the same"
    );
    world.advance(10_000.0);
    assert_eq!(
        world.released(),
        [1],
        "an unanswered unsubscribe ends as well"
    );
    assert!(world.problems().is_empty(), "nobody is left to be told");

    world.server.mute.clear();
    world.subscribe(1);
    world.advance(100.0);
    assert_eq!(world.acknowledged(), [(1, false)]);
}

#[test]
fn a_later_subscribe_asks_again_for_what_was_not_answered() {
    let mut world = World::connected(exact());
    world.server.mute.insert(1);
    world.subscribe(1);
    world.advance(60_000.0);
    world.server.mute.clear();
    world.subscribe(1);
    world.advance(100.0);
    assert_eq!(
        (world.acknowledged(), world.subscribed()),
        (vec![(1, false)], vec![1])
    );
}

#[test]
fn a_later_subscribe_asks_as_often_as_the_first() {
    let mut world = World::connected(exact());
    world.server.mute.insert(1);
    world.subscribe(1);
    world.advance(60_000.0);
    world.forget();
    world.subscribe(1);
    world.advance(60_000.0);
    assert_eq!(world.transmitted(), [1, 1, 1].map(subscribe));
}

#[test]
fn what_was_granted_is_asked_for_afresh_the_next_time() {
    let mut world = World::connected(exact());
    world.server.busy = [(1, 2)].into();
    world.subscribe(1);
    world.advance(20_000.0);
    assert_eq!(world.acknowledged(), [(1, false)]);
    world.unsubscribe(1);
    world.advance(255.0);
    world.server.busy = [(1, 2)].into();
    world.subscribe(1);
    world.advance(20_000.0);
    assert_eq!(world.subscribed(), [1]);
}

#[test]
fn an_acknowledgement_that_comes_after_the_unsubscribe_changes_nothing() {
    let mut world = World::connected(exact());
    world.server.mute.insert(1);
    world.subscribe(1);
    world.unsubscribe(1);
    world.advance(10_000.0);
    world.push(acknowledgement(1));
    world.advance(5000.0);
    assert_eq!(world.transmitted(), [subscribe(1), unsubscribe(1)]);
    assert!(world.acknowledged().is_empty());
}

#[test]
fn a_forbidden_subscription_is_reported_and_left_until_the_next_connection() {
    let mut world = World::connected(exact());
    world.server.forbidden.insert(1);
    world.subscribe(1);
    world.advance(100_000.0);
    assert_eq!(world.transmitted(), [subscribe(1)]);
    let kind = FrameKind::Error {
        execution: Some(key(1)),
        message: None,
        forbidden: true,
    };
    let payload = format!("{kind:?}");
    let refused = Problem::SubscriptionRefused {
        execution: key(1),
        forbidden: true,
        payload,
    };
    assert_eq!(world.problems(), [refused]);

    world.server.forbidden.clear();
    world.cut(1006, "");
    world.advance(1100.0);
    assert_eq!(world.subscribed(), [1]);
}

#[test]
fn a_later_subscribe_asks_again_for_what_was_forbidden() {
    let mut world = World::connected(exact());
    world.server.forbidden.insert(1);
    world.subscribe(1);
    world.advance(100.0);
    world.server.forbidden.clear(); // the execution was registered in the meantime
    world.subscribe(1);
    world.advance(100.0);
    assert_eq!(world.subscribed(), [1]);
}

#[test]
fn a_forbidden_subscription_that_nobody_wants_any_more_is_released() {
    let mut world = World::connected(exact());
    world.server.forbidden.insert(1);
    world.subscribe(1);
    world.advance(100.0);
    world.unsubscribe(1);
    world.advance(1000.0);
    assert_eq!(world.transmitted(), [subscribe(1), unsubscribe(1)]);
    assert_eq!(world.released(), [1]);
}

#[test]
fn a_late_refusal_taken_for_a_later_answer_leaves_nothing_on_the_server() {
    let mut world = World::connected(exact());
    world.server.busy = [(1, 1)].into();
    world.subscribe(1);
    world.sleep(10_000.0);
    world.handle(flowmaestro_session::Input::Tick).unwrap(); // overdue: asked again
    world.unsubscribe(1);
    world.advance(1000.0); // refused the first time, granted the second
    assert_eq!(
        world.transmitted(),
        [subscribe(1), subscribe(1), unsubscribe(1)]
    );
    assert_eq!((world.subscribed(), world.released()), (vec![], vec![1]));
}

#[test]
fn a_refusal_that_may_pass_is_asked_again_a_few_times() {
    let mut world = World::connected(exact());
    world.server.busy = [(1, 2), (2, 9)].into();
    world.subscribe(1);
    world.subscribe(2);
    world.advance(100_000.0);
    let asked = |execution| {
        let question = subscribe(execution);
        world
            .transmitted()
            .iter()
            .filter(|message| **message == question)
            .count()
    };
    assert_eq!((asked(1), asked(2)), (3, 3));
    assert_eq!(world.subscribed(), [1]);
    assert_eq!(world.problems().len(), 5);
}

#[test]
fn only_so_many_subscriptions_are_taken() {
    let mut world = World::connected(Options {
        max_subscriptions: 3,
        ..exact()
    });
    for execution in 0..3 {
        world.subscribe(execution);
    }
    let refused = Err(Refused::TooManySubscriptions { limit: 3 });
    world.forget();
    assert_eq!(
        world.handle(flowmaestro_session::Input::Subscribe(key(3))),
        refused
    );
    assert!(world.effects.is_empty());
    world.subscribe(2);
    world.advance(100.0);
    assert_eq!(world.subscribed(), [0, 1, 2]);
}

#[test]
fn a_release_that_waits_makes_room_when_room_is_needed() {
    let mut world = World::connected(Options {
        max_subscriptions: 2,
        ..exact()
    });
    world.subscribe(1);
    world.subscribe(2);
    world.advance(100.0);
    world.unsubscribe(1);
    world.subscribe(3);
    world.advance(1000.0);
    let frames = [subscribe(1), subscribe(2), unsubscribe(1), subscribe(3)];
    assert_eq!(world.transmitted(), frames);
    assert_eq!(
        (world.subscribed(), world.released()),
        (vec![2, 3], vec![1])
    );
}

#[test]
fn a_carousel_of_subscriptions_stays_within_its_bounds() {
    let mut world = World::connected(Options {
        max_subscriptions: 4,
        ..exact()
    });
    world.latency = 400.0;
    for execution in 0..1000 {
        world.subscribe(execution % 10);
        world.advance(1.0);
        world.unsubscribe(execution % 10);
    }
    world.subscribe(3);
    world.advance(30_000.0);
    assert_eq!(world.subscribed(), [3]);
}

#[test]
fn answers_out_of_turn_are_ignored() {
    let mut world = subscribed(&[1]);
    world.push(acknowledgement(1));
    world.push(acknowledgement(8));
    world.push(FrameKind::Unsubscribed(key(8)));
    world.advance(100.0);
    assert!(world.effects.is_empty());
    assert_eq!(world.session.stats().ignored, 3);
}

#[test]
fn an_end_or_a_beginning_out_of_turn_is_told_where_nothing_is_numbered() {
    let gap = Gap {
        from: None,
        to: None,
        reason: GapReason::Baseline,
    };
    let mut world = subscribed(&[1]);
    world.push(FrameKind::Unsubscribed(key(1)));
    world.advance(100.0);
    assert_eq!(world.gaps(), [(1, gap)]);
    let mut world = subscribed(&[1]);
    world.emit(1, terminal(1));
    world.advance(300.0);
    world.push(acknowledgement(1)); // its late events are still handed on
    world.advance(100.0);
    assert_eq!(world.gaps(), [(1, gap)]);
}

#[test]
fn answers_of_an_old_connection_are_ignored() {
    let mut world = World::connected(exact());
    let old = world.open_socket.unwrap();
    world.subscribe(1);
    world.cut(1006, "");
    world.server.admission = Admission::Silence;
    world.advance(2000.0);
    world.frame(old, acknowledgement(1));
    assert!(world.acknowledged().is_empty());
}

#[test]
fn an_unsubscribe_that_is_answered_with_an_error_has_ended_as_well() {
    let mut world = subscribed(&[1]);
    world.server.mute.insert(1);
    world.unsubscribe(1);
    world.advance(300.0);
    let execution = Some(key(1));
    world.push(FrameKind::Error {
        execution,
        message: None,
        forbidden: false,
    });
    world.advance(10.0);
    assert_eq!(world.released(), [1]);
    assert!(matches!(
        &world.problems()[..],
        [Problem::ServerError { .. }]
    ));
}

#[test]
fn one_late_tick_does_all_that_is_due() {
    let mut world = subscribed(&[1, 2, 3]);
    world.server.mute.extend([1, 2, 3]);
    for execution in 1..=3 {
        world.unsubscribe(execution);
    }
    world.advance(300.0);
    world.sleep(60_000.0);
    world.handle(flowmaestro_session::Input::Tick).unwrap();
    assert_eq!(world.released().len(), 3);
}

#[test]
fn an_event_before_the_answer_is_of_an_earlier_subscription() {
    let mut world = World::connected(exact());
    world.subscribe(1);
    // A name that was let go of and taken again may have another key: nothing else tells.
    world.push(event(1));
    world.advance(2.0 * world.latency);
    assert_eq!(world.delivered(), [1]);
    assert_eq!(world.acknowledged(), [(1, true)]);
    let gap = Gap {
        from: None,
        to: None,
        reason: GapReason::Baseline,
    };
    assert_eq!(world.gaps(), [(1, gap)]);
}

#[test]
fn what_has_begun_is_known_while_it_is_held() {
    let mut world = World::connected(exact());
    let has_begun = |world: &World| world.session.has_begun(key(1));
    world.subscribe(1);
    assert!(!has_begun(&world), "nobody has answered");
    world.advance(20.0);
    assert!(has_begun(&world));
    world.cut(1006, "");
    world.advance(20.0);
    assert!(has_begun(&world), "events came before");
    world.unsubscribe(1);
    world.subscribe(1);
    assert!(!has_begun(&world), "it was let go of with the connection");
}

#[test]
fn what_has_ended_has_begun() {
    let mut world = subscribed(&[1]);
    world.emit(1, terminal(1));
    world.advance(1000.0);
    assert!(world.session.has_begun(key(1)));
}

#[test]
fn whether_events_are_numbered_is_known_while_connected() {
    let mut world = World::new(exact());
    assert_eq!(world.session.numbers_events(), None);
    world.connect(token("t"));
    world.advance(20.0);
    assert_eq!(world.session.numbers_events(), Some(false));
    let world = World::featured(&[Feature::Replay]);
    assert_eq!(world.session.numbers_events(), Some(true));
}
