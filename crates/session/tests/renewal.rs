//! A token that ends while the connection is up.

#![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

mod common;

use common::*;
use flowmaestro_protocol::Feature::{self, Auth, Replay};
use flowmaestro_session::{
    Credentials, FrameKind, Input, Outgoing, Problem, State, Token, TokenRequest,
};

const PROVIDER: Credentials = Credentials::Provider(3);

fn connected(features: &[Feature]) -> World {
    let mut world = World::new(exact());
    world.server.features = Some(features.iter().copied().collect());
    world.connect(PROVIDER);
    world.advance(100.0);
    assert!(world.is_connected());
    world.forget();
    world
}

fn expire(world: &mut World) {
    world.push(FrameKind::TokenExpiring);
    world.advance(world.latency);
}

fn auth(token: &str) -> Outgoing<Payload> {
    Outgoing::Auth(Token::new(token.to_owned()))
}

#[test]
fn a_provider_is_asked_and_the_token_replaced_in_place() {
    let mut world = connected(&[Auth, Replay]);
    world.provider.push_back(Answer::Token("newer"));
    expire(&mut world);
    assert_eq!(world.token_requests(), 1);
    world.advance(1000.0);
    assert_eq!(world.server.received, [auth("newer")]);
    assert!(world.dial_times().is_empty());
    assert_eq!((world.states(), world.problems()), (vec![], vec![]));
}

#[test]
fn a_provider_that_fails_is_reported_and_the_connection_goes_on() {
    let mut world = connected(&[Auth]);
    world.provider.push_back(Answer::Failure);
    expire(&mut world);
    world.advance(60_000.0);
    assert_eq!(world.problems(), [Problem::TokenUnavailable]);
    assert!(world.transmitted().is_empty());
    assert!(world.is_connected());
    expire(&mut world);
    world.advance(100.0);
    assert_eq!(world.transmitted(), [auth("fresh")], "asked again");
}

#[test]
fn a_provider_that_never_answers_leaves_the_connection_alone() {
    let mut world = connected(&[Auth]);
    world.provider.push_back(Answer::Never);
    expire(&mut world);
    world.advance(600_000.0);
    assert_eq!((world.states(), world.problems()), (vec![], vec![]));
}

#[test]
fn without_a_provider_the_user_is_told() {
    let mut world = World::featured(&[Auth]);
    expire(&mut world);
    assert_eq!(world.problems(), [Problem::TokenExpiring]);
    assert_eq!((world.token_requests(), world.transmitted()), (0, vec![]));
    assert!(world.is_connected());
}

#[test]
fn a_server_that_cannot_take_another_token_gets_none() {
    let mut world = connected(&[Replay]);
    expire(&mut world);
    world.advance(1000.0);
    assert_eq!((world.token_requests(), world.transmitted()), (0, vec![]));
    assert_eq!(world.session.stats().ignored, 1);
}

#[test]
fn only_the_answer_to_the_latest_question_counts() {
    let mut world = connected(&[Auth]);
    world.provider_default = Answer::Never;
    expire(&mut world);
    expire(&mut world);
    assert_eq!(world.token_requests(), 1, "it was asked just now");
    world.advance(10_000.0);
    expire(&mut world);
    assert_eq!(world.token_requests(), 2);
    let answer = |request: u32, token: &str| Input::TokenReady {
        request: TokenRequest(request),
        token: Some(Token::new(token.to_owned())),
    };
    world.handle(answer(2, "stale")).unwrap();
    assert!(world.transmitted().is_empty());
    world.handle(answer(3, "right")).unwrap();
    world.handle(answer(3, "again")).unwrap();
    assert_eq!(world.transmitted(), [auth("right")]);
}

#[test]
fn an_answer_for_an_earlier_connection_is_discarded() {
    let mut world = connected(&[Auth]);
    world.provider_default = Answer::Never;
    expire(&mut world);
    world.cut(1006, "");
    world.advance(1100.0);
    world.forget();
    let late = Input::TokenReady {
        request: TokenRequest(2),
        token: Some(Token::new("late".to_owned())),
    };
    world.handle(late.clone()).unwrap();
    assert!(world.dial_times().is_empty(), "the provider is asked anew");
    world.disconnect();
    world.handle(late).unwrap();
    assert!(world.transmitted().is_empty());
}

#[test]
fn a_token_that_ended_all_the_same_is_asked_for_at_once() {
    let mut world = connected(&[Auth]);
    world.provider.push_back(Answer::Failure);
    expire(&mut world);
    world.advance(20.0);
    world.cut(4401, "expired");
    world.advance(100.0);
    assert!(world.is_connected());
    assert!(world.delays().is_empty(), "without a pause");
    assert_eq!(world.token_requests(), 2);
}

#[test]
fn a_token_that_ended_while_the_provider_thinks_is_asked_for_anew() {
    let mut world = connected(&[Auth]);
    world.provider.push_back(Answer::Never);
    expire(&mut world);
    world.cut(4401, "expired");
    world.advance(100.0);
    assert!(world.is_connected());
    assert_eq!(world.token_requests(), 2);
    assert_eq!(world.server.tokens, [Some("fresh".to_owned())]);
}

#[test]
fn a_fixed_token_that_ended_is_final() {
    let mut world = World::featured(&[Auth]);
    expire(&mut world);
    world.cut(4401, "expired");
    world.advance(100_000.0);
    assert!(matches!(world.session.state(), State::Failed { .. }));
}
