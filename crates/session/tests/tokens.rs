//! Tokens from a provider.

mod common;

use common::*;
use flowmaestro_session::close_code::NO_TOKEN;
use flowmaestro_session::{
    Credentials, Effect, Failure, Input, Problem, State, Token, TokenRequest,
};

const PROVIDER: Credentials = Credentials::Provider(3);

#[test]
fn the_provider_is_asked_before_each_socket() {
    let mut world = World::new(exact());
    world.provider = [Answer::Token("first"), Answer::Token("second")].into();
    world.connect(PROVIDER);
    assert!(
        world
            .effects
            .iter()
            .any(|(_, effect)| { matches!(effect, Effect::RequestToken { provider: 3, .. }) })
    );
    assert!(world.dial_times().is_empty());
    world.advance(100.0);
    world.cut(1006, "");
    world.advance(1100.0);
    assert!(world.is_connected());
    let presented = ["first", "second"].map(|token| Some(token.to_owned()));
    assert_eq!(world.server.tokens, presented);
}

#[test]
fn the_provider_is_asked_one_question_at_a_time() {
    let mut world = World::new(exact());
    world.provider_default = Answer::Never;
    world.connect(PROVIDER);
    world.connect(PROVIDER);
    world.handle(Input::ReconnectNow).unwrap();
    world.handle(Input::Wake).unwrap();
    assert_eq!(world.token_requests(), 1);
}

#[test]
fn a_failing_provider_is_reported_and_asked_again_later() {
    let mut world = World::new(exact());
    world.provider = [Answer::Failure, Answer::Failure].into();
    world.connect(PROVIDER);
    world.advance(10.0);
    assert_eq!(world.problems(), [Problem::TokenUnavailable]);
    assert!(
        matches!(world.session.state(), State::Waiting { cause, .. } if cause.code == NO_TOKEN)
    );
    world.advance(5000.0);
    assert!(world.is_connected());
    assert_eq!(world.delays(), [1000.0, 2000.0]);
    assert_eq!(world.token_requests(), 3);
}

#[test]
fn a_provider_that_always_fails_is_given_up() {
    let mut world = World::new(exact());
    world.provider_default = Answer::Failure;
    world.connect(PROVIDER);
    world.advance(200_000.0);
    let State::Failed {
        error: Failure::RetriesExhausted { attempts: 5, last },
    } = world.session.state()
    else {
        panic!("{:?}", world.session.state());
    };
    assert_eq!(last.code, NO_TOKEN);
    assert!(world.dial_times().is_empty());
}

#[test]
fn a_provider_that_never_answers_does_not_hang_the_session() {
    let mut world = World::new(exact());
    world.provider.push_back(Answer::Never);
    world.connect(PROVIDER);
    world.advance(9999.0);
    assert!(world.problems().is_empty());
    world.advance(1.0);
    assert_eq!(world.problems(), [Problem::TokenUnavailable]);
    world.advance(1100.0);
    assert!(world.is_connected());
}

#[test]
fn an_answer_to_an_older_question_is_discarded() {
    let mut world = World::new(exact());
    world.provider_default = Answer::Never;
    world.connect(PROVIDER);
    world.connect(Credentials::Provider(4));
    assert_eq!(world.token_requests(), 2);
    world.forget();
    for token in [Some(Token::new("of the other user".to_owned())), None] {
        world
            .handle(Input::TokenReady {
                request: TokenRequest(1),
                token,
            })
            .unwrap();
    }
    assert!(world.effects.is_empty());
    let token = Some(Token::new("right".to_owned()));
    world
        .handle(Input::TokenReady {
            request: TokenRequest(2),
            token: token.clone(),
        })
        .unwrap();
    world.advance(20.0);
    assert_eq!(world.server.tokens, [Some("right".to_owned())]);

    // Nor does a second answer to the same question open a second socket.
    world.forget();
    world
        .handle(Input::TokenReady {
            request: TokenRequest(2),
            token,
        })
        .unwrap();
    assert!(world.effects.is_empty());
}

#[test]
fn an_answer_after_disconnect_is_discarded() {
    let mut world = World::new(exact());
    world.connect(PROVIDER);
    world.disconnect();
    world.advance(100.0);
    assert!(world.dial_times().is_empty());
}

#[test]
fn no_debug_output_shows_a_token() {
    let mut world = World::new(exact());
    world.provider_default = Answer::Token("s3cret");
    world.connect(token("s3cret"));
    world.connect(PROVIDER);
    world.advance(100.0);
    assert_eq!(world.server.tokens.last(), Some(&Some("s3cret".to_owned())));
    let text = format!(
        "{:?} {:?} {:?}",
        world.effects,
        token("s3cret"),
        world.session.state()
    );
    assert!(text.contains("redacted"));
    assert!(!text.contains("s3cret"));
}
