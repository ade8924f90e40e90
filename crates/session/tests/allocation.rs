//! The way of an event, from the frame to the delivery, allocates nothing.

use flowmaestro_protocol::Features;
use flowmaestro_session::{
    Credentials, Effect, ExecutionKey, Frame, FrameKind, Generation, Input, Millis, Options,
    Position, Session,
};

const SOCKET: Generation = Generation(1);

fn drain(session: &mut Session<u32>) -> usize {
    let deliveries = |effect: &Effect<u32>| matches!(effect, Effect::Deliver { .. });
    std::iter::from_fn(|| session.poll_effect())
        .filter(deliveries)
        .count()
}

fn receive(session: &mut Session<u32>, now: f64, kind: FrameKind) -> usize {
    let frame = Frame { kind, payload: 7 };
    let outcome = session.handle(
        Millis(now),
        Input::SocketFrame {
            generation: SOCKET,
            frame,
        },
    );
    assert_eq!(outcome, Ok(()));
    drain(session)
}

#[test]
fn an_event_costs_no_allocation() {
    let mut session = Session::new(Options::default(), 1);
    for execution in 0..128 {
        assert_eq!(
            session.handle(Millis(0.0), Input::Subscribe(ExecutionKey(execution))),
            Ok(())
        );
    }
    let connect = Input::Connect {
        credentials: Credentials::None,
    };
    assert_eq!(session.handle(Millis(0.0), connect), Ok(()));
    receive(&mut session, 1.0, FrameKind::Welcome { features: None });
    for execution in 0..128 {
        receive(
            &mut session,
            2.0,
            FrameKind::Subscribed {
                execution: ExecutionKey(execution),
                position: None,
            },
        );
    }

    let mut delivered = 0;
    let info = allocation_counter::measure(|| {
        for number in 0..1000 {
            let execution = Some(ExecutionKey(number % 130));
            let event = FrameKind::Event {
                event: 3,
                execution,
                terminal: false,
                seq: None,
                ack: false,
            };
            delivered += receive(&mut session, 3.0 + f64::from(number), event);
            assert!(session.next_deadline().is_none());
        }
    });
    assert_eq!(delivered, 1000 - 14, "two of 130 executions are nobody's");
    assert_eq!(info.count_total, 0);
}

#[test]
fn a_numbered_event_in_order_costs_no_allocation() {
    let mut session = Session::new(Options::default(), 1);
    let execution = ExecutionKey(1);
    assert_eq!(
        session.handle(Millis(0.0), Input::Subscribe(execution)),
        Ok(())
    );
    let connect = Input::Connect {
        credentials: Credentials::None,
    };
    assert_eq!(session.handle(Millis(0.0), connect), Ok(()));
    let features = Some(Features::ALL);
    receive(&mut session, 1.0, FrameKind::Welcome { features });
    let position = Some(Position {
        head: 0,
        recovered: true,
        restarted: false,
    });
    receive(
        &mut session,
        2.0,
        FrameKind::Subscribed {
            execution,
            position,
        },
    );
    let event = |seq| FrameKind::Event {
        event: 3,
        execution: Some(execution),
        terminal: false,
        seq: Some(seq),
        ack: true,
    };
    receive(&mut session, 3.0, event(1)); // makes room for what is to be done
    let mut delivered = 0;
    let info = allocation_counter::measure(|| {
        for seq in 2..=1000 {
            delivered += receive(&mut session, 3.0, event(seq));
            receive(&mut session, 3.0, event(seq - 1)); // and one that comes again
        }
    });
    assert_eq!(delivered, 999);
    assert_eq!(info.count_total, 0);
}
