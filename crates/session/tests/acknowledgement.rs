//! Events that the server wants to know to be handled, and messages that it says to have taken.

#![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

mod common;

use common::*;
use flowmaestro_protocol::Feature::{Ack, Replay};
use flowmaestro_session::{
    Effect, FrameKind, Gap, GapReason, Options, Outgoing, Problem, Refused, SendError, SendId,
};

fn message(id: u32) -> Outgoing<Payload> {
    Outgoing::Message {
        id: SendId(id),
        payload: format!("message {id}"),
        confirm: true,
    }
}

/// The messages of the user's that were transmitted, in order.
fn messages(world: &World) -> Vec<u32> {
    let id = |message| match message {
        Outgoing::Message { id, .. } => Some(id.0),
        _ => None,
    };
    world.transmitted().into_iter().filter_map(id).collect()
}

fn subscribed() -> World {
    let mut world = World::featured(&[Replay, Ack]);
    world.subscribe(1);
    world.advance(20.0);
    world.forget();
    world
}

fn reconnect(world: &mut World) {
    world.advance_until(|world| !world.is_connected());
    world.advance_until(World::is_connected);
    world.advance(100.0);
}

#[test]
fn only_critical_events_are_acknowledged() {
    let mut world = subscribed();
    world.publish(1);
    world.publish_critical(1);
    world.advance(20.0);
    assert_eq!(world.seqs(1), [1, 2]);
    assert_eq!(world.server.event_acks, [(1, 2)]);
    assert_eq!(world.server.unacknowledged.len(), 0);
}

#[test]
fn an_event_that_belongs_to_no_execution_is_acknowledged_as_well() {
    let mut world = World::featured(&[Ack]);
    let kind = FrameKind::Event {
        event: 9,
        execution: None,
        terminal: false,
        seq: None,
        ack: true,
    };
    world.push(kind);
    world.advance(10.0);
    let generation = world.open_socket;
    assert!(matches!(
        &world.effects[..],
        [(_, Effect::Deliver { acknowledge, .. })] if *acknowledge == generation
    ));
}

#[test]
fn a_server_that_does_not_speak_of_it_gets_no_acknowledgement() {
    let mut world = World::featured(&[Replay]);
    world.subscribe(1);
    world.advance(20.0);
    world.publish_critical(1);
    world.advance(20.0);
    world.cut(1006, "");
    reconnect(&mut world);
    world.numbered(1, 1);
    assert_eq!((world.seqs(1), world.server.event_acks), (vec![1], vec![]));
}

#[test]
fn an_event_that_was_handled_is_acknowledged_again_when_it_comes_again() {
    let mut world = subscribed();
    world.publish_critical(1);
    world.advance(10.0); // the acknowledgement is on its way
    world.cut(1006, "");
    reconnect(&mut world);
    assert_eq!(world.seqs(1), [1]);
    assert_eq!(world.server.event_acks, [(1, 1)], "on the new socket");
    assert_eq!(world.session.stats().duplicates, 1);
}

#[test]
fn before_the_server_says_whose_its_number_is_an_event_counts_as_no_repetition() {
    let mut world = subscribed();
    world.publish_critical(1);
    world.advance(100.0);
    world.restart();
    world.publish_critical(1); // of a new history, with the number of one that was handled
    world.server.mute.insert(1);
    world.server.event_acks.clear();
    reconnect(&mut world);
    assert!(world.server.event_acks.is_empty(), "nobody handled it");
    world.server.mute.clear();
    world.advance(10_000.0);
    assert_eq!(world.seqs(1), [1, 1]);
    assert_eq!(world.server.event_acks, [(1, 1)]);
}

/// Everything after the two events that there were.
const RESTARTED: Gap = Gap {
    from: Some(3),
    to: None,
    reason: GapReason::Restarted,
};

/// A server of another history has sent the event with this number again, and has not answered the
/// subscription yet.
fn before_the_answer_of_another_server() -> World {
    let mut world = subscribed();
    world.publish_many(1, 2);
    world.advance(100.0);
    world.restart();
    world.publish_critical(1);
    world.server.mute.insert(1);
    reconnect(&mut world);
    assert_eq!(world.session.held_events(), 1);
    world.forget();
    world
}

#[test]
fn what_a_server_sent_again_before_it_died_comes_from_the_next_one_that_has_it() {
    let mut world = before_the_answer_of_another_server();
    world.cut(1006, "");
    world.server.mute.clear();
    reconnect(&mut world);
    assert_eq!(world.seqs(1), [1]);
    assert_eq!(world.gaps(), [(1, RESTARTED)]);
    assert_eq!(world.server.event_acks, [(1, 1)], "once it was handled");
}

#[test]
fn what_was_lost_with_a_server_that_sent_it_again_is_told() {
    let mut world = before_the_answer_of_another_server();
    world.restart();
    world.server.mute.clear();
    reconnect(&mut world);
    assert_eq!(
        (world.seqs(1), world.gaps()),
        (vec![], vec![(1, RESTARTED)])
    );
    assert!(world.server.event_acks.is_empty(), "nobody handled it");
    world.publish(1);
    world.advance(20.0);
    assert_eq!(world.seqs(1), [1]);
}

#[test]
fn an_event_that_comes_twice_without_need_is_not_acknowledged() {
    let mut world = subscribed();
    world.fates.push_back(Fate::Doubled);
    world.publish(1);
    world.advance(100.0);
    assert_eq!(world.session.stats().duplicates, 1);
    assert!(world.server.event_acks.is_empty());
}

#[test]
fn what_nobody_wants_is_not_acknowledged() {
    let mut world = subscribed();
    world.unsubscribe(1);
    world.publish_critical(1);
    world.advance(200.0);
    assert!(world.server.event_acks.is_empty());
    world.subscribe(1);
    world.advance(100.0);
    assert_eq!(
        (world.seqs(1), world.server.event_acks),
        (vec![1], vec![(1, 1)])
    );
}

#[test]
fn a_held_event_is_acknowledged_once_it_is_delivered() {
    let mut world = subscribed();
    world.fates.push_back(Fate::Lost);
    world.publish(1);
    world.publish_critical(1);
    world.advance(20.0);
    assert!(world.server.event_acks.is_empty());
    world.advance(100.0);
    assert_eq!(world.server.event_acks, [(1, 2)]);
}

#[test]
fn a_message_is_sent_once_the_server_has_taken_it() {
    let mut world = World::featured(&[Ack]);
    world.send(1).unwrap();
    world.advance(19.0);
    assert_eq!((world.sent(), world.session.queued_messages()), (vec![], 1));
    world.advance(1.0);
    assert_eq!(
        (world.sent(), world.session.queued_messages()),
        (vec![1], 0)
    );
    assert_eq!(world.session.queued_bytes(), 0);
    assert_eq!(world.transmitted(), [message(1)]);
    assert_eq!(world.session.next_deadline(), None);
}

#[test]
fn messages_without_an_answer_are_sent_again_in_order_on_the_next_connection() {
    let mut world = World::featured(&[Ack]);
    world.send(1).unwrap();
    world.send(2).unwrap();
    world.cut(1006, ""); // they arrive at nobody
    world.advance(500.0);
    world.send(3).unwrap();
    reconnect(&mut world);
    assert_eq!(messages(&world), [1, 2, 1, 2, 3]);
    assert_eq!(
        (world.sent(), world.server.taken),
        (vec![1, 2, 3], vec![1, 2, 3])
    );
}

#[test]
fn a_message_whose_acknowledgement_is_lost_is_acted_on_once() {
    let mut world = World::featured(&[Ack]);
    world.send(1).unwrap();
    world.fates.push_back(Fate::Lost);
    world.advance(9_999.0);
    assert_eq!(messages(&world), [1]);
    world.advance(30.0);
    assert_eq!(messages(&world), [1, 1]);
    assert_eq!(
        (world.sent(), world.server.taken.clone()),
        (vec![1], vec![1])
    );
    world.advance(60_000.0);
    assert_eq!(messages(&world), [1, 1]);
}

#[test]
fn a_second_acknowledgement_and_one_of_nothing_are_ignored() {
    let mut world = World::featured(&[Ack]);
    world.fates.push_back(Fate::Doubled);
    world.send(1).unwrap();
    world.advance(100.0);
    world.push(FrameKind::Acknowledged(SendId(7)));
    world.advance(100.0);
    assert_eq!(world.sent(), [1]);
    assert_eq!(world.session.stats().ignored, 2);
}

#[test]
fn messages_are_acknowledged_in_any_order() {
    let mut world = World::featured(&[Ack]);
    world.fates = [Fate::Late(50.0)].into();
    for id in 1..=3 {
        world.send_sized(id, 10 * id as usize).unwrap();
    }
    world.advance(20.0);
    assert_eq!(
        (world.sent(), world.session.queued_bytes()),
        (vec![2, 3], 10)
    );
    world.advance(100.0);
    assert_eq!(world.sent(), [2, 3, 1]);
}

#[test]
fn a_message_that_the_server_refuses_fails_and_says_why_before() {
    let mut world = World::featured(&[Ack]);
    world.server.rejects.insert(1);
    world.send(1).unwrap();
    world.send(2).unwrap();
    world.advance(20.0);
    assert_eq!(world.failed_sends(), [(1, SendError::Rejected)]);
    assert_eq!(world.sent(), [2]);
    let reported = |effect: &Effect<_>| {
        matches!(
            effect,
            Effect::Reported {
                problem: Problem::ServerError { .. }
            }
        )
    };
    let failed = |effect: &Effect<_>| matches!(effect, Effect::SendFailed { .. });
    let at = |is: &dyn Fn(&Effect<Payload>) -> bool| {
        world.effects.iter().position(|(_, effect)| is(effect))
    };
    assert!(at(&reported).unwrap() < at(&failed).unwrap());
    world.cut(1006, "");
    reconnect(&mut world);
    assert_eq!(messages(&world), [1, 2]);
}

#[test]
fn an_error_about_a_message_of_nobody_settles_nothing() {
    let mut world = World::featured(&[Ack]);
    world.subscribe(1);
    world.push(FrameKind::Error {
        execution: Some(key(1)),
        message: Some(SendId(9)),
        forbidden: true,
    });
    world.advance(100.0);
    assert_eq!((world.failed_sends(), world.problems().len()), (vec![], 1));
    assert_eq!(
        world.session.live_subscriptions(),
        1,
        "it was not about that"
    );
}

#[test]
fn a_message_that_was_never_sent_expires() {
    let mut world = World::new(Options {
        max_message_age_ms: 5000.0,
        ..exact()
    });
    world.server.admission = Admission::Stall;
    world.connect(token("t"));
    world.send(1).unwrap();
    world.advance(1000.0);
    world.send(2).unwrap();
    world.advance(3999.0);
    assert!(world.failed_sends().is_empty());
    world.advance(1.0);
    assert_eq!(world.failed_sends(), [(1, SendError::Expired)]);
    world.advance(1000.0);
    assert_eq!(world.failed_sends().len(), 2);
    assert_eq!(world.session.queued_bytes(), 0);
}

#[test]
fn of_a_message_that_was_sent_nobody_says_that_it_was_not() {
    let options = Options {
        max_message_age_ms: 5000.0,
        ..exact()
    };
    let ends: [fn(&mut World); 4] = [
        |world| world.advance(5000.0),
        World::disconnect,
        |world| world.connect(token("another")),
        |world| {
            world.cut(4403, "no");
            world.advance(10.0);
        },
    ];
    for (number, end) in ends.into_iter().enumerate() {
        let mut world = World::featured_with(options, &[Ack]);
        world.fates.push_back(Fate::Lost); // the server's acknowledgement
        world.send(1).unwrap();
        world.advance(100.0);
        assert_eq!(world.server.taken, [1]);
        end(&mut world);
        assert_eq!(
            world.failed_sends(),
            [(1, SendError::Unconfirmed)],
            "{number}"
        );
    }
}

#[test]
fn what_was_not_sent_is_never_sent_as_somebody_else() {
    let mut world = World::featured(&[Ack]);
    world.server.admission = Admission::Refuse;
    world.cut(1006, "");
    world.advance(10.0);
    world.send(1).unwrap();
    world.server.admission = Admission::Welcome;
    world.connect(token("another"));
    world.advance(100.0);
    assert_eq!(world.failed_sends(), [(1, SendError::IdentityReplaced)]);
    assert!(world.server.taken.is_empty());
}

#[test]
fn a_baseline_server_gets_no_second_copy() {
    let mut world = World::featured(&[Ack]);
    world.send(1).unwrap();
    world.server.features = None;
    world.cut(1006, "");
    world.advance(500.0);
    world.send(2).unwrap();
    reconnect(&mut world);
    assert_eq!(messages(&world), [1, 2]);
    assert_eq!(world.failed_sends(), [(1, SendError::Unconfirmed)]);
    assert_eq!((world.sent(), world.server.taken), (vec![2], vec![2]));
}

#[test]
fn messages_that_wait_for_their_answer_count() {
    let mut world = World::featured_with(
        Options {
            max_queued_messages: 2,
            max_queued_bytes: 100,
            ..exact()
        },
        &[Ack],
    );
    world.send_sized(1, 60).unwrap();
    assert_eq!(world.send_sized(2, 41), Err(Refused::QueueFull));
    world.send_sized(3, 40).unwrap();
    assert_eq!(world.send_sized(4, 0), Err(Refused::QueueFull));
    world.advance(20.0);
    world.send_sized(5, 60).unwrap();
    assert_eq!(world.sent(), [1, 3]);
}
