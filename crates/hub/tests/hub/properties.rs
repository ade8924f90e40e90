//! Random users, sockets and events: what must hold whatever happens, and what must come true once
//! everything is written.

use std::collections::{BTreeMap, BTreeSet};

use flowmaestro_hub::{Config, Counts, Effect, MemoryLimits};
use proptest::prelude::*;
use serde_json::Value;

use crate::support::*;

const USERS: [&str; 2] = ["alice", "bob"];
const EXECUTIONS: [&str; 4] = ["alice_1", "alice_2", "bob_1", "bob_2"];
const CONNECTIONS: u64 = 4;

/// One thing that a client, the network or a backend does.
#[derive(Clone, Debug)]
enum Act {
    Subscribe(u64, usize, After),
    Unsubscribe(u64, usize),
    Replay(u64, usize),
    Ping(u64),
    AcknowledgeAll(u64),
    Emit(usize, Kind),
    Document(usize),
    Reconnect(u64, Features),
    Block(u64),
    Unblock(u64),
    Write(u64, usize),
    Advance(u64),
    TurnBack(u64),
}

#[derive(Clone, Copy, Debug)]
enum After {
    /// What the client has.
    Cursor,
    Nothing,
    Absurd,
    AnotherEpoch,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Stream(usize),
    Question,
    Failed,
}

#[derive(Clone, Copy, Debug)]
enum Features {
    Baseline,
    Replay,
    All,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let id = || 1..=CONNECTIONS;
    let execution = || 0..EXECUTIONS.len();
    let after = prop_oneof![
        6 => Just(After::Cursor),
        2 => Just(After::Nothing),
        1 => Just(After::Absurd),
        1 => Just(After::AnotherEpoch),
    ];
    let kind = prop_oneof![
        6 => (0usize..60).prop_map(Kind::Stream),
        1 => Just(Kind::Stream(900)),
        1 => Just(Kind::Question),
        1 => Just(Kind::Failed),
    ];
    let features = prop_oneof![
        Just(Features::Baseline),
        Just(Features::Replay),
        Just(Features::All)
    ];
    let act = prop_oneof![
        6 => (id(), execution(), after).prop_map(|(id, at, after)| Act::Subscribe(id, at, after)),
        1 => (id(), execution()).prop_map(|(id, at)| Act::Unsubscribe(id, at)),
        1 => (id(), execution()).prop_map(|(id, at)| Act::Replay(id, at)),
        1 => id().prop_map(Act::Ping),
        1 => id().prop_map(Act::AcknowledgeAll),
        20 => (execution(), kind).prop_map(|(at, kind)| Act::Emit(at, kind)),
        1 => (0..USERS.len()).prop_map(Act::Document),
        2 => (id(), features).prop_map(|(id, features)| Act::Reconnect(id, features)),
        2 => id().prop_map(Act::Block),
        2 => id().prop_map(Act::Unblock),
        4 => (id(), 1usize..5).prop_map(|(id, frames)| Act::Write(id, frames)),
        3 => (0u64..12).prop_map(Act::Advance),
        1 => (1u64..5_000).prop_map(Act::TurnBack),
    ];
    prop::collection::vec(act, 1..250)
}

fn config() -> Config {
    Config {
        queue_frames: 12,
        queue_bytes: 2_500,
        batch_bytes: 500,
        ..Config::default()
    }
}

fn user_of(name: &str) -> &'static str {
    USERS.iter().find(|user| name.starts_with(**user)).unwrap()
}

fn user_of_connection(id: u64) -> &'static str {
    USERS[id as usize % USERS.len()]
}

#[derive(Clone, Copy, PartialEq)]
enum Ask {
    Replay,
    Unsubscribe,
}

/// What a client knows. It checks everything that it receives.
#[derive(Default)]
struct Client {
    numbered: bool,
    acknowledges: bool,
    /// The last `seq` of each execution, kept over reconnects.
    cursors: BTreeMap<String, u64>,
    /// The questions that have no answer yet, in order: the execution and what was asked for.
    asked: BTreeMap<String, Vec<Option<u64>>>,
    held: BTreeSet<String>,
    /// After `recovered: false` the next event may have any number.
    gap: BTreeSet<String>,
    /// What has no answer yet, in order: replays, and the `unsubscribe`s that end them.
    replaying: BTreeMap<String, Vec<Ask>>,
    /// The last `seq` that came during one: until there, the subscription may repeat it.
    replayed: BTreeMap<String, u64>,
    /// What asked to be acknowledged.
    critical: BTreeSet<String>,
}

impl Client {
    fn receive(&mut self, user: &str, text: &str) {
        let frame: Value = serde_json::from_str(text).unwrap();
        if frame["type"] == "batch" {
            let events = frame["events"].as_array().unwrap();
            assert!(events.len() > 1, "a batch of one");
            for event in events {
                self.on_frame(user, event);
            }
        } else {
            self.on_frame(user, &frame);
        }
    }

    fn on_frame(&mut self, user: &str, frame: &Value) {
        let execution_id = frame["executionId"].as_str().unwrap_or_default().to_owned();
        match frame["type"].as_str().unwrap() {
            "subscribed" => self.on_subscribed(execution_id, frame),
            "unsubscribed" => {
                self.held.remove(&execution_id);
                let asked = self.replaying.entry(execution_id).or_default();
                let end = asked.iter().position(|ask| *ask == Ask::Unsubscribe);
                asked.drain(..=end.unwrap());
            }
            "replayed" => self.end_replay(&execution_id),
            "pong" => {
                for (execution_id, head) in frame["heads"].as_object().unwrap() {
                    if self.held.contains(execution_id) && !self.gap.contains(execution_id) {
                        let cursor = self.cursors.get(execution_id).copied().unwrap_or(0);
                        let head = head.as_u64().unwrap();
                        let ahead = self.replayed.contains_key(execution_id);
                        assert!(head == cursor || ahead, "{execution_id}: {head}, {cursor}");
                    }
                }
            }
            "error" => self.on_error(user, &execution_id, frame["code"].as_str().unwrap()),
            "kb:document:completed" => assert_eq!(frame["documentId"], user),
            _ => self.on_event(user, &execution_id, frame),
        }
    }

    fn on_error(&mut self, user: &str, execution_id: &str, code: &str) {
        match code {
            "forbidden" => assert_ne!(user, user_of(execution_id)),
            "rate_limited" => self.end_replay(execution_id),
            "invalid_message" => assert!(!self.acknowledges, "of a feature that is not on"),
            other => panic!("{other}"),
        }
    }

    fn end_replay(&mut self, execution_id: &str) {
        let asked = self.replaying.get_mut(execution_id).unwrap();
        assert!(asked.remove(0) == Ask::Replay);
    }

    fn on_subscribed(&mut self, execution_id: String, frame: &Value) {
        let asked = self.asked.get_mut(&execution_id).unwrap().remove(0);
        self.held.insert(execution_id.clone());
        if !self.numbered {
            return;
        }
        self.gap.remove(&execution_id);
        match (frame["recovered"].as_bool().unwrap(), asked) {
            (true, asked) => {
                let after = asked.expect("recovered, though that could not be");
                self.cursors.insert(execution_id, after);
            }
            (false, _) => {
                self.gap.insert(execution_id);
            }
        }
    }

    fn on_event(&mut self, user: &str, execution_id: &str, frame: &Value) {
        assert_eq!(user, user_of(execution_id), "another's event");
        let asked = self.replaying.get(execution_id);
        let is_replaying = asked.is_some_and(|asked| asked.contains(&Ask::Replay));
        assert!(is_replaying || self.held.contains(execution_id), "{frame}");
        let Some(seq) = frame["seq"].as_u64() else {
            assert!(!self.numbered);
            return;
        };
        assert!(self.numbered);
        let is_critical = frame["ack"] == true;
        if is_critical {
            self.critical
                .insert(frame["eventId"].as_str().unwrap().to_owned());
        }
        if frame["redelivered"] == true {
            assert!(is_critical && self.acknowledges && self.held.contains(execution_id));
            return;
        }
        if is_replaying {
            self.replayed.insert(execution_id.to_owned(), seq);
        }
        if !self.held.contains(execution_id) {
            return;
        }
        let cursor = self.cursors.get(execution_id).copied().unwrap_or(0);
        if self.gap.remove(execution_id) || seq == cursor + 1 {
            self.cursors.insert(execution_id.to_owned(), seq);
        } else if seq > cursor {
            assert!(is_replaying, "a hole: {seq} after {cursor}");
        } else {
            let replayed = self.replayed.get(execution_id).copied().unwrap_or(0);
            assert!(seq <= replayed, "twice: {seq} after {cursor}");
        }
    }
}

struct Run {
    world: World,
    clients: BTreeMap<u64, Client>,
    /// The events of each execution that their owner has not acknowledged.
    unacknowledged: BTreeMap<String, BTreeMap<String, u64>>,
}

impl Run {
    fn new() -> Self {
        let limits = MemoryLimits {
            events: 20,
            bytes: 4_000,
            total_bytes: 12_000,
        };
        let mut world = World::with_limits(config(), limits);
        for execution_id in EXECUTIONS {
            world.register(execution_id, user_of(execution_id));
        }
        let mut run = Self {
            world,
            clients: BTreeMap::new(),
            unacknowledged: BTreeMap::new(),
        };
        for id in 1..=CONNECTIONS {
            run.clients.insert(id, Client::default());
            run.reconnect(id, Features::All);
        }
        run
    }

    fn reconnect(&mut self, id: u64, features: Features) {
        self.world.disconnect(id);
        self.world.connect(id, user_of_connection(id));
        let names: &[&str] = match features {
            Features::Baseline => &[],
            Features::Replay => &["replay", "ping"],
            Features::All => &["replay", "ack", "batch", "gzip", "ping"],
        };
        self.world.hello(id, names);
        let cursors = std::mem::take(&mut self.clients.get_mut(&id).unwrap().cursors);
        let client = Client {
            numbered: !matches!(features, Features::Baseline),
            acknowledges: matches!(features, Features::All),
            cursors,
            ..Client::default()
        };
        self.clients.insert(id, client);
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Subscribe(id, at, after) => self.subscribe(id, EXECUTIONS[at], after),
            Act::Unsubscribe(id, at) => {
                self.ask(id, EXECUTIONS[at], Ask::Unsubscribe);
                self.world.unsubscribe(id, EXECUTIONS[at]);
            }
            Act::Replay(id, at) => self.replay(id, EXECUTIONS[at]),
            Act::Ping(id) => self.world.send(id, r#"{"type":"ping","id":1}"#),
            Act::AcknowledgeAll(id) => self.acknowledge_all(id),
            Act::Emit(at, kind) => self.emit(EXECUTIONS[at], kind),
            Act::Document(user) => {
                let document = event(&format!(
                    r#"{{"type":"kb:document:completed","timestamp":1,"knowledgeBaseId":"kb","documentId":"{}","chunkCount":1}}"#,
                    USERS[user]
                ));
                self.world.emit_to_user(USERS[user], document);
            }
            Act::Reconnect(id, features) => self.reconnect(id, features),
            Act::Block(id) => self.world.block(id),
            Act::Unblock(id) => self.world.unblock(id),
            Act::Write(id, frames) => self.world.write_frames(id, frames),
            Act::Advance(ms) => self.world.advance(ms),
            Act::TurnBack(ms) => self.world.now = self.world.now.minus(ms),
        }
        self.check();
    }

    fn subscribe(&mut self, id: u64, execution_id: &str, after: After) {
        let client = self.clients.get_mut(&id).unwrap();
        let is_closed = self.world.sockets[&id].closed.is_some();
        if user_of_connection(id) == user_of(execution_id) && !is_closed {
            // What the client has by the time of the answer is not what it had when it asked.
            let cursor = client.cursors.get(execution_id).copied().unwrap_or(0);
            let expected = match after {
                After::Cursor => Some(cursor),
                After::Nothing => Some(0),
                After::Absurd | After::AnotherEpoch => None,
            };
            let asked = client.asked.entry(execution_id.to_owned()).or_default();
            asked.push(expected);
        }
        let cursor = client.cursors.get(execution_id).copied().unwrap_or(0);
        let fields = match after {
            After::Cursor => format!(r#","after":{cursor},"epoch":"{EPOCH}""#),
            After::Nothing => String::new(),
            After::Absurd => format!(r#","after":9007199254740991,"epoch":"{EPOCH}""#),
            After::AnotherEpoch => format!(r#","after":{cursor},"epoch":"another""#),
        };
        let text = format!(r#"{{"type":"subscribe","executionId":"{execution_id}"{fields}}}"#);
        self.world.send(id, &text);
    }

    fn replay(&mut self, id: u64, execution_id: &str) {
        let client = self.clients.get_mut(&id).unwrap();
        if client.numbered && user_of_connection(id) == user_of(execution_id) {
            self.ask(id, execution_id, Ask::Replay);
        }
        let text = format!(r#"{{"type":"replay","executionId":"{execution_id}","since":0}}"#);
        self.world.send(id, &text);
    }

    fn ask(&mut self, id: u64, execution_id: &str, ask: Ask) {
        if self.world.sockets[&id].closed.is_none() {
            let client = self.clients.get_mut(&id).unwrap();
            let asked = client.replaying.entry(execution_id.to_owned());
            asked.or_default().push(ask);
        }
    }

    fn acknowledge_all(&mut self, id: u64) {
        let client = self.clients.get_mut(&id).unwrap();
        if !client.acknowledges || self.world.sockets[&id].closed.is_some() {
            return;
        }
        let user = user_of_connection(id);
        for event_id in std::mem::take(&mut client.critical) {
            for (execution_id, events) in &mut self.unacknowledged {
                if user_of(execution_id) == user {
                    events.remove(&event_id);
                }
            }
            self.world
                .send(id, &format!(r#"{{"type":"ack","eventId":"{event_id}"}}"#));
        }
    }

    fn emit(&mut self, execution_id: &str, kind: Kind) {
        let event = match kind {
            Kind::Stream(bytes) => stream(execution_id, &"x".repeat(bytes)),
            Kind::Question => question(execution_id),
            Kind::Failed => failed(execution_id),
        };
        let emitted = self.world.emit(event);
        if !matches!(kind, Kind::Stream(_)) {
            let events = self
                .unacknowledged
                .entry(execution_id.to_owned())
                .or_default();
            let event_id = emitted.event_id.unwrap().to_string();
            events.insert(event_id, emitted.seq.unwrap());
        }
    }

    fn check(&mut self) {
        for id in 1..=CONNECTIONS {
            let client = self.clients.get_mut(&id).unwrap();
            for text in self.world.take(id) {
                client.receive(user_of_connection(id), &text);
            }
            let socket = self.world.socket(id);
            let bytes: usize = socket.queue.iter().map(|text| text.len()).sum();
            assert!(bytes <= config().queue_bytes || socket.queue.len() == 1);
            assert!(socket.queue.len() <= config().queue_frames);
        }
        assert_eq!(self.world.hub.poll_effect(), None::<Effect>);
    }

    /// Everything is written: nobody may be behind, and nothing may be lost.
    fn settle(mut self) {
        for id in 1..=CONNECTIONS {
            self.world.unblock(id);
            if self.world.close_code(id).is_some() {
                self.check();
                self.reconnect(id, Features::All);
            }
        }
        self.world.advance(1_000);
        self.check();
        for (id, client) in &self.clients {
            assert!(client.asked.values().all(Vec::is_empty), "no answer");
            assert!(client.replaying.values().all(Vec::is_empty), "no end");
            for execution_id in client.held.iter().filter(|_| client.numbered) {
                let head = self.head(execution_id);
                let cursor = client.cursors.get(execution_id).copied().unwrap_or(0);
                let has_gap = client.gap.contains(execution_id);
                assert!(has_gap || cursor == head, "{id} is at {cursor} of {head}");
            }
        }
        self.expect_unacknowledged();
        for id in 1..=CONNECTIONS + 1 {
            self.world.disconnect(id);
        }
        assert!(self.world.hub.is_empty());
        for execution_id in EXECUTIONS {
            self.world
                .hub
                .remove_execution(self.world.now, execution_id);
        }
        assert_eq!(self.world.hub.counts(), Counts::default());
    }

    fn head(&self, execution_id: &str) -> u64 {
        use flowmaestro_hub::History;
        self.world.hub.history().head(execution_id)
    }

    /// A new connection that has everything gets what nobody acknowledged, and nothing else.
    fn expect_unacknowledged(&mut self) {
        let id = CONNECTIONS + 1;
        for execution_id in EXECUTIONS {
            self.world
                .connect_with(id, user_of(execution_id), &["replay", "ack"]);
            self.world.resume(id, execution_id, self.head(execution_id));
            let events = self.unacknowledged.remove(execution_id).unwrap_or_default();
            let mut expected: Vec<_> = events.into_values().collect();
            expected.sort_unstable();
            expected.insert(0, 0);
            assert_eq!(self.world.take_seqs(id), expected);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_subscriber_gets_every_event_in_order_or_is_told(acts in acts()) {
        let mut run = Run::new();
        for act in acts {
            run.act(act);
        }
        run.settle();
    }
}
