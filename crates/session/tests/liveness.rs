//! Pings: a dead connection is found, and only a dead one.

#![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

mod common;

use common::*;
use flowmaestro_protocol::Feature::{Ping, Replay};
use flowmaestro_session::close_code::NO_PONG;
use flowmaestro_session::{FrameKind, Input, State};

/// Connected at 20 ms, so pings are due at 10 020 ms and so on.
fn pinging() -> World {
    World::featured(&[Ping, Replay])
}

fn waits_for_no_pong(world: &World) -> bool {
    matches!(world.session.state(), State::Waiting { cause, .. } if cause.code == NO_PONG)
}

#[test]
fn the_server_is_asked_at_an_interval_that_begins_with_the_last_question() {
    let mut world = pinging();
    world.advance(59_000.0);
    let expected = [10_020.0, 20_020.0, 30_020.0, 40_020.0, 50_020.0];
    let pings = world.pings();
    assert_eq!(
        pings.iter().map(|(at, _)| *at).collect::<Vec<_>>(),
        expected
    );
    assert_eq!(
        pings.iter().map(|(_, id)| *id).collect::<Vec<_>>(),
        [1, 2, 3, 4, 5]
    );
    assert!(world.is_connected());
}

#[test]
fn a_baseline_server_is_never_asked() {
    let mut world = World::connected(exact());
    world.advance(100_000.0);
    world.handle(Input::Wake).unwrap();
    assert_eq!(
        (world.pings(), world.session.next_deadline()),
        (vec![], None)
    );
}

#[test]
fn a_dead_connection_is_closed_and_made_anew() {
    let mut world = pinging();
    world.subscribe(1);
    world.advance(100.0);
    world.frozen = true;
    world.advance_until(|world| !world.is_connected());
    assert_eq!(world.now, 15_020.0);
    assert_eq!(world.close_codes(), [NO_PONG]);
    assert!(waits_for_no_pong(&world));
    world.frozen = false;
    world.publish(1);
    world.advance(2000.0);
    assert!(world.is_connected());
    assert_eq!(world.seqs(1), [1]);
}

#[test]
fn an_answer_at_the_last_moment_counts() {
    let mut world = pinging();
    world.fates.push_back(Fate::Late(4980.0));
    world.advance(15_100.0);
    assert!(world.is_connected());
    world.fates.push_back(Fate::Late(4981.0));
    world.advance(10_100.0);
    assert!(!world.is_connected());
}

#[test]
fn a_way_that_dies_behind_a_ping_is_noticed_as_soon_as_any() {
    let mut world = pinging();
    world.fates.push_back(Fate::Late(4000.0));
    world.advance(10_030.0); // the ping has arrived
    world.deaf = true;
    world.advance(15_000.0);
    assert!(waits_for_no_pong(&world));
}

/// An event each second, for so many seconds.
fn publish_for(world: &mut World, seconds: u32) {
    for _ in 0..seconds {
        world.publish(1);
        world.advance(1000.0);
    }
}

#[test]
fn an_answer_behind_much_else_is_waited_for() {
    let mut world = pinging();
    world.subscribe(1);
    world.advance(100.0);
    world.server.deaf_to_pings = true;
    publish_for(&mut world, 28);
    assert_eq!(world.pings().len(), 1);
    world.push(FrameKind::Pong(1));
    world.server.deaf_to_pings = false;
    world.advance(60_000.0);
    assert!(world.is_connected());
    assert_eq!(world.seqs(1).len(), 28);
}

#[test]
fn what_the_server_sends_is_no_answer() {
    let mut world = pinging();
    world.subscribe(1);
    world.advance(100.0);
    world.deaf = true; // half-open
    publish_for(&mut world, 29);
    assert!(world.is_connected());
    world.publish(1);
    world.advance_until(|world| !world.is_connected());
    assert_eq!(world.now, 30_020.0);
    assert_eq!(world.close_codes(), [NO_PONG]);
}

#[test]
fn silence_after_it_ends_the_wait_in_time() {
    let mut world = pinging();
    world.subscribe(1);
    world.advance(100.0);
    world.deaf = true;
    publish_for(&mut world, 12);
    world.frozen = true;
    world.advance_until(|world| !world.is_connected());
    assert_eq!(world.now, 20_020.0);
}

#[test]
fn an_answer_to_another_question_does_not_count() {
    let mut world = pinging();
    world.server.deaf_to_pings = true;
    world.advance(11_000.0);
    for id in [0, 2, u32::MAX] {
        world.push(FrameKind::Pong(id));
    }
    world.advance(9500.0);
    assert!(waits_for_no_pong(&world));
    assert_eq!(world.session.stats().ignored, 3);
}

#[test]
fn an_answer_that_nobody_asked_for_moves_nothing() {
    let mut world = pinging();
    world.advance(5000.0);
    world.push(FrameKind::Pong(0));
    world.advance(6000.0);
    assert_eq!(world.pings(), [(10_020.0, 1)]);
}

#[test]
fn after_sleep_the_connection_is_tried_before_it_is_given_up() {
    let mut world = pinging();
    world.server.deaf_to_pings = true;
    world.advance(10_100.0); // a ping is on its way
    world.server.deaf_to_pings = false;
    world.sleep(3_600_000.0);
    world.handle(Input::Tick).unwrap();
    assert_eq!(world.pings().len(), 2);
    world.advance(100.0);
    assert!(world.is_connected());
    assert!(world.close_codes().is_empty());
}

#[test]
fn after_sleep_a_dead_connection_is_found_in_time() {
    let mut world = pinging();
    world.frozen = true;
    world.advance(10_100.0);
    world.sleep(3_600_000.0);
    world.handle(Input::Tick).unwrap();
    world.advance(5000.0);
    assert!(!world.is_connected());
}

#[test]
fn a_dead_connection_is_found_even_if_every_timer_is_late() {
    let mut world = pinging();
    world.frozen = true;
    for _ in 0..3 {
        world.sleep(60_000.0);
        world.handle(Input::Tick).unwrap();
    }
    assert_eq!(world.close_codes(), [NO_PONG]);
}

#[test]
fn late_timers_do_not_end_a_living_connection() {
    let mut world = pinging();
    for _ in 0..10 {
        world.sleep(60_000.0);
        world.handle(Input::Tick).unwrap();
        for _ in 0..2 {
            world.sleep(10.0);
            while world.step_frames() {}
        }
    }
    assert!(world.is_connected());
    assert_eq!(world.pings().len(), 10);
}

#[test]
fn waking_tries_the_connection() {
    let mut world = pinging();
    world.advance(1000.0);
    world.handle(Input::Wake).unwrap();
    world.handle(Input::Wake).unwrap();
    assert_eq!(world.pings(), [(1030.0, 1)]);
    world.advance(100.0);
    world.frozen = true;
    world.handle(Input::Wake).unwrap();
    assert_eq!(world.pings().len(), 2);
    world.advance(5000.0);
    assert!(!world.is_connected());
}

#[test]
fn a_connection_that_was_good_for_long_is_forgiven_its_death() {
    let mut world = pinging();
    for _ in 0..8 {
        world.advance(60_000.0);
        world.frozen = true;
        world.advance_until(|world| !world.is_connected());
        world.frozen = false;
        world.advance_until(World::is_connected);
    }
    assert_eq!(world.delays(), [1000.0; 8]);
}

#[test]
fn pings_end_with_the_connection() {
    let mut world = pinging();
    world.disconnect();
    world.advance(60_000.0);
    assert!(world.pings().is_empty());
    world.connect(token("t"));
    world.server.features = None;
    world.advance(60_000.0);
    assert!(world.pings().is_empty());
}
