//! What is done with the frames that arrive.

mod common;

use common::*;
use flowmaestro_session::{Effect, FrameKind, Problem};

#[test]
fn an_event_reaches_those_who_want_it() {
    let mut world = World::connected(exact());
    world.subscribe(1);
    world.advance(100.0);
    world.forget();
    world.emit(1, event(1));
    world.advance(10.0);
    let payload = format!("{:?}", event(1));
    let deliver = Effect::Deliver {
        event: 1,
        execution: Some(key(1)),
        acknowledge: None,
        payload,
    };
    assert_eq!(world.effects, [(130.0, deliver)]);
    assert_eq!(world.session.stats().delivered, 1);
}

#[test]
fn an_event_that_belongs_to_no_execution_is_delivered() {
    let mut world = World::connected(exact());
    let kind = FrameKind::Event {
        event: 9,
        execution: None,
        terminal: false,
        seq: None,
        ack: false,
    };
    world.push(kind);
    world.advance(10.0);
    let delivered = |(_, effect): &(f64, Effect<_>)| {
        matches!(
            effect,
            Effect::Deliver {
                event: 9,
                execution: None,
                ..
            }
        )
    };
    assert!(world.effects.iter().any(delivered));
}

#[test]
fn events_that_nobody_wants_are_counted_and_dropped() {
    let mut world = World::connected(exact());
    world.push(event(5));
    world.push(FrameKind::ForeignEvent { event: 1 });
    world.advance(10.0);
    assert!(world.effects.is_empty());
    assert_eq!(world.session.stats().unwanted, 2);
}

#[test]
fn frames_of_an_unknown_type_are_handed_on() {
    let mut world = World::connected(exact());
    world.push(FrameKind::Unknown);
    world.advance(10.0);
    assert!(matches!(
        &world.effects[..],
        [(_, Effect::DeliverUnknown { .. })]
    ));
}

#[test]
fn unreadable_frames_are_reported_and_nothing_else() {
    let mut world = World::connected(exact());
    world.push(FrameKind::Invalid);
    world.advance(10.0);
    assert_eq!(
        world.problems(),
        [Problem::UnreadableFrame {
            payload: "Invalid".to_owned()
        }]
    );
    assert_eq!(world.effects.len(), 1);
    assert_eq!(world.session.stats().unreadable, 1);
}

#[test]
fn error_frames_are_reported() {
    let mut world = World::connected(exact());
    for execution in [None, Some(key(1))] {
        let kind = FrameKind::Error {
            execution,
            message: None,
            forbidden: false,
        };
        world.push(kind);
        world.advance(10.0);
        let payload = format!("{kind:?}");
        assert_eq!(
            world.problems(),
            [Problem::ServerError { execution, payload }]
        );
        world.forget();
    }
}

#[test]
fn events_keep_their_order() {
    let mut world = World::connected(exact());
    for execution in [3, 1, 2] {
        world.subscribe(execution);
    }
    world.advance(100.0);
    let order = [1, 3, 2, 2, 1, 3];
    for execution in order {
        world.emit(execution, event(execution));
    }
    world.advance(10.0);
    assert_eq!(world.delivered(), order);
}
