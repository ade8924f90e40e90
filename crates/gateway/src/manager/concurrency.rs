//! Threads that emit, connect, subscribe, read and disconnect, in thousands of orders: nothing is lost,
//! doubled or out of order, nobody waits for ever, and nothing is left after the last disconnect.

use std::sync::Arc;

use flowmaestro_hub::{MemoryHistory, MemoryLimits, Owner, OwnerAndWorkspaces};
use flowmaestro_protocol::{Feature, Features, NodeStream, Number, ServerMessage};
use futures_util::FutureExt;
use shuttle::future::block_on;
use shuttle::{check_pct, check_random, thread};

use super::*;
use crate::frame::Frame;
use crate::outbox::Next;

const EPOCH: &str = "epoch-1";
const EXECUTION: &str = "exec_1";
const BACKENDS: u64 = 2;
const EVENTS: u64 = 3;

/// How many orders are tried: any, and those that are hard to hit by chance (probabilistic
/// concurrency testing).
const ORDERS: usize = 1_000;
const CHANGES: usize = 3;

fn in_all_orders(test: fn()) {
    check_random(test, ORDERS);
    check_pct(test, ORDERS, CHANGES);
}

fn manager() -> Arc<WebSocketManager> {
    let config = Config {
        features: [Feature::Replay, Feature::Ack, Feature::Presence]
            .into_iter()
            .collect::<Features>(),
        ..Config::default()
    };
    let history = MemoryHistory::new(EPOCH, MemoryLimits::default());
    let manager = WebSocketManager::new(config, Box::new(history), Box::new(OwnerAndWorkspaces));
    let manager = Arc::new(manager);
    register(&manager, EXECUTION);
    manager
}

fn register(manager: &WebSocketManager, execution_id: &str) {
    let owner = Owner::user("alice");
    manager
        .act(|hub, now| hub.register(now, execution_id, owner, &[]))
        .unwrap();
}

/// Emits events whose chunks count up.
fn emit(manager: &WebSocketManager, backend: u64) {
    for number in 0..EVENTS {
        let event = NodeStream {
            timestamp: Number::from_integer(1),
            execution_id: EXECUTION.to_owned(),
            node_id: backend.to_string(),
            chunk: number.to_string(),
            extra: Default::default(),
        };
        manager.emit(&event.into(), None).unwrap();
    }
}

fn connect(manager: &Arc<WebSocketManager>) -> Registration {
    let identity = Identity::user("alice", Millis(u64::MAX / 2));
    let connection = manager.connect(identity);
    connection.receive(r#"{"type":"hello","features":["replay","ack","presence"]}"#);
    connection
}

fn subscribe_to_all(connection: &Registration) {
    connection.receive(&format!(
        r#"{{"type":"subscribe","executionId":"{EXECUTION}","after":0,"epoch":"{EPOCH}","presence":true}}"#
    ));
}

fn message(next: Next) -> ServerMessage {
    match next {
        Next::Send(Frame::Text(text)) => ServerMessage::decode(&text).unwrap(),
        other => panic!("{other:?}"),
    }
}

/// Waits for a frame, as the writer of a socket does.
fn next(connection: &Registration) -> ServerMessage {
    let next = block_on(connection.outbox().next());
    connection.written(1);
    message(next)
}

/// What has come by now.
fn rest(connection: &Registration) -> Vec<ServerMessage> {
    let next = || connection.outbox().next().now_or_never();
    std::iter::from_fn(next).map(message).collect()
}

/// Checks the order of what comes, and says when all of it has.
#[derive(Default)]
struct Reader {
    seq: u64,
    of_backend: [u64; BACKENDS as usize],
}

impl Reader {
    fn read(&mut self, message: &ServerMessage) {
        let ServerMessage::Event(event) = message else {
            return;
        };
        let Event::NodeStream(event) = &**event else {
            return;
        };
        let seq: u64 = event.extra["seq"].deserialize().unwrap();
        assert_eq!(seq, self.seq + 1, "out of order");
        self.seq = seq;
        let backend: usize = event.node_id.parse().unwrap();
        let number: u64 = event.chunk.parse().unwrap();
        assert_eq!(number, self.of_backend[backend], "out of a backend's order");
        self.of_backend[backend] += 1;
    }

    fn has_all(&self) -> bool {
        self.seq == BACKENDS * EVENTS
    }
}

fn assert_nothing_is_left(manager: &WebSocketManager) {
    assert_eq!(manager.connection_count(), 0);
    assert_eq!(manager.execution_subscriber_count(EXECUTION), 0);
    manager.act(|hub, _| {
        assert!(hub.is_empty());
        assert_eq!(hub.counts().queued_bytes, 0);
    });
}

fn join(threads: Vec<thread::JoinHandle<()>>) {
    for thread in threads {
        thread.join().unwrap();
    }
}

fn backends(manager: &Arc<WebSocketManager>) -> Vec<thread::JoinHandle<()>> {
    let backend = |number| {
        let manager = Arc::clone(manager);
        thread::spawn(move || emit(&manager, number))
    };
    (0..BACKENDS).map(backend).collect()
}

/// A client in a thread of its own, which is subscribed to all there is and then acts. Its connection
/// ends with it.
fn client(
    manager: &Arc<WebSocketManager>,
    act: impl FnOnce(&Registration) + Send + 'static,
) -> thread::JoinHandle<()> {
    let manager = Arc::clone(manager);
    thread::spawn(move || {
        let connection = connect(&manager);
        subscribe_to_all(&connection);
        act(&connection);
    })
}

#[test]
fn a_reader_gets_every_event_once_and_in_order() {
    in_all_orders(|| {
        let manager = manager();
        let mut threads = backends(&manager);
        threads.push(client(&manager, |connection| {
            let mut reader = Reader::default();
            while !reader.has_all() {
                reader.read(&next(connection));
            }
        }));
        join(threads);
        assert_nothing_is_left(&manager);
    });
}

#[test]
fn nothing_comes_after_unsubscribed_and_nothing_is_left_of_those_who_go() {
    in_all_orders(|| {
        let manager = manager();
        let mut threads = backends(&manager);
        threads.push(client(&manager, |connection| {
            thread::yield_now();
            connection.receive(&format!(
                r#"{{"type":"unsubscribe","executionId":"{EXECUTION}"}}"#
            ));
            let mut messages = rest(connection);
            thread::yield_now();
            messages.extend(rest(connection));
            let is_end =
                |message: &ServerMessage| matches!(message, ServerMessage::Unsubscribed { .. });
            let end = messages.iter().position(is_end).unwrap();
            assert_eq!(end + 1, messages.len(), "{messages:?}");
        }));
        threads.push(client(&manager, |_| {}));
        join(threads);
        assert_nothing_is_left(&manager);
    });
}

#[test]
fn registrations_ticks_and_a_shutdown_in_between_do_no_harm() {
    in_all_orders(|| {
        let manager = manager();
        let mut threads = backends(&manager);
        threads.push(client(&manager, |connection| {
            // Whatever happens, the shutdown comes to its end here.
            let mut reader = Reader::default();
            while let Next::Send(frame) = block_on(connection.outbox().next()) {
                reader.read(&message(Next::Send(frame)));
                connection.written(1);
            }
        }));
        let of_others = Arc::clone(&manager);
        threads.push(thread::spawn(move || {
            register(&of_others, "exec_2");
            of_others.tick();
            of_others.act(|hub, now| hub.remove_execution(now, "exec_2"));
        }));
        let of_the_end = Arc::clone(&manager);
        threads.push(thread::spawn(move || of_the_end.shut_down()));
        join(threads);
        assert_nothing_is_left(&manager);
    });
}
