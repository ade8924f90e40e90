//! Random users, servers and networks: what must hold whatever happens, and what must come true once
//! the faults stop. What holds at any time is checked by the world itself, after every input.

#![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

mod common;

use common::*;
use flowmaestro_protocol::{Feature, Features};
use flowmaestro_session::{
    Backoff, Credentials, FrameKind, Input, Options, Problem, Refused, State,
};
use proptest::prelude::*;

/// One thing that a user, the server or the network does.
#[derive(Clone, Debug)]
enum Act {
    Connect(Credentials),
    Disconnect,
    ReconnectNow,
    Wake,
    Network(bool),
    Subscribe(u32),
    Unsubscribe(u32),
    Send(usize),
    Advance(f64),
    Sleep(f64),
    Cut(u16),
    Freeze,
    Admit(Admission),
    Answer(Answer),
    Forbid(u32),
    Allow(u32),
    Mute(u32),
    Busy(u32, u32),
    Emit(FrameKind),
    Push(FrameKind),
}

const EXECUTIONS: std::ops::Range<u32> = 0..6;

fn options() -> Options {
    Options {
        max_subscriptions: 4,
        max_queued_messages: 3,
        max_queued_bytes: 200,
        max_message_bytes: 90,
        ..Options::default()
    }
}

fn credentials() -> impl Strategy<Value = Credentials> {
    prop_oneof![
        Just(Credentials::None),
        Just(token("a")),
        Just(token("b")),
        Just(Credentials::Provider(1)),
        Just(Credentials::Provider(2)),
    ]
}

fn close_code() -> impl Strategy<Value = u16> {
    prop_oneof![
        4 => Just(1006),
        4 => prop::sample::select(vec![1000, 1001, 1009, 1011, 1012, 1013, 4401, 4408]),
        1 => prop::sample::select(vec![1008, 4403]),
    ]
}

fn admission() -> impl Strategy<Value = Admission> {
    prop_oneof![
        4 => Just(Admission::Welcome),
        2 => Just(Admission::Refuse),
        1 => Just(Admission::Silence),
        1 => Just(Admission::Stall),
        1 => close_code().prop_map(|code| Admission::Close(code, "no")),
    ]
}

fn frame() -> impl Strategy<Value = FrameKind> {
    let execution = EXECUTIONS.prop_map(key);
    prop_oneof![
        4 => EXECUTIONS.prop_map(event),
        2 => EXECUTIONS.prop_map(terminal),
        1 => Just(FrameKind::ForeignEvent { event: 1 }),
        1 => Just(FrameKind::Unknown),
        1 => Just(FrameKind::Invalid),
        1 => Just(FrameKind::Welcome { features: Some(Features::NONE) }),
        1 => Just(FrameKind::Error { execution: None, message: None, forbidden: false }),
        1 => execution.prop_map(|key| FrameKind::Event {
            event: 3,
            execution: Some(key),
            terminal: false,
        seq: None,
        ack: false,
        }),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        2 => credentials().prop_map(Act::Connect),
        1 => Just(Act::Disconnect),
        1 => Just(Act::ReconnectNow),
        1 => Just(Act::Wake),
        1 => any::<bool>().prop_map(Act::Network),
        10 => EXECUTIONS.prop_map(Act::Subscribe),
        10 => EXECUTIONS.prop_map(Act::Unsubscribe),
        4 => (0usize..100).prop_map(Act::Send),
        12 => (0.0..400.0).prop_map(Act::Advance),
        4 => (0.0..20_000.0).prop_map(Act::Advance),
        1 => (0.0..100_000.0).prop_map(Act::Sleep),
        3 => close_code().prop_map(Act::Cut),
        1 => Just(Act::Freeze),
        3 => admission().prop_map(Act::Admit),
        2 => answer().prop_map(Act::Answer),
        1 => EXECUTIONS.prop_map(Act::Forbid),
        1 => EXECUTIONS.prop_map(Act::Allow),
        1 => EXECUTIONS.prop_map(Act::Mute),
        1 => (EXECUTIONS, 1u32..5).prop_map(|(execution, times)| Act::Busy(execution, times)),
        6 => frame().prop_map(Act::Emit),
        3 => frame().prop_map(Act::Push),
    ]
}

fn perform(world: &mut World, number: u32, act: Act) {
    match act {
        Act::Connect(credentials) => world.connect(credentials),
        Act::Disconnect => world.disconnect(),
        Act::ReconnectNow => drop(world.handle(Input::ReconnectNow)),
        Act::Wake => world.handle(Input::Wake).unwrap(),
        Act::Network(online) => world.handle(Input::Network { online }).unwrap(),
        Act::Subscribe(execution) => {
            let outcome = world.handle(Input::Subscribe(key(execution)));
            let limit = world.options.max_subscriptions;
            let full = Err(Refused::TooManySubscriptions { limit });
            let taken = world.holders.contains_key(&execution);
            assert_eq!(outcome, if taken { Ok(()) } else { full });
        }
        Act::Unsubscribe(execution) => world.unsubscribe(execution),
        Act::Send(bytes) => drop(world.send_sized(number, bytes)),
        Act::Advance(ms) => world.advance(ms),
        Act::Sleep(ms) => world.sleep(ms),
        Act::Cut(code) => world.cut(code, "cut"),
        Act::Freeze => world.freeze(),
        Act::Admit(admission) => world.server.admission = admission,
        Act::Answer(answer) => world.provider_default = answer,
        Act::Forbid(execution) => drop(world.server.forbidden.insert(execution)),
        Act::Allow(execution) => drop(world.server.forbidden.remove(&execution)),
        Act::Mute(execution) => drop(world.server.mute.insert(execution)),
        Act::Busy(execution, times) => drop(world.server.busy.insert(execution, times)),
        Act::Emit(kind) => emit(world, kind),
        Act::Push(kind) => world.push(kind),
    }
}

fn emit(world: &mut World, kind: FrameKind) {
    match kind {
        FrameKind::Event {
            execution: Some(key),
            ..
        } => world.emit(key.0, kind),
        _ => world.push(kind),
    }
}

/// The server and the network are well again.
fn heal(world: &mut World) {
    world.server.admission = Admission::Welcome;
    world.server.forbidden.clear();
    world.server.busy.clear();
    world.server.mute.clear();
    world.frozen = false;
    world.deaf = false;
    world.fates.clear();
    world.provider_default = Answer::Token("healed");
    world.advance(30_000.0); // whatever is on its way arrives
}

/// The user does what a state asks of a user who wants to be connected.
fn insist(world: &mut World) {
    match world.session.state().clone() {
        State::Disconnected { .. } => world.connect(token("a")),
        State::Failed { .. } if world.handle(Input::ReconnectNow).is_err() => {
            world.connect(token("another"));
        }
        _ => {}
    }
}

/// The subscriptions that the user was told not to be on.
fn told(world: &World) -> Vec<u32> {
    let execution = |problem| match problem {
        Problem::SubscriptionRefused { execution, .. }
        | Problem::SubscriptionUnanswered { execution } => Some(execution.0),
        _ => None,
    };
    world.problems().into_iter().filter_map(execution).collect()
}

fn run(seed: u64, latency: f64, acts: Vec<Act>) -> World {
    let mut world = World::seeded(options(), seed);
    world.latency = latency;
    for (number, act) in (0..).zip(acts) {
        perform(&mut world, number, act);
    }
    world
}

/// The same with one connection that never ends.
fn run_on_one_connection(options: Options, seed: u64, latency: f64, acts: Vec<Act>) -> World {
    let mut world = World::seeded(options, seed);
    world.latency = latency;
    world.connect(token("a"));
    world.advance(2.0 * latency);
    for (number, act) in (0..).zip(acts) {
        if !ends_a_connection(&act) {
            perform(&mut world, number, act);
        }
    }
    world.advance(100_000.0);
    assert_eq!(world.dial_times().len(), 1);
    world
}

fn scenario() -> impl Strategy<Value = (u64, f64, Vec<Act>)> {
    let latency = prop::sample::select(vec![1.0, 30.0, 300.0, 3000.0]);
    (any::<u64>(), latency, prop::collection::vec(act(), 0..150))
}

fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// One thing that happens around numbered events.
#[derive(Clone, Debug)]
enum Deed {
    Subscribe(u32),
    Unsubscribe(u32),
    Publish(u32, u64),
    Critical(u32),
    Terminal(u32),
    /// So many of the last events stay.
    Trim(u32, u64),
    Restart,
    Cut(u16),
    Freeze,
    Deafen,
    Fates(Vec<Fate>),
    Advance(f64),
    Sleep(f64),
    Wake,
    Send,
    Replay(u32, u64),
    Answer(Answer),
    Baseline(bool),
    Mute(u32),
    Busy(u32),
    Hear(u32),
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        6 => Just(Fate::Arrives),
        3 => Just(Fate::Lost),
        2 => Just(Fate::Doubled),
        2 => (0.0..100.0).prop_map(Fate::Late),
    ]
}

fn deed() -> impl Strategy<Value = Deed> {
    let cut = prop::sample::select(vec![1000, 1006, 1012, 4408]);
    prop_oneof![
        8 => EXECUTIONS.prop_map(Deed::Subscribe),
        5 => EXECUTIONS.prop_map(Deed::Unsubscribe),
        20 => (EXECUTIONS, 1u64..5).prop_map(|(execution, n)| Deed::Publish(execution, n)),
        3 => EXECUTIONS.prop_map(Deed::Critical),
        1 => EXECUTIONS.prop_map(Deed::Terminal),
        3 => (EXECUTIONS, 0u64..4).prop_map(|(execution, n)| Deed::Trim(execution, n)),
        1 => Just(Deed::Restart),
        4 => cut.prop_map(Deed::Cut),
        1 => Just(Deed::Freeze),
        1 => Just(Deed::Deafen),
        8 => prop::collection::vec(fate(), 1..12).prop_map(Deed::Fates),
        20 => (0.0..100.0).prop_map(Deed::Advance),
        6 => (0.0..20_000.0).prop_map(Deed::Advance),
        1 => (0.0..100_000.0).prop_map(Deed::Sleep),
        1 => Just(Deed::Wake),
        4 => Just(Deed::Send),
        4 => (EXECUTIONS, 0u64..30).prop_map(|(execution, since)| Deed::Replay(execution, since)),
        4 => answer().prop_map(Deed::Answer),
        2 => any::<bool>().prop_map(Deed::Baseline),
        1 => EXECUTIONS.prop_map(Deed::Mute),
        1 => EXECUTIONS.prop_map(Deed::Busy),
        2 => EXECUTIONS.prop_map(Deed::Hear),
    ]
}

fn answer() -> impl Strategy<Value = Answer> {
    let token = prop::sample::select(vec!["t", "u", "v", "w"]);
    let lasting = (token, 0.0..60_000.0).prop_map(|(token, ms)| Answer::Lasting(token, ms));
    prop_oneof![
        6 => lasting.clone(),
        2 => (0.0..20_000.0, lasting).prop_map(|(by, answer)| Answer::Late(by, Box::new(answer))),
        1 => Just(Answer::Token("t")),
        1 => Just(Answer::Failure),
        1 => Just(Answer::Never),
    ]
}

fn do_deed(world: &mut World, number: u32, deed: Deed, features: Features) {
    match deed {
        Deed::Subscribe(execution) => drop(world.handle(Input::Subscribe(key(execution)))),
        Deed::Unsubscribe(execution) => world.unsubscribe(execution),
        Deed::Publish(execution, count) => world.publish_many(execution, count),
        Deed::Critical(execution) => world.publish_critical(execution),
        Deed::Terminal(execution) => world.publish_terminal(execution),
        Deed::Trim(execution, stay) => {
            world.trim(execution, world.head(execution).saturating_sub(stay));
        }
        Deed::Restart => world.restart(),
        Deed::Cut(code) => world.cut(code, "cut"),
        Deed::Freeze => world.frozen = true,
        Deed::Deafen => world.deaf = true,
        Deed::Fates(fates) => world.fates = fates.into(),
        Deed::Advance(ms) => world.advance(ms),
        Deed::Sleep(ms) => world.sleep(ms),
        Deed::Wake => world.handle(Input::Wake).unwrap(),
        Deed::Send => drop(world.send(number)),
        Deed::Replay(execution, since) => drop(world.replay(number, execution, since)),
        Deed::Baseline(baseline) => {
            world.server.features = (!baseline).then_some(features);
        }
        Deed::Answer(answer) => world.provider_default = answer,
        Deed::Mute(execution) => drop(world.server.mute.insert(execution)),
        Deed::Busy(execution) => drop(world.server.busy.insert(execution, 2)),
        Deed::Hear(execution) => drop(world.server.mute.remove(&execution)),
    }
}

/// Whom the server's last events did not reach.
fn behind(world: &World) -> Vec<(u32, Option<u64>, u64)> {
    let executions = world.expected().into_iter();
    let places = executions.map(|execution| {
        let cursor = world.session.cursor(key(execution));
        (execution, cursor, world.head(execution))
    });
    places
        .filter(|(_, cursor, head)| cursor.unwrap_or(0) != *head)
        .collect()
}

fn never_gives_up() -> Options {
    let reconnect = Backoff {
        max_attempts: u32::MAX,
        ..Backoff::default()
    };
    Options {
        reconnect,
        ..options()
    }
}

proptest! {
    #![proptest_config(config())]

    /// That each event is delivered once and in order, or its loss told, the world checks itself.
    #[test]
    fn once_faults_stop_every_event_was_delivered_or_its_loss_told(
        seed in any::<u64>(),
        latency in prop::sample::select(vec![1.0, 30.0, 300.0]),
        renews_in_place in any::<bool>(),
        deeds in prop::collection::vec(deed(), 0..200),
    ) {
        let features = if renews_in_place {
            Features::ALL
        } else {
            Features::ALL.without(Feature::Auth)
        };
        let mut world = World::seeded(never_gives_up(), seed);
        world.latency = latency;
        world.server.features = Some(features);
        world.connect(Credentials::Provider(1));
        for (number, deed) in (0..).zip(deeds) {
            do_deed(&mut world, number, deed, features);
        }
        heal(&mut world);
        world.server.features = Some(features);
        // A wait, a dead connection, an answer that is overdue, and two heads.
        world.advance(120_000.0);
        prop_assert!(world.is_connected(), "{:?}", world.session.state());
        if world.offered == features && world.session.live_subscriptions() == world.expected().len() {
            prop_assert!(behind(&world).is_empty());
        }
        world.cut(1006, "the last one"); // to be asked for what was refused, or never answered
        world.advance(60_000.0);
        prop_assert_eq!(world.session.live_subscriptions(), world.expected().len());
        prop_assert!(behind(&world).is_empty());
        prop_assert_eq!(world.session.held_events(), 0);
        prop_assert_eq!(world.session.queued_messages(), 0);
        prop_assert_eq!(world.session.waiting_replays(), 0);
        let mut taken = world.server.taken.clone();
        taken.sort_unstable();
        taken.dedup();
        prop_assert_eq!(taken.len(), world.server.taken.len(), "a message was acted on twice");
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn once_faults_stop_the_server_has_what_is_wanted((seed, latency, acts) in scenario()) {
        let mut world = run(seed, latency, acts);
        heal(&mut world);
        insist(&mut world);
        world.advance(100_000.0);
        prop_assert!(world.is_connected(), "{:?}", world.session.state());
        world.cut(1006, "the last one"); // and what was refused is asked for again
        world.advance(200_000.0);
        prop_assert!(world.is_connected(), "{:?}", world.session.state());
        prop_assert_eq!(world.server.connections.len(), 1);
        prop_assert_eq!(world.subscribed(), world.expected());
        prop_assert_eq!(world.session.live_subscriptions(), world.expected().len());
        prop_assert_eq!(world.session.queued_messages(), 0);
    }

    #[test]
    fn on_one_connection_nothing_unwanted_stays((seed, latency, acts) in scenario()) {
        let world = run_on_one_connection(options(), seed, latency, acts);
        let (on, wanted) = (world.subscribed(), world.expected());
        prop_assert!(on.iter().all(|key| wanted.contains(key)), "{on:?} of {wanted:?}");
    }

    #[test]
    fn on_one_connection_only_what_was_refused_is_missing((seed, latency, mut acts) in scenario()) {
        // With answers that are neither overdue nor to those who had to make room, each is taken
        // for what it is.
        acts.retain(|act| !matches!(act, Act::Sleep(_)));
        let roomy = Options { max_subscriptions: EXECUTIONS.len(), ..options() };
        let world = run_on_one_connection(roomy, seed, latency, acts);
        let (on, wanted, told) = (world.subscribed(), world.expected(), told(&world));
        let missing = |key: &&u32| !on.contains(key) && !told.contains(key);
        prop_assert_eq!(wanted.iter().find(missing), None);
    }

    #[test]
    fn disconnect_is_final_from_anywhere((seed, latency, acts) in scenario()) {
        let mut world = run(seed, latency, acts);
        world.disconnect();
        world.forget();
        heal(&mut world);
        world.handle(Input::Wake).unwrap();
        prop_assert_eq!(world.handle(Input::ReconnectNow), Err(Refused::Disconnected));
        world.advance(200_000.0);
        prop_assert_eq!(world.effects.len(), 0);
        for execution in world.holders.clone().into_keys() {
            while world.session.is_wanted(key(execution)) {
                world.unsubscribe(execution);
            }
        }
        prop_assert_eq!(world.session.wanted_subscriptions(), 0);
    }

    #[test]
    fn the_same_seed_makes_the_same_run((seed, latency, acts) in scenario()) {
        let first = run(seed, latency, acts.clone());
        let second = run(seed, latency, acts);
        prop_assert_eq!(first.effects, second.effects);
    }
}

fn ends_a_connection(act: &Act) -> bool {
    matches!(
        act,
        Act::Connect(_) | Act::Disconnect | Act::Cut(_) | Act::Freeze | Act::Admit(_)
    )
}
