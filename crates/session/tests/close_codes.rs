//! What each close code leads to.

mod common;

use common::*;
use flowmaestro_session::{Closed, Credentials, Failure, Input, Refused, State};

const PROVIDER: Credentials = Credentials::Provider(3);

/// A session whose connection has proved itself, closed by the server with this code.
fn closed(credentials: Credentials, code: u16, reason: &str) -> World {
    let mut world = World::new(exact());
    world.connect(credentials);
    world.advance(6000.0);
    assert!(world.is_connected());
    world.forget();
    world.cut(code, reason);
    world.advance(world.latency);
    world
}

fn unauthorized(code: u16, reason: &str) -> State {
    State::Failed {
        error: Failure::Unauthorized {
            code,
            reason: reason.to_owned(),
        },
    }
}

#[test]
fn an_ordinary_end_is_followed_by_a_retry() {
    let codes = [
        1000, 1001, 1005, 1006, 1009, 1011, 1012, 1013, 3000, 4000, 4408, 4999,
    ];
    for code in codes {
        for credentials in [token("t"), PROVIDER, Credentials::None] {
            let mut world = closed(credentials, code, "why");
            let State::Waiting {
                attempt: 1, cause, ..
            } = world.session.state()
            else {
                panic!("{code}: {:?}", world.session.state());
            };
            assert_eq!(
                *cause,
                Closed {
                    code,
                    reason: "why".to_owned()
                }
            );
            assert_eq!(world.delays(), [1000.0]);
            world.advance(1100.0);
            assert!(world.is_connected(), "{code}");
        }
    }
}

#[test]
fn a_refused_fixed_token_is_final() {
    for credentials in [token("t"), Credentials::None] {
        for code in [1008, 4401] {
            let mut world = closed(credentials.clone(), code, "Invalid token");
            assert_eq!(world.session.state(), &unauthorized(code, "Invalid token"));
            world.handle(Input::Wake).unwrap();
            assert_eq!(world.handle(Input::ReconnectNow), Err(Refused::Failed));
            world.advance(100_000.0);
            assert!(world.dial_times().is_empty());
        }
    }
}

#[test]
fn a_token_refused_before_the_welcome_is_final_as_well() {
    let mut world = World::new(exact());
    world.server.admission = Admission::Close(1008, "Invalid token");
    world.connect(token("t"));
    world.advance(100_000.0);
    assert_eq!(world.dial_times(), [0.0]);
    assert_eq!(world.session.state(), &unauthorized(1008, "Invalid token"));
}

#[test]
fn connect_starts_again_after_a_refused_token() {
    for same in [true, false] {
        let mut world = closed(token("t"), 1008, "");
        world.connect(if same { token("t") } else { token("better") });
        world.advance(100.0);
        assert!(world.is_connected());
    }
}

#[test]
fn a_provider_is_asked_for_another_token_once() {
    let mut world = closed(PROVIDER, 1008, "Invalid token");
    assert_eq!(world.session.state(), &State::Connecting { attempt: 0 });
    world.advance(100.0);
    assert!(world.is_connected());
    assert_eq!((world.token_requests(), world.delays()), (1, vec![]));
}

#[test]
fn a_second_refusal_in_a_row_is_final() {
    let mut world = World::new(exact());
    world.server.admission = Admission::Close(1008, "Invalid token");
    world.connect(PROVIDER);
    world.advance(100_000.0);
    assert_eq!(world.token_requests(), 2);
    assert_eq!(world.session.state(), &unauthorized(1008, "Invalid token"));
    world.handle(Input::Wake).unwrap();
    world.advance(100_000.0);
    assert_eq!(world.token_requests(), 2);
}

#[test]
fn a_refusal_right_after_the_welcome_is_still_in_a_row() {
    let mut world = World::new(exact());
    world.connect(PROVIDER);
    for _ in 0..2 {
        world.advance_until(World::is_connected);
        world.advance(1000.0);
        world.cut(1008, "rules");
        world.advance(10.0);
    }
    assert_eq!(world.session.state(), &unauthorized(1008, "rules"));
}

#[test]
fn a_refusal_after_a_connection_that_lasted_is_a_first_one() {
    let mut world = World::new(exact());
    world.connect(PROVIDER);
    for _ in 0..5 {
        world.advance_until(World::is_connected);
        world.advance(5000.0);
        world.cut(1008, "");
        world.advance(10.0);
    }
    assert!(matches!(
        world.session.state(),
        State::Connecting { attempt: 0 }
    ));
}

#[test]
fn reconnect_now_asks_a_provider_again_after_a_refusal() {
    for code in [1008, 4403] {
        let mut world = World::new(exact());
        world.server.admission = Admission::Close(code, "");
        world.connect(PROVIDER);
        world.advance(1000.0);
        assert!(matches!(world.session.state(), State::Failed { .. }));
        world.server.admission = Admission::Welcome;
        world.handle(Input::ReconnectNow).unwrap();
        world.advance(100.0);
        assert!(world.is_connected());
    }
}

#[test]
fn an_expired_token_is_renewed_at_once() {
    let mut world = closed(PROVIDER, 4401, "expired");
    world.advance(30.0);
    assert!(world.is_connected());
    assert_eq!((world.token_requests(), world.delays()), (1, vec![]));
}

#[test]
fn a_token_that_expires_time_and_again_is_renewed_at_once_each_time() {
    let mut world = World::new(exact());
    world.connect(PROVIDER);
    for _ in 0..5 {
        world.advance_until(World::is_connected);
        world.advance(3_600_000.0);
        world.cut(4401, "expired");
        world.advance(10.0);
    }
    assert_eq!((world.token_requests(), world.delays()), (6, vec![]));
}

#[test]
fn a_server_to_which_every_token_has_expired_is_not_stormed() {
    let mut world = World::new(exact());
    world.server.admission = Admission::Close(4401, "expired");
    world.connect(PROVIDER);
    world.advance(200_000.0);
    assert_eq!(world.delays(), [1000.0, 2000.0, 4000.0, 8000.0, 16_000.0]);
    assert_eq!(
        world.dial_times().len(),
        7,
        "one at once, five with growing delays"
    );
    let last = Closed {
        code: 4401,
        reason: "expired".to_owned(),
    };
    let error = Failure::RetriesExhausted { attempts: 5, last };
    assert_eq!(world.session.state(), &State::Failed { error });
}

#[test]
fn alternating_refusals_come_to_an_end() {
    let mut world = World::new(exact());
    world.server.next_admissions = [4401, 1008, 4401, 1008, 4401]
        .map(|code| Admission::Close(code, "no"))
        .into();
    world.connect(PROVIDER);
    world.advance(200_000.0);
    assert_eq!(world.session.state(), &unauthorized(1008, "no"));
    assert_eq!(world.dial_times().len(), 4);
}

#[test]
fn a_forbidden_origin_or_user_is_final() {
    for credentials in [token("t"), PROVIDER] {
        let mut world = closed(credentials, 4403, "origin");
        let error = Failure::Forbidden {
            reason: "origin".to_owned(),
        };
        assert_eq!(world.session.state(), &State::Failed { error });
        world.handle(Input::Wake).unwrap();
        world.advance(100_000.0);
        assert!(world.dial_times().is_empty());
    }
}
