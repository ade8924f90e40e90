//! Who else watches.

#![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

mod common;

use common::*;
use flowmaestro_protocol::Feature::{Presence, Replay};
use flowmaestro_session::{Input, Outgoing};

fn watch(world: &mut World, execution: u32, watch: bool) {
    let execution = key(execution);
    world
        .handle(Input::WatchPresence { execution, watch })
        .unwrap();
}

/// Whether each `subscribe` asked for it.
fn asked(world: &World) -> Vec<bool> {
    let presence = |message| match message {
        Outgoing::Subscribe { presence, .. } => Some(presence),
        _ => None,
    };
    world
        .transmitted()
        .into_iter()
        .filter_map(presence)
        .collect()
}

#[test]
fn who_watches_before_the_connection_asks_with_the_subscription() {
    let mut world = World::new(exact());
    world.server.features = Some([Presence].into_iter().collect());
    world.subscribe(1);
    watch(&mut world, 1, true);
    world.connect(token("t"));
    world.advance(1000.0);
    assert_eq!(asked(&world), [true]);
}

#[test]
fn who_watches_what_is_on_asks_once_more() {
    let mut world = World::featured(&[Presence, Replay]);
    world.subscribe(1);
    world.advance(20.0);
    world.publish(1);
    world.advance(10.0);
    watch(&mut world, 1, true);
    watch(&mut world, 1, true);
    world.advance(1000.0);
    assert_eq!(asked(&world), [false, true]);
    assert_eq!(world.asked(1), [None, Some(1)]);
    assert_eq!(
        world.acknowledged(),
        [(1, false)],
        "it is the same subscription"
    );
    assert_eq!((world.seqs(1), world.gaps()), (vec![1], vec![]));
}

#[test]
fn who_watches_while_the_subscription_is_on_its_way_asks_after_the_answer() {
    let mut world = World::featured(&[Presence]);
    world.subscribe(1);
    watch(&mut world, 1, true);
    assert_eq!(asked(&world), [false]);
    world.advance(1000.0);
    assert_eq!(asked(&world), [false, true]);
    assert_eq!(world.session.live_subscriptions(), 1);
}

#[test]
fn each_connection_is_asked_once() {
    let mut world = World::featured(&[Presence]);
    world.subscribe(1);
    watch(&mut world, 1, true);
    world.advance(100.0);
    world.forget();
    for _ in 0..2 {
        world.cut(1006, "");
        world.advance(20_000.0);
    }
    assert_eq!(asked(&world), [true, true]);
}

#[test]
fn a_server_that_does_not_speak_of_it_is_not_asked() {
    for features in [&[Replay][..], &[]] {
        let mut world = World::featured(features);
        world.subscribe(1);
        world.advance(20.0);
        watch(&mut world, 1, true);
        world.advance(1000.0);
        assert_eq!(asked(&world), [false]);
    }
}

#[test]
fn who_stops_watching_is_not_asked_for_on_the_next_connection() {
    let mut world = World::featured(&[Presence]);
    world.subscribe(1);
    world.advance(20.0);
    watch(&mut world, 1, true);
    world.advance(20.0);
    watch(&mut world, 1, false);
    world.cut(1006, "");
    world.advance(2000.0);
    assert_eq!(asked(&world), [false, true, false]);
}

#[test]
fn what_nobody_holds_is_not_watched() {
    let mut world = World::featured(&[Presence]);
    watch(&mut world, 1, true);
    world.subscribe(1);
    world.advance(20.0);
    assert_eq!(asked(&world), [false]);
    world.unsubscribe(1);
    watch(&mut world, 1, true);
    world.advance(1000.0);
    assert_eq!(asked(&world), [false]);
}
