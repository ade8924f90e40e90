//! A connection that takes the place of another, with a token that lasts longer.

#![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

mod common;

use common::*;
use flowmaestro_protocol::Feature::{self, Ack, Auth, Ping, Replay};
use flowmaestro_session::close_code::{NO_PONG, NO_WELCOME};
use flowmaestro_session::{
    Credentials, Effect, Failure, FrameKind, GapReason, Generation, Input, Outgoing, Problem,
    State, Token,
};

const PROVIDER: Credentials = Credentials::Provider(3);

/// How long tokens last. The next is asked for a minute before the end.
const LIFE: f64 = 600_000.0;

const MARGIN: f64 = 60_000.0;

/// Connected with a token of a provider that has another.
fn connected(features: Option<&[Feature]>) -> World {
    let mut world = World::new(exact());
    world.server.features = features.map(|features| features.iter().copied().collect());
    world.provider.push_back(Answer::Lasting("first", LIFE));
    world.provider_default = Answer::Lasting("second", LIFE);
    world.connect(PROVIDER);
    world.advance(100.0);
    assert!(world.is_connected());
    world.forget();
    world
}

/// Until the provider is asked.
fn until_asked(world: &mut World) {
    world.advance_until(|world| world.token_requests() > 0);
}

/// Until the successor's socket is opened.
fn until_dialled(world: &mut World) {
    world.advance_until(|world| world.successor.is_some());
}

fn closed(world: &World) -> Vec<(u32, u16)> {
    let effects = world.effects.iter();
    let closed = effects.filter_map(|(_, effect)| match effect {
        Effect::CloseSocket { generation, code } => Some((generation.0, *code)),
        _ => None,
    });
    closed.collect()
}

fn presented(world: &World) -> Vec<&str> {
    let tokens = world.server.tokens.iter();
    tokens.filter_map(|token| token.as_deref()).collect()
}

#[test]
fn the_provider_is_asked_a_minute_before_the_end() {
    let mut world = connected(None);
    world.advance(LIFE - MARGIN - 100.0);
    assert_eq!(world.token_requests(), 0);
    world.advance(100.0);
    assert_eq!(world.token_requests(), 1);
}

#[test]
fn the_new_connection_takes_over_once_it_is_welcomed() {
    let mut world = connected(None);
    until_dialled(&mut world);
    assert_eq!(closed(&world), [], "both are there");
    world.advance(1000.0);
    assert_eq!(presented(&world), ["second"]);
    assert_eq!(closed(&world), [(1, 1000)]);
    assert_eq!(world.open_socket, Some(Generation(2)));
    assert_eq!(world.states(), [], "connected all the time");
    assert_eq!(world.server.connections.len(), 1);
    let welcomed = |(_, effect): &&(f64, _)| matches!(effect, Effect::Welcomed { .. });
    assert_eq!(world.effects.iter().filter(welcomed).count(), 1);

    // And so on.
    world.provider_default = Answer::Lasting("third", LIFE);
    world.forget();
    world.advance(LIFE);
    assert_eq!(presented(&world), ["third"]);
    // A token that is in use already brings nothing.
    world.provider_default = Answer::Lasting("third", MARGIN);
    world.forget();
    world.advance(LIFE);
    assert!(world.token_requests() > 0);
    assert_eq!(presented(&world), [""; 0]);
}

#[test]
fn what_took_long_is_forgiven_as_at_the_end_of_any_connection() {
    let mut world = connected(None);
    world.cut(1006, "");
    world.advance(2000.0);
    world.provider_default = Answer::Lasting("third", LIFE);
    until_dialled(&mut world);
    world.advance(30.0);
    world.forget();
    world.cut(1006, "");
    world.advance(20.0);
    assert!(matches!(
        world.states()[..],
        [State::Waiting { attempt: 1, .. }]
    ));
}

#[test]
fn what_happens_meanwhile_is_delivered_once_and_in_order() {
    let mut world = connected(Some(&[Replay]));
    world.subscribe(1);
    world.publish_many(1, 3);
    world.advance(50.0);
    until_dialled(&mut world);
    for _ in 0..8 {
        world.publish(1);
        world.advance(5.0);
    }
    world.advance(100.0);
    assert_eq!(closed(&world), [(1, 1000)]);
    assert_eq!(world.seqs(1), (1..=11).collect::<Vec<_>>());
    assert_eq!((world.gaps(), world.problems()), (vec![], vec![]));
    assert_eq!(world.session.live_subscriptions(), 1);
}

#[test]
fn a_server_without_history_leaves_a_gap_that_is_told() {
    let mut world = connected(None);
    world.subscribe(1);
    world.advance(50.0);
    until_dialled(&mut world);
    world.emit(1, event(1));
    world.advance(15.0);
    assert_eq!(world.delivered(), [1], "the old one delivers until then");
    world.advance(100.0);
    let [(1, gap)] = world.gaps()[..] else {
        unreachable!("{:?}", world.gaps());
    };
    assert_eq!(gap.reason, GapReason::Baseline);
    world.emit(1, event(1));
    world.advance(10.0);
    assert_eq!(world.delivered(), [1, 1]);
}

#[test]
fn a_message_without_an_answer_is_sent_again_and_acted_on_once() {
    let mut world = connected(Some(&[Ack]));
    until_dialled(&mut world);
    world.advance(19.0);
    world.send(1).unwrap(); // a millisecond before the welcome
    world.advance(100.0);
    assert_eq!(world.server.taken, [1]);
    assert_eq!(world.session.queued_messages(), 0);
}

#[test]
fn a_server_that_takes_tokens_gets_it_in_place() {
    let mut world = connected(Some(&[Auth]));
    until_asked(&mut world);
    world.advance(1000.0);
    let second = Outgoing::Auth(Token::new("second".to_owned()));
    assert_eq!(world.transmitted(), [second]);
    assert!(world.dial_times().is_empty());
    // The new one ends as late again.
    world.provider_default = Answer::Lasting("third", LIFE);
    world.advance(LIFE);
    assert_eq!(world.transmitted().len(), 2);
    // A token that is in use already brings nothing.
    world.provider_default = Answer::Lasting("third", MARGIN);
    world.advance(LIFE);
    assert_eq!(world.transmitted().len(), 2);
}

#[test]
fn an_announcement_of_what_is_being_done_asks_nobody() {
    let mut world = connected(Some(&[Auth]));
    world.push(FrameKind::TokenExpiring);
    world.advance(LIFE - MARGIN - 200.0);
    assert_eq!(
        world.token_requests(),
        1,
        "the server is the first to say it"
    );
    world.forget();
    world.provider_default = Answer::Late(5.0, Box::new(Answer::Lasting("third", LIFE)));
    until_asked(&mut world);
    world.push(FrameKind::TokenExpiring); // arrives before the provider's answer
    world.advance(12.0);
    world.push(FrameKind::TokenExpiring); // arrives before the server's
    world.advance(1000.0);
    assert_eq!(world.token_requests(), 1);
    world.push(FrameKind::TokenExpiring);
    world.advance(1000.0);
    assert_eq!(world.token_requests(), 2);
}

#[test]
fn a_server_that_refuses_or_forgets_the_token_is_given_the_next() {
    for answer in [false, true] {
        let mut world = connected(Some(&[Auth]));
        world.server.silent_about_tokens = true;
        until_asked(&mut world);
        world.advance(15.0);
        if answer {
            world.push(FrameKind::Error {
                execution: None,
                message: None,
                forbidden: true,
            });
        }
        world.advance(if answer { 100.0 } else { 11_000.0 });
        world.forget();
        world.push(FrameKind::TokenExpiring);
        world.advance(100.0);
        assert_eq!(world.token_requests(), 1);
    }
}

#[test]
fn the_margin_is_an_option() {
    let mut options = exact();
    options.renew_token_before_ms = 1000.0;
    let mut world = World::new(options);
    world.provider_default = Answer::Lasting("t", 10_000.0);
    world.connect(PROVIDER);
    world.advance(8000.0);
    assert_eq!(world.token_requests(), 1);
    world.advance(1100.0);
    assert!(world.token_requests() > 1);
}

#[test]
fn a_token_that_does_not_last_is_used_for_half_of_its_life() {
    let mut world = World::new(exact());
    let tokens = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let answers = tokens.map(|token| Answer::Lasting(token, 20_000.0));
    world.provider = answers.into();
    world.connect(PROVIDER);
    world.advance(61_000.0);
    assert_eq!(world.token_requests(), 7);
    assert_eq!(world.states().len(), 2, "connecting, connected");
}

#[test]
fn a_token_that_seems_to_have_ended_is_believed_to_last() {
    for lasts in [0.0, -5.0, f64::NAN, f64::NEG_INFINITY] {
        let mut world = World::new(exact());
        world.provider_default = Answer::Lasting("t", lasts);
        world.connect(PROVIDER);
        world.advance(2.0 * LIFE);
        assert_eq!(world.token_requests(), 1);
        assert_eq!(world.session.next_deadline(), None);
    }
}

#[test]
fn a_fixed_token_is_not_renewed() {
    let mut world = World::new(exact());
    let token = Token::expiring("t".to_owned(), Some(LIFE));
    world.connect(Credentials::Token(token));
    world.advance(2.0 * LIFE);
    assert_eq!(world.dial_times().len(), 1);
    assert_eq!((world.token_requests(), world.problems()), (0, vec![]));
}

#[test]
fn the_same_token_again_is_no_reason_to_connect_anew() {
    for features in [None, Some(&[Auth][..])] {
        let mut world = connected(features);
        world.provider_default = Answer::Lasting("first", MARGIN);
        world.advance(LIFE);
        assert_eq!((world.dial_times(), world.transmitted()), (vec![], vec![]));
        // After 60, 30, 15, … s, and not for ever.
        assert_eq!(world.token_requests(), 6);
        assert!(world.is_connected());
    }
}

#[test]
fn a_provider_that_has_none_is_asked_again_while_there_is_time() {
    let mut world = connected(None);
    world.provider.push_back(Answer::Failure);
    until_asked(&mut world);
    world.advance(29_000.0);
    assert_eq!(world.problems(), [Problem::TokenUnavailable]);
    assert!(world.dial_times().is_empty());
    world.advance(2000.0);
    assert_eq!(presented(&world), ["second"]);
    assert_eq!(world.states(), []);
}

#[test]
fn a_provider_that_answers_late_is_heard_while_the_connection_lasts() {
    let mut world = connected(None);
    let answer = Answer::Lasting("second", LIFE);
    world
        .provider
        .push_back(Answer::Late(300_000.0, Box::new(answer)));
    until_asked(&mut world);
    world.advance(301_000.0);
    assert_eq!(presented(&world), ["second"]);
    assert_eq!(world.states(), []);
}

#[test]
fn an_answer_that_comes_after_the_connection_has_ended_is_nobodys() {
    let mut world = connected(None);
    let answer = Answer::Lasting("late", LIFE);
    world
        .provider
        .push_back(Answer::Late(5000.0, Box::new(answer)));
    until_asked(&mut world);
    world.cut(4401, "Token expired");
    world.advance(10_000.0);
    assert_eq!(presented(&world), ["second"]);
    assert!(world.is_connected());
    assert!(world.delays().is_empty());
}

#[test]
fn a_successor_that_is_refused_or_lost_leaves_the_connection_alone() {
    let admissions = [
        Admission::Refuse,
        Admission::Close(1008, "Invalid token"),
        Admission::Close(4403, "no"),
        Admission::Close(1012, "restart"),
    ];
    for admission in admissions {
        let mut world = connected(Some(&[Replay]));
        world.subscribe(1);
        world.advance(50.0);
        world.forget();
        world.server.next_admissions.push_back(admission);
        until_dialled(&mut world);
        world.advance(100.0);
        assert_eq!(world.problems(), [Problem::RenewalFailed]);
        assert_eq!((closed(&world), world.states()), (vec![], vec![]));
        world.publish(1);
        world.advance(10.0);
        assert_eq!(world.seqs(1), [1]);
        // It is tried once more, half-way to the end.
        world.advance(31_000.0);
        assert_eq!(closed(&world), [(1, 1000)]);
        assert_eq!(world.asked(1), [Some(1)]);
        assert_eq!(world.states(), []);
    }
}

#[test]
fn a_successor_that_is_never_welcomed_is_given_up() {
    for admission in [Admission::Silence, Admission::Stall] {
        let mut world = connected(None);
        world.server.next_admissions.push_back(admission);
        until_dialled(&mut world);
        world.advance(10_000.0);
        assert_eq!(closed(&world), [(2, NO_WELCOME)]);
        assert_eq!(world.problems(), [Problem::RenewalFailed]);
        assert_eq!(world.states(), []);
        assert_eq!(world.open_socket, Some(Generation(1)));
    }
}

#[test]
fn a_successor_whose_socket_cannot_be_made_is_given_up() {
    let mut world = connected(None);
    until_dialled(&mut world);
    let generation = world.successor.take().unwrap();
    world.handle(Input::SocketFailed { generation }).unwrap();
    assert_eq!(world.problems(), [Problem::RenewalFailed]);
    assert!(world.is_connected());
}

#[test]
fn what_comes_before_the_welcome_does_not_count() {
    let mut world = connected(None);
    world.subscribe(1);
    world.advance(50.0);
    world.server.next_admissions.push_back(Admission::Silence);
    until_dialled(&mut world);
    let successor = world.successor.unwrap();
    world.forget();
    world.frame(successor, event(1));
    assert!(world.delivered().is_empty());
    assert!(world.is_connected());
}

#[test]
fn when_the_connection_ends_first_the_successor_is_waited_for() {
    for code in [1006, 1012, 1008, 4401] {
        let mut world = connected(Some(&[Replay]));
        world.subscribe(1);
        world.publish(1);
        world.advance(50.0);
        until_dialled(&mut world);
        world.forget();
        world.advance(5.0);
        world.cut_all_but_successor(code);
        world.publish(1);
        world.advance(8.0);
        world.advance(100.0);
        let connecting = State::Connecting { attempt: 0 };
        assert_eq!(world.states(), [connecting, State::Connected], "{code}");
        assert_eq!(world.seqs(1), [2]);
        assert_eq!((world.token_requests(), world.dial_times()), (0, vec![]));
        assert_eq!(world.asked(1), [Some(1)]);
        world.advance(LIFE);
        assert!(world.token_requests() > 0);
        assert!(world.dial_times().is_empty(), "the token is in use");
    }
}

#[test]
fn when_the_successor_fails_then_as_well_it_is_tried_again_as_ever() {
    let mut world = connected(None);
    world.server.next_admissions.push_back(Admission::Stall);
    until_dialled(&mut world);
    world.forget();
    world.cut(1006, "");
    world.advance(10_000.0);
    let [
        State::Connecting { attempt: 0 },
        State::Waiting { cause, .. },
    ] = &world.states()[..]
    else {
        unreachable!("{:?}", world.states());
    };
    assert_eq!(cause.code, NO_WELCOME);
    world.advance(1100.0);
    assert!(world.is_connected());
}

#[test]
fn a_second_refusal_in_a_row_is_final_also_when_the_first_ended_the_connection() {
    let mut world = connected(None);
    let refused = Admission::Close(1008, "Invalid token");
    world.server.admission = refused;
    world.latency = 30.0;
    until_dialled(&mut world);
    world.forget();
    world.cut(1008, "Invalid token"); // arrives before the successor is refused
    world.advance(1000.0);
    let last = world.states().pop();
    let error = Failure::Unauthorized {
        code: 1008,
        reason: "Invalid token".to_owned(),
    };
    assert_eq!(last, Some(State::Failed { error }));
    assert_eq!(world.token_requests(), 0);
}

#[test]
fn a_second_expired_token_in_a_row_is_not_hurried_about() {
    let mut world = connected(None);
    world
        .server
        .next_admissions
        .push_back(Admission::Close(4401, "Token expired"));
    world.latency = 30.0;
    until_dialled(&mut world);
    world.forget();
    world.cut(4401, "Token expired");
    world.advance(200.0);
    assert_eq!(world.delays(), [1000.0]);
}

#[test]
fn a_user_who_is_not_allowed_any_more_is_not_saved_by_the_successor() {
    let mut world = connected(None);
    world.server.next_admissions.push_back(Admission::Stall);
    until_dialled(&mut world);
    world.cut(4403, "gone");
    world.advance(20.0);
    assert!(matches!(world.session.state(), State::Failed { .. }));
    assert_eq!(world.successor, None);
}

#[test]
fn a_dead_connection_gives_way_to_the_successor() {
    let mut world = connected(Some(&[Ping]));
    world.server.next_admissions.push_back(Admission::Stall);
    until_dialled(&mut world);
    world.server.deaf_to_pings = true;
    world.handle(Input::Wake).unwrap();
    world.forget();
    world.advance_until(|world| !closed(world).is_empty());
    assert_eq!(closed(&world), [(1, NO_PONG)]);
    assert_eq!(world.open_socket, Some(Generation(2)));
    assert!(world.delays().is_empty(), "no pause");
}

#[test]
fn disconnect_and_another_identity_end_both() {
    for another in [None, Some(token("b"))] {
        let mut world = connected(None);
        world.server.next_admissions.push_back(Admission::Stall);
        until_dialled(&mut world);
        world.forget();
        match another.clone() {
            Some(credentials) => world.connect(credentials),
            None => world.disconnect(),
        }
        let mut ends = closed(&world);
        ends.sort_unstable();
        assert_eq!(ends, [(1, 1000), (2, 1000)]);
        world.advance(100.0);
        assert_eq!(world.is_connected(), another.is_some());
        let is_b = presented(&world).last() == Some(&"b");
        assert_eq!(is_b, another.is_some());
    }
}

#[test]
fn disconnect_while_the_provider_thinks_is_final() {
    let mut world = connected(None);
    let answer = Answer::Lasting("late", LIFE);
    world
        .provider
        .push_back(Answer::Late(100.0, Box::new(answer)));
    until_asked(&mut world);
    world.disconnect();
    world.advance(LIFE);
    assert!(world.dial_times().is_empty());
}

#[test]
fn a_clock_that_jumps_past_the_end_asks_once() {
    for features in [None, Some(&[Ping][..])] {
        let mut world = connected(features);
        world.sleep(10.0 * LIFE);
        world.handle(Input::Wake).unwrap();
        world.advance(1000.0);
        assert_eq!(world.token_requests(), 1);
        assert_eq!(presented(&world), ["second"]);
        assert_eq!(world.states(), []);
        assert_eq!(world.server.connections.len(), 1);
    }
}

#[test]
fn a_clock_that_jumps_while_the_successor_is_made_tries_again() {
    let mut world = connected(None);
    world.server.next_admissions.push_back(Admission::Stall);
    until_dialled(&mut world);
    world.sleep(LIFE);
    world.handle(Input::Tick).unwrap();
    assert_eq!(closed(&world), [(2, NO_WELCOME)]);
    assert_eq!(world.problems(), [Problem::RenewalFailed]);
    world.advance(1000.0);
    assert!(world.is_connected(), "until the server ends it");
    world.cut(4401, "Token expired");
    world.advance(100.0);
    assert!(world.is_connected());
}

#[test]
fn an_unwanted_subscription_ends_with_the_old_connection() {
    let mut world = connected(None);
    world.subscribe(1);
    world.advance(50.0);
    until_dialled(&mut world);
    world.forget();
    world.unsubscribe(1);
    world.advance(100.0);
    assert!(world.asked(1).is_empty());
    assert!(world.subscribed().is_empty());
}
