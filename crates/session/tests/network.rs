//! A network that goes and comes, as far as the browser knows.

#![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

mod common;

use common::*;
use flowmaestro_protocol::Feature::Ping;
use flowmaestro_session::{Input, State};

fn network(world: &mut World, online: bool) {
    world.handle(Input::Network { online }).unwrap();
}

#[test]
fn retries_without_a_network_do_not_count_but_go_on() {
    let mut world = World::connected(exact());
    world.server.admission = Admission::Refuse;
    network(&mut world, false);
    world.cut(1006, "");
    world.advance(3_600_000.0);
    assert!(matches!(world.session.state(), State::Waiting { .. }));
    let delays = world.delays();
    assert_eq!(
        delays[..6],
        [1000.0, 2000.0, 4000.0, 8000.0, 16_000.0, 30_000.0]
    );
    assert!(delays.len() > 100);
    world.forget();
    network(&mut world, true);
    assert_eq!(world.dial_times().len(), 1, "at once");
    world.advance(200_000.0);
    assert_eq!(world.delays(), [1000.0, 2000.0, 4000.0, 8000.0, 16_000.0]);
    assert!(matches!(world.session.state(), State::Failed { .. }));
}

/// A browser may be wrong about it, as with a server on the same machine.
#[test]
fn a_server_that_can_be_reached_all_the_same_is() {
    let mut world = World::new(exact());
    network(&mut world, false);
    world.connect(token("t"));
    world.advance(100.0);
    assert!(world.is_connected());
    world.cut(1006, "");
    world.advance(1100.0);
    assert!(world.is_connected());
}

#[test]
fn the_return_of_the_network_starts_again_after_giving_up() {
    let mut world = World::new(exact());
    world.server.admission = Admission::Refuse;
    world.connect(token("t"));
    world.advance(200_000.0);
    assert!(matches!(world.session.state(), State::Failed { .. }));
    network(&mut world, false);
    assert!(matches!(world.session.state(), State::Failed { .. }));
    world.server.admission = Admission::Welcome;
    network(&mut world, true);
    world.advance(100.0);
    assert!(world.is_connected());
}

#[test]
fn a_network_that_was_there_all_the_time_resets_no_count() {
    let mut world = World::new(exact());
    world.server.admission = Admission::Refuse;
    world.connect(token("t"));
    world.advance(4000.0);
    let before = world.delays();
    network(&mut world, true);
    world.advance(100.0);
    assert_eq!(world.delays()[before.len()..], [8000.0]);
}

#[test]
fn a_connection_is_asked_for_a_sign_of_life_when_the_network_goes_or_comes() {
    for online in [false, true] {
        let mut world = World::featured(&[Ping]);
        network(&mut world, online);
        assert_eq!(world.pings().len(), 1);
        world.advance(100.0);
        assert_eq!(world.states(), [], "it answered");
        world.freeze();
        network(&mut world, online);
        world.advance(5000.0);
        assert!(!world.is_connected(), "dead, and noticed at once");
    }
}

#[test]
fn without_the_wish_for_a_connection_nothing_happens() {
    let mut world = World::new(exact());
    network(&mut world, false);
    network(&mut world, true);
    assert!(world.effects.is_empty());
}
