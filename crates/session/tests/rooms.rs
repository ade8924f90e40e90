//! Rooms: the events of executions that nobody named.

#![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

mod common;

use common::*;
use flowmaestro_protocol::Feature::{Ack, Ping, Replay, Rooms};
use flowmaestro_session::{
    Effect, ExecutionKey, FrameKind, Gap, GapReason, Input, Position, Problem, Refused,
};

const ROOM: u32 = 100;

fn enter(world: &mut World) {
    world.handle(Input::SubscribeRoom(key(ROOM))).unwrap();
    world.advance(20.0);
}

fn in_a_room() -> World {
    let mut world = World::featured(&[Replay, Ack, Rooms, Ping]);
    enter(&mut world);
    assert_eq!(world.acknowledged(), [(ROOM, false)]);
    world.forget();
    world
}

fn foreign(world: &mut World) {
    world.push(FrameKind::ForeignEvent { event: 1 });
    world.advance(10.0);
}

fn deliveries(world: &World) -> Vec<Option<ExecutionKey>> {
    let execution = |(_, effect): &(f64, Effect<_>)| match effect {
        Effect::Deliver { execution, .. } => Some(*execution),
        _ => None,
    };
    world.effects.iter().filter_map(execution).collect()
}

#[test]
fn events_of_unknown_executions_are_delivered_to_a_room() {
    let mut world = in_a_room();
    foreign(&mut world);
    assert_eq!(deliveries(&world), [None]);
    assert_eq!(world.session.stats().delivered, 1);
}

#[test]
fn events_of_known_executions_are_delivered_with_their_execution() {
    let mut world = in_a_room();
    world.subscribe(1);
    world.advance(20.0);
    world.publish(1);
    world.advance(10.0);
    assert_eq!(deliveries(&world), [Some(key(1))]);
}

#[test]
fn nothing_is_delivered_after_the_room_was_left() {
    let mut world = in_a_room();
    world.unsubscribe(ROOM);
    foreign(&mut world);
    assert!(deliveries(&world).is_empty());
    assert_eq!(world.session.stats().unwanted, 1);
    world.advance(1000.0);
    assert_eq!((world.released(), world.subscribed()), (vec![ROOM], vec![]));
}

#[test]
fn a_room_has_no_numbers() {
    let mut world = World::featured(&[Replay, Rooms]);
    world.frozen = true; // what the room's server says is below
    world.handle(Input::SubscribeRoom(key(ROOM))).unwrap();
    let generation = world.open_socket.unwrap();
    let position = Position {
        head: 9,
        recovered: false,
        restarted: false,
    };
    let kind = FrameKind::Subscribed {
        execution: key(ROOM),
        position: Some(position),
    };
    world.frame(generation, kind);
    assert_eq!(world.acknowledged(), [(ROOM, false)]);
    assert_eq!(
        (world.gaps(), world.session.cursor(key(ROOM))),
        (vec![], None)
    );
    let head = Input::Head {
        generation,
        execution: key(ROOM),
        seq: 20,
    };
    world.handle(head).unwrap();
    assert_eq!(world.asked(ROOM), [None]);
}

#[test]
fn what_a_room_missed_between_two_connections_is_told() {
    let mut world = in_a_room();
    world.cut(1006, "");
    world.advance(2000.0);
    assert_eq!(world.acknowledged(), [(ROOM, true)]);
    assert_eq!(world.asked(ROOM), [None]);
    let gap = Gap {
        from: None,
        to: None,
        reason: GapReason::Baseline,
    };
    assert_eq!(world.gaps(), [(ROOM, gap)]);
}

#[test]
fn an_event_that_the_room_had_is_not_delivered_again_to_who_returns() {
    let mut world = in_a_room();
    world.subscribe(1);
    world.advance(20.0);
    world.publish(1);
    world.advance(10.0);
    world.unsubscribe(1);
    world.publish_many(1, 2);
    world.advance(10.0); // for the room
    world.subscribe(1);
    world.publish(1);
    world.advance(100.0);
    assert_eq!(world.seqs(1), [1, 2, 3, 4]);
    assert!(world.gaps().is_empty());
    world.unsubscribe(1);
    world.numbered(1, 4);
    assert_eq!(world.seqs(1), [1, 2, 3, 4]);
}

#[test]
fn an_event_that_the_room_missed_is_had_by_who_returns() {
    let mut world = in_a_room();
    world.subscribe(1);
    world.advance(20.0);
    world.unsubscribe(1);
    world.fates.push_back(Fate::Lost);
    world.publish(1);
    world.advance(10.0);
    world.subscribe(1);
    world.publish(1);
    world.advance(100.0);
    assert_eq!(world.seqs(1), [1, 2]);
}

#[test]
fn a_critical_event_of_a_room_is_acknowledged() {
    let mut world = in_a_room();
    world.subscribe(1);
    world.advance(20.0);
    world.unsubscribe(1);
    world.publish_critical(1);
    world.advance(20.0);
    assert_eq!(world.server.event_acks, [(1, 1)]);
}

#[test]
fn rooms_count_as_subscriptions() {
    let options = flowmaestro_session::Options {
        max_subscriptions: 1,
        ..exact()
    };
    let mut world = World::featured_with(options, &[Rooms]);
    enter(&mut world);
    let limit = 1;
    let full = Err(Refused::TooManySubscriptions { limit });
    assert_eq!(world.handle(Input::Subscribe(key(1))), full);
    assert_eq!(world.handle(Input::SubscribeRoom(key(2))), full);
}

#[test]
fn a_server_without_rooms_does_not_answer_and_the_user_is_told() {
    let mut world = World::connected(exact());
    world.server.mute.insert(ROOM);
    enter(&mut world);
    world.advance(30_000.0);
    let execution = key(ROOM);
    let told = Problem::SubscriptionUnanswered { execution };
    assert_eq!(world.problems(), [told]);
}
