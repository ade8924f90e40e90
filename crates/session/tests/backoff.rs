//! When the session tries again, and when it gives up.

mod common;

use common::*;
use flowmaestro_session::{Backoff, Closed, Failure, Input, Jitter, Millis, Options, State};

const SEEDS_SCHEDULE: [f64; 5] = [1000.0, 2000.0, 4000.0, 8000.0, 16_000.0];

fn with_backoff(change: impl FnOnce(&mut Backoff)) -> Options {
    let mut options = exact();
    change(&mut options.reconnect);
    options
}

fn refused(options: Options, seed: u64) -> World {
    let mut world = World::seeded(options, seed);
    world.server.admission = Admission::Refuse;
    world.connect(token("t"));
    world
}

fn exhausted(attempts: u32) -> State {
    let last = Closed {
        code: 1006,
        reason: String::new(),
    };
    State::Failed {
        error: Failure::RetriesExhausted { attempts, last },
    }
}

#[test]
fn without_jitter_the_schedule_is_exact_and_then_it_gives_up() {
    let mut world = refused(exact(), 1);
    world.advance(200_000.0);
    assert_eq!(world.delays(), SEEDS_SCHEDULE);
    assert_eq!(world.session.state(), &exhausted(5));
    // Each attempt costs a round trip of 20 ms.
    let dials = [0.0, 1020.0, 3040.0, 7060.0, 15_080.0, 31_100.0];
    assert_eq!(world.dial_times(), dials);
}

#[test]
fn the_state_tells_which_attempt_follows_and_why() {
    let mut world = refused(exact(), 1);
    world.advance(1030.0);
    let attempts: Vec<_> = world
        .states()
        .into_iter()
        .map(|state| match state {
            State::Connecting { attempt } => (attempt, 0),
            State::Waiting { attempt, cause, .. } => (attempt, cause.code),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(attempts, [(0, 0), (1, 1006), (1, 0)]);
}

#[test]
fn spread_delays_stay_within_their_share_and_differ_between_clients() {
    let options = with_backoff(|backoff| backoff.jitter = Jitter::Spread(0.3));
    let mut firsts = Vec::new();
    for seed in 0..200 {
        let mut world = refused(options, seed);
        world.advance(200_000.0);
        let delays = world.delays();
        assert_eq!(delays.len(), 5);
        for (delay, exact) in delays.iter().zip(SEEDS_SCHEDULE) {
            assert!(
                (exact * 0.7..=exact * 1.3).contains(delay),
                "{delay} for {exact}"
            );
        }
        firsts.push(delays[0]);
    }
    let low = firsts.iter().filter(|delay| **delay < 850.0).count();
    let high = firsts.iter().filter(|delay| **delay > 1150.0).count();
    assert!(low > 25 && high > 25, "{low} low and {high} high of 200");
}

#[test]
fn full_jitter_spreads_from_nothing_to_the_delay() {
    let options = with_backoff(|backoff| backoff.jitter = Jitter::Full);
    let mut firsts = Vec::new();
    for seed in 0..200 {
        let mut world = refused(options, seed);
        world.advance(200_000.0);
        for (delay, exact) in world.delays().iter().zip(SEEDS_SCHEDULE) {
            assert!((0.0..=exact).contains(delay), "{delay} for {exact}");
        }
        firsts.push(world.delays()[0]);
    }
    assert!(firsts.iter().any(|delay| *delay < 250.0));
    assert!(firsts.iter().any(|delay| *delay > 750.0));
}

#[test]
fn the_same_seed_waits_the_same_way() {
    let options = with_backoff(|backoff| backoff.jitter = Jitter::Full);
    let run = |seed| {
        let mut world = refused(options, seed);
        world.advance(200_000.0);
        world.delays()
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}

#[test]
fn delays_are_capped_and_may_go_on_for_ever() {
    let options = with_backoff(|backoff| backoff.max_attempts = u32::MAX);
    let mut world = refused(options, 1);
    world.advance(3_600_000.0);
    let delays = world.delays();
    assert!(delays.len() > 100);
    assert_eq!(delays[5..10], [30_000.0; 5]);
    assert!(delays[5..].iter().all(|delay| *delay == 30_000.0));
}

#[test]
fn no_retry_when_none_is_allowed() {
    let mut world = refused(with_backoff(|backoff| backoff.max_attempts = 0), 1);
    world.advance(20.0);
    assert_eq!(world.session.state(), &exhausted(0));
}

#[test]
fn every_number_is_an_option() {
    let options = with_backoff(|backoff| {
        backoff.max_attempts = 4;
        backoff.initial_delay_ms = 100.0;
        backoff.multiplier = 3.0;
        backoff.max_delay_ms = 1000.0;
    });
    let mut world = refused(options, 1);
    world.advance(100_000.0);
    assert_eq!(world.delays(), [100.0, 300.0, 900.0, 1000.0]);
}

#[test]
fn new_options_count_from_the_next_decision() {
    let mut world = refused(exact(), 1);
    world.advance(30.0);
    world
        .session
        .configure(with_backoff(|backoff| backoff.multiplier = 1.0));
    world.advance(2030.0);
    assert_eq!(world.delays(), [1000.0, 1000.0, 1000.0]);
}

#[test]
fn a_connection_that_does_not_last_does_not_count() {
    let mut world = World::new(exact());
    world.connect(token("t"));
    for _ in 0..6 {
        world.advance_until(World::is_connected);
        world.advance(4000.0);
        world.cut(1006, "");
        world.advance(20.0);
    }
    assert_eq!(world.delays(), SEEDS_SCHEDULE);
    assert_eq!(world.session.state(), &exhausted(5));
}

#[test]
fn a_connection_that_lasted_starts_the_count_anew() {
    let mut world = World::new(exact());
    world.connect(token("t"));
    for _ in 0..20 {
        world.advance_until(World::is_connected);
        world.advance(5000.0);
        world.cut(1006, "");
        world.advance(20.0);
    }
    assert_eq!(world.delays(), [1000.0; 20]);
}

#[test]
fn the_first_retry_after_a_restart_is_spread_over_five_seconds() {
    for code in [1012, 1013] {
        let mut firsts = Vec::new();
        for seed in 0..200 {
            let mut world = World::seeded(Options::default(), seed);
            world.connect(token("t"));
            world.advance(6000.0);
            world.server.admission = Admission::Close(code, "");
            world.cut(code, "restart");
            world.advance(8000.0);
            let delays = world.delays();
            assert!((0.0..5000.0).contains(&delays[0]), "{delays:?}");
            assert!(
                (1400.0..=2600.0).contains(&delays[1]),
                "the second is ordinary: {delays:?}"
            );
            firsts.push(delays[0]);
        }
        for fifth in 0..5 {
            let from = 1000.0 * f64::from(fifth);
            let share = firsts
                .iter()
                .filter(|d| (from..from + 1000.0).contains(*d))
                .count();
            assert!(
                share > 15,
                "{share} of 200 between {from} and the next second"
            );
        }
    }
}

#[test]
fn without_jitter_a_restart_is_like_any_other_end() {
    let mut world = World::connected(exact());
    world.cut(1012, "restart");
    world.advance(20.0);
    assert_eq!(world.delays(), [1000.0]);
}

#[test]
fn a_wait_can_be_cut_short() {
    for input in [Input::Wake, Input::ReconnectNow] {
        let mut world = refused(exact(), 1);
        world.advance(100.0);
        world.server.admission = Admission::Welcome;
        world.handle(input).unwrap();
        world.advance(20.0);
        assert!(world.is_connected());
        assert_eq!(world.dial_times(), [0.0, 100.0]);
    }
}

#[test]
fn an_attempt_that_was_called_early_counts() {
    let mut world = refused(exact(), 1);
    for _ in 0..5 {
        world.advance(100.0);
        world.handle(Input::Wake).unwrap();
    }
    world.advance(100.0);
    assert_eq!(world.session.state(), &exhausted(5));
}

#[test]
fn giving_up_ends_the_timer_not_the_wish() {
    for input in [Input::Wake, Input::ReconnectNow] {
        let mut world = refused(exact(), 1);
        world.advance(200_000.0);
        assert_eq!(world.session.state(), &exhausted(5));
        world.forget();
        world.handle(input).unwrap();
        world.advance(200_000.0);
        assert_eq!(world.delays(), SEEDS_SCHEDULE, "a whole new round");
        assert_eq!(world.session.state(), &exhausted(5));
    }
}

#[test]
fn subscriptions_outlive_giving_up() {
    let mut world = World::connected(exact());
    world.subscribe(1);
    world.advance(100.0);
    world.server.admission = Admission::Refuse;
    world.cut(1006, "");
    world.advance(200_000.0);
    world.subscribe(2);
    world.server.admission = Admission::Welcome;
    world.handle(Input::Wake).unwrap();
    world.advance(100.0);
    assert_eq!(world.subscribed(), [1, 2]);
}

#[test]
fn after_a_long_sleep_one_attempt_follows_at_once() {
    let mut world = refused(exact(), 1);
    world.advance(100.0);
    world.sleep(3_600_000.0);
    world.server.admission = Admission::Welcome;
    world.advance(20.0);
    assert!(world.is_connected());
    assert_eq!(world.dial_times(), [0.0, 3_600_100.0]);
}

#[test]
fn a_clock_that_goes_backwards_stands_still() {
    let mut world = refused(exact(), 1);
    world.advance(100.0);
    for bad in [-1.0, 50.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        world.now = bad;
        world.handle(Input::Tick).unwrap();
    }
    world.now = 1019.0;
    world.handle(Input::Tick).unwrap();
    assert_eq!(world.dial_times(), [0.0]);
    world.now = 1020.0;
    world.handle(Input::Tick).unwrap();
    assert_eq!(world.dial_times(), [0.0, 1020.0]);
}

#[test]
fn delays_count_from_the_latest_time_that_was_seen() {
    let mut world = World::connected(exact());
    world.advance(980.0);
    world.handle(Input::Tick).unwrap();
    world.now = 10.0;
    let generation = world.open_socket.take().unwrap();
    let (code, reason) = (1006, String::new());
    world
        .handle(Input::SocketClosed {
            generation,
            code,
            reason,
        })
        .unwrap();
    assert_eq!(world.session.next_deadline(), Some(Millis(2000.0)));
}
