//! Connecting, disconnecting, and changing who is connected.

mod common;

use common::*;
use flowmaestro_protocol::Features;
use flowmaestro_session::close_code::NO_WELCOME;
use flowmaestro_session::{
    Credentials, DisconnectCause, Effect, Failure, FrameKind, Generation, Input, Outgoing, Refused,
    SendError, SendId, State,
};

#[test]
fn connected_means_the_welcome_not_the_open_socket() {
    let mut world = World::new(exact());
    world.server.admission = Admission::Silence;
    world.connect(token("t"));
    world.advance(5000.0);
    assert_eq!(world.states(), [State::Connecting { attempt: 0 }]);

    let generation = world.open_socket.unwrap();
    world.frame(generation, FrameKind::Welcome { features: None });
    assert!(world.is_connected());
    assert!(
        world
            .effects
            .iter()
            .any(|(_, e)| matches!(e, Effect::Welcomed { .. }))
    );
}

#[test]
fn the_token_is_presented() {
    let mut world = World::new(exact());
    world.connect(token("mine"));
    world.advance(20.0);
    assert_eq!(world.server.tokens, [Some("mine".to_owned())]);

    let mut world = World::new(exact());
    world.connect(Credentials::None);
    world.advance(20.0);
    assert_eq!(world.server.tokens, [None]);
}

#[test]
fn connecting_again_as_the_same_user_changes_nothing() {
    let mut world = World::new(exact());
    world.connect(token("t"));
    world.connect(token("t"));
    world.advance(20.0);
    assert!(world.is_connected());
    world.connect(token("t"));
    world.advance(1000.0);
    assert_eq!(world.dial_times(), [0.0]);
    assert!(world.close_codes().is_empty());
}

#[test]
fn connecting_again_as_the_same_user_cuts_a_wait_short() {
    let mut world = World::new(exact());
    world.server.next_admissions.push_back(Admission::Refuse);
    world.connect(token("t"));
    world.advance(100.0);
    assert!(matches!(world.session.state(), State::Waiting { .. }));
    world.connect(token("t"));
    world.advance(20.0);
    assert!(world.is_connected());
    assert_eq!(world.dial_times(), [0.0, 100.0]);
}

#[test]
fn another_user_takes_over_with_a_new_socket_and_the_same_subscriptions() {
    let mut world = World::connected(exact());
    world.subscribe(1);
    world.advance(100.0);
    world.connect(token("other"));
    assert_eq!(world.close_codes(), [1000]);
    world.advance(100.0);
    assert!(world.is_connected());
    assert_eq!(world.server.tokens, [Some("other".to_owned())]);
    assert_eq!(world.subscribed(), [1]);
    assert_eq!(world.server.connections.len(), 1);
}

#[test]
fn another_user_never_sends_what_the_last_one_wrote() {
    for admission in [Admission::Stall, Admission::Refuse] {
        let mut world = World::new(exact());
        world.server.next_admissions.push_back(admission);
        world.connect(token("a"));
        world.advance(30.0);
        world.send(1).unwrap();
        world.connect(token("b"));
        world.send(2).unwrap();
        world.advance(100.0);
        assert_eq!(world.failed_sends(), [(1, SendError::IdentityReplaced)]);
        assert_eq!(world.sent(), [2]);
    }
}

#[test]
fn another_user_starts_with_all_attempts() {
    let mut world = World::new(exact());
    world.server.admission = Admission::Refuse;
    world.connect(token("a"));
    world.advance(8000.0);
    world.connect(token("b"));
    world.forget();
    world.advance(60_000.0);
    assert_eq!(world.delays(), [1000.0, 2000.0, 4000.0, 8000.0, 16_000.0]);
}

#[test]
fn without_a_welcome_in_time_the_attempt_has_failed() {
    for admission in [Admission::Silence, Admission::Stall] {
        let mut world = World::new(exact());
        world.server.next_admissions.push_back(admission);
        world.connect(token("t"));
        world.advance(9999.0);
        assert_eq!(world.session.state(), &State::Connecting { attempt: 0 });
        world.advance(1.0);
        let State::Waiting {
            attempt: 1,
            retry_at,
            cause,
        } = world.session.state()
        else {
            panic!("{:?}", world.session.state());
        };
        assert_eq!((retry_at.0, cause.code), (11_000.0, NO_WELCOME));
        assert_eq!(world.close_codes(), [NO_WELCOME]);
        world.advance(1100.0);
        assert!(world.is_connected());
    }
}

#[test]
fn frames_before_the_welcome_are_ignored() {
    let mut world = World::new(exact());
    world.server.admission = Admission::Silence;
    world.subscribe(1);
    world.connect(token("t"));
    world.advance(20.0);
    let generation = world.open_socket.unwrap();
    for kind in [
        event(1),
        acknowledgement(1),
        FrameKind::Unknown,
        FrameKind::Invalid,
    ] {
        world.frame(generation, kind);
    }
    assert_eq!(world.states(), [State::Connecting { attempt: 0 }]);
    assert_eq!((world.delivered(), world.acknowledged()), (vec![], vec![]));
    assert_eq!(world.session.stats().ignored, 4);
}

#[test]
fn a_second_welcome_is_ignored() {
    let mut world = World::connected(exact());
    world.subscribe(1);
    world.push(FrameKind::Welcome {
        features: Some(Features::NONE),
    });
    world.advance(100.0);
    assert_eq!(world.transmitted(), [subscribe(1)]);
    let stats = world.session.stats();
    assert_eq!((stats.connections, stats.ignored), (1, 1));
}

#[test]
fn a_server_with_features_is_greeted_once_before_all_else() {
    let mut world = World::new(exact());
    world.server.features = Some(Features::NONE);
    world.subscribe(1);
    world.connect(token("t"));
    world.send(9).unwrap();
    world.advance(100.0);
    let message = Outgoing::Message {
        id: SendId(9),
        payload: "message 9".to_owned(),
        confirm: false,
    };
    assert_eq!(
        world.transmitted(),
        [Outgoing::Hello(Features::NONE), subscribe(1), message]
    );
}

#[test]
fn a_baseline_server_is_not_greeted() {
    let mut world = World::new(exact());
    world.connect(token("t"));
    world.advance(100.0);
    assert!(world.transmitted().is_empty());
}

#[test]
fn disconnect_is_final() {
    let mut world = World::connected(exact());
    world.subscribe(1);
    world.advance(100.0);
    world.disconnect();
    let requested = State::Disconnected {
        cause: Some(DisconnectCause::Requested),
    };
    assert_eq!(world.session.state(), &requested);
    assert_eq!(world.close_codes(), [1000]);
    world.forget();

    world.handle(Input::Wake).unwrap();
    assert_eq!(
        world.handle(Input::ReconnectNow),
        Err(Refused::Disconnected)
    );
    world.disconnect();
    world.advance(100_000.0);
    assert!(world.effects.is_empty());
}

#[test]
fn disconnect_ends_every_way_of_connecting() {
    for ms in [0.0, 5.0, 15.0, 25.0, 40.0] {
        let mut world = World::new(exact());
        world.server.next_admissions.push_back(Admission::Refuse);
        world.connect(Credentials::Provider(1));
        world.advance(ms);
        world.disconnect();
        world.forget();
        world.advance(100_000.0);
        assert!(world.effects.is_empty(), "disconnected after {ms} ms");
    }
}

#[test]
fn what_an_old_socket_still_says_is_ignored() {
    let mut world = World::connected(exact());
    world.subscribe(1);
    world.advance(100.0);
    let old = world.open_socket.unwrap();
    world.disconnect();
    world.connect(token("t"));
    world.advance(100.0);
    world.forget();

    world.frame(old, event(1));
    world
        .handle(Input::SocketFailed { generation: old })
        .unwrap();
    for code in [1000, 1008, 4401, 4403] {
        let reason = String::new();
        world
            .handle(Input::SocketClosed {
                generation: old,
                code,
                reason,
            })
            .unwrap();
    }
    assert!(world.effects.is_empty());
    assert!(world.is_connected());
}

#[test]
fn disconnecting_what_was_never_connected_does_nothing() {
    let mut world = World::new(exact());
    world.disconnect();
    assert!(world.effects.is_empty());
    assert_eq!(world.session.state(), &State::Disconnected { cause: None });
}

#[test]
fn subscriptions_outlive_a_disconnect() {
    let mut world = World::connected(exact());
    world.subscribe(1);
    world.advance(100.0);
    world.disconnect();
    world.subscribe(2);
    world.connect(token("t"));
    world.advance(100.0);
    assert_eq!(world.subscribed(), [1, 2]);
}

#[test]
fn a_socket_that_cannot_be_created_is_not_tried_again() {
    let mut world = World::new(exact());
    world.server.admission = Admission::Stall;
    world.connect(token("t"));
    let generation = Generation(1);
    world.open_socket = None;
    world.handle(Input::SocketFailed { generation }).unwrap();
    assert_eq!(
        world.session.state(),
        &State::Failed {
            error: Failure::SocketFailed
        }
    );
    world.handle(Input::Wake).unwrap();
    world.advance(100_000.0);
    assert_eq!(world.dial_times(), [0.0]);

    // The URL may have been corrected by now.
    world.server.admission = Admission::Welcome;
    world.handle(Input::ReconnectNow).unwrap();
    world.advance(20.0);
    assert!(world.is_connected());
}

#[test]
fn reconnect_now_leaves_a_connection_alone() {
    let mut world = World::connected(exact());
    world.handle(Input::ReconnectNow).unwrap();
    world.handle(Input::Wake).unwrap();
    world.advance(100.0);
    assert!(world.effects.is_empty());
}
