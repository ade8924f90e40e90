//! The user's messages.

mod common;

use common::*;
use flowmaestro_session::{Input, Options, Outgoing, Refused, SendError, SendId};

fn message(id: u32) -> Outgoing<Payload> {
    Outgoing::Message {
        id: SendId(id),
        payload: format!("message {id}"),
        confirm: false,
    }
}

#[test]
fn a_message_goes_out_at_once_when_connected() {
    let mut world = World::connected(exact());
    world.send(1).unwrap();
    assert_eq!(world.transmitted(), [message(1)]);
    assert_eq!(world.sent(), [1]);
    assert_eq!(world.session.stats().sent, 1);
}

#[test]
fn messages_wait_for_the_welcome_and_keep_their_order() {
    let mut world = World::new(exact());
    world.connect(token("t"));
    world.send(1).unwrap();
    world.advance(15.0);
    world.send(2).unwrap();
    assert_eq!(world.session.queued_messages(), 2);
    assert_eq!(world.session.queued_bytes(), 20);
    assert!(world.transmitted().is_empty());
    world.advance(100.0);
    assert_eq!(world.server.received, [message(1), message(2)]);
    assert_eq!(world.sent(), [1, 2]);
    assert_eq!(
        (
            world.session.queued_messages(),
            world.session.queued_bytes()
        ),
        (0, 0)
    );
}

#[test]
fn messages_go_out_after_the_subscriptions() {
    let mut world = World::new(exact());
    world.connect(token("t"));
    world.send(1).unwrap();
    world.subscribe(5);
    world.advance(100.0);
    assert_eq!(world.server.received, [subscribe(5), message(1)]);
}

#[test]
fn messages_wait_through_retries() {
    let mut world = World::connected(exact());
    world.server.next_admissions = [Admission::Refuse, Admission::Refuse].into();
    world.cut(1006, "");
    world.advance(50.0);
    world.send(1).unwrap();
    world.advance(10_000.0);
    assert_eq!(world.server.received, [message(1)]);
}

#[test]
fn a_message_is_sent_once() {
    let mut world = World::connected(exact());
    world.send(1).unwrap();
    world.cut(1006, "");
    world.advance(10_000.0);
    assert!(world.is_connected());
    assert_eq!(world.transmitted(), [message(1)]);
}

#[test]
fn the_queue_is_bounded_by_number() {
    let mut world = World::new(Options {
        max_queued_messages: 3,
        ..exact()
    });
    world.connect(token("t"));
    for id in 0..3 {
        world.send(id).unwrap();
    }
    assert_eq!(world.send(3), Err(Refused::QueueFull));
    world.advance(100.0);
    assert_eq!(world.sent(), [0, 1, 2]);
    world.send(4).unwrap();
}

#[test]
fn the_queue_is_bounded_by_bytes() {
    let mut world = World::new(Options {
        max_queued_bytes: 100,
        ..exact()
    });
    world.connect(token("t"));
    world.send_sized(1, 60).unwrap();
    assert_eq!(world.send_sized(2, 41), Err(Refused::QueueFull));
    world.send_sized(3, 40).unwrap();
    assert_eq!(world.session.queued_bytes(), 100);
}

#[test]
fn a_message_that_is_too_large_is_refused_at_once() {
    let options = Options {
        max_message_bytes: 50,
        ..exact()
    };
    let too_large = Err(Refused::MessageTooLarge {
        bytes: 51,
        limit: 50,
    });
    let mut world = World::new(options);
    world.connect(token("t"));
    assert_eq!(world.send_sized(1, 51), too_large);
    world.send_sized(2, 50).unwrap();
    world.advance(100.0);
    assert_eq!(world.send_sized(3, 51), too_large);
    assert_eq!(world.send_sized(4, usize::MAX).map_err(|_| ()), Err(()));
    assert_eq!(world.sent(), [2]);
}

#[test]
fn nothing_is_taken_without_the_wish_for_a_connection() {
    let mut world = World::new(exact());
    assert_eq!(world.send(1), Err(Refused::Disconnected));
    world.connect(token("t"));
    world.disconnect();
    assert_eq!(world.send(2), Err(Refused::Disconnected));
}

#[test]
fn disconnect_fails_what_waits() {
    let mut world = World::new(exact());
    world.connect(token("t"));
    world.send(1).unwrap();
    world.send(2).unwrap();
    world.disconnect();
    let failed = [(1, SendError::Disconnected), (2, SendError::Disconnected)];
    assert_eq!(world.failed_sends(), failed);
    assert_eq!(world.session.stats().send_failures, 2);
}

#[test]
fn giving_up_fails_what_waits_and_takes_nothing_more() {
    let mut world = World::new(exact());
    world.server.admission = Admission::Refuse;
    world.connect(token("t"));
    world.send(1).unwrap();
    world.advance(200_000.0);
    assert_eq!(world.failed_sends(), [(1, SendError::ConnectionFailed)]);
    assert_eq!(world.send(2), Err(Refused::Failed));
    world.handle(Input::Wake).unwrap();
    world.send(3).unwrap();
}

#[test]
fn a_refused_token_fails_what_waits() {
    let mut world = World::new(exact());
    world.server.admission = Admission::Close(1008, "Invalid token");
    world.connect(token("t"));
    world.send(1).unwrap();
    world.advance(100.0);
    assert_eq!(world.failed_sends(), [(1, SendError::ConnectionFailed)]);
}
