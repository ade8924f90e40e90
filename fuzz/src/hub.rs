//! The server's state machine: several users' connections, whatever they send, events, and time that
//! goes both ways.

use std::collections::BTreeMap;

use arbitrary::{Result, Unstructured};
use flowmaestro_hub::{
    Close, Config, ConnectionId, Effect, Hub, Identity, MemoryHistory, MemoryLimits, Millis, Owner,
};
use flowmaestro_protocol::{Event, Feature, Features, Json, Room, ServerMessage};
use serde::Deserialize;
use serde_json::value::RawValue;

const START: Millis = Millis(1_700_000_000_000);
const EPOCH: &str = "epoch-1";
const CONNECTIONS: u64 = 4;
/// The users, each of the workspace of their own name. Executions begin with their owner's name.
const USERS: [&str; 2] = ["alice", "bob"];
const EXECUTIONS: [&str; 5] = ["alice_1", "alice_2", "bob_1", "bob_2", "nobody_1"];
const ROOMS: [&str; 3] = ["workspace:alice", "workspace:bob", "project:alice"];

/// Reads the bytes as what clients, sockets and backends do, and looks at all that the hub sends.
pub fn hub(data: &[u8]) {
    let mut world = World::new();
    // Where the bytes end, so does the run.
    let _ = world.run(&mut Unstructured::new(data));
    world.finish();
}

struct World {
    hub: Hub<MemoryHistory>,
    now: Millis,
    sockets: BTreeMap<u64, Socket>,
}

struct Socket {
    user: &'static str,
    /// Frames that the hub does not know to be written.
    queued: usize,
    closed: Option<Close>,
}

impl World {
    fn new() -> Self {
        let limits = MemoryLimits {
            events: 8,
            bytes: 2_000,
            total_bytes: 5_000,
        };
        Self {
            hub: Hub::new(config(), MemoryHistory::new(EPOCH, limits)),
            now: START,
            sockets: BTreeMap::new(),
        }
    }

    fn run(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        for execution_id in &EXECUTIONS[..4] {
            self.register(execution_id, &[]);
        }
        for id in 1..=CONNECTIONS {
            self.connect(id, START.plus(3_600_000));
        }
        while !u.is_empty() {
            self.step(u)?;
        }
        Ok(())
    }

    fn step(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let id = u.int_in_range(1..=CONNECTIONS)?;
        match u.int_in_range(0..=31)? {
            0 => self.connect(id, self.now.plus(u.int_in_range(0..=120_000)?)),
            1 => self.disconnect(id),
            2 => {
                let bytes = u.arbitrary()?;
                self.hub.receive_binary(self.now, ConnectionId(id), bytes);
            }
            3..=5 => self.write(id, u.int_in_range(1..=8)?),
            6 => self.now = self.now.plus(u.int_in_range(0..=200)?),
            7 => self.now = self.now.plus(u.int_in_range(0..=7_200_000)?),
            8 => self.now = self.now.minus(u.int_in_range(0..=10_000)?),
            9 => self.now = self.hub.next_deadline().unwrap_or(self.now),
            10 => self.verified(id, u)?,
            11 => {
                let rooms = u.int_in_range(0..=ROOMS.len())?;
                self.register(u.choose(&EXECUTIONS[..4])?, &ROOMS[..rooms]);
            }
            12 => {
                let execution_id = u.choose(&EXECUTIONS)?;
                self.hub.remove_execution(self.now, execution_id);
            }
            13 => self.hub.shut_down(self.now),
            14..=19 => self.emit(u)?,
            20 => {
                let text = any_text(u)?;
                self.hub.receive(self.now, ConnectionId(id), text);
            }
            _ => {
                let text = message(u)?;
                self.hub.receive(self.now, ConnectionId(id), &text);
            }
        }
        self.hub.tick(self.now);
        self.settle();
        Ok(())
    }

    fn register(&mut self, execution_id: &str, rooms: &[&str]) {
        let user = user_of(execution_id).expect("an owner");
        // A room is for those who are in it, and its events for those who may see the execution.
        let rooms: Vec<Room> = rooms.iter().filter_map(|room| Room::new(*room)).collect();
        let own: Vec<Room> = rooms
            .into_iter()
            .filter(|room| {
                !room.as_str().starts_with("workspace:") || room.as_str().ends_with(user)
            })
            .collect();
        let owner = Owner::user(user);
        // As many as there are fit.
        self.hub
            .register(self.now, execution_id, owner, &own)
            .expect("room for an execution");
    }

    fn connect(&mut self, id: u64, expires_at: Millis) {
        self.disconnect(id);
        let user = USERS[(id % 2) as usize];
        let socket = Socket {
            user,
            queued: 0,
            closed: None,
        };
        self.sockets.insert(id, socket);
        let uuid = format!("00000000-0000-4000-8000-{id:012}");
        let identity = identity(user, expires_at);
        self.hub
            .connect(self.now, ConnectionId(id), identity, &uuid);
        self.settle();
    }

    fn disconnect(&mut self, id: u64) {
        self.sockets.remove(&id);
        self.hub.disconnect(self.now, ConnectionId(id));
        self.settle();
    }

    fn write(&mut self, id: u64, frames: usize) {
        let Some(socket) = self.sockets.get_mut(&id) else {
            return;
        };
        let written = frames.min(socket.queued);
        socket.queued -= written;
        self.hub.written(self.now, ConnectionId(id), written);
    }

    fn verified(&mut self, id: u64, u: &mut Unstructured<'_>) -> Result<()> {
        let expires_at = self.now.plus(u.int_in_range(0..=120_000)?);
        let user = u.choose(&USERS)?;
        let identity = u.arbitrary::<bool>()?.then(|| identity(user, expires_at));
        self.hub
            .token_verified(self.now, ConnectionId(id), identity);
        Ok(())
    }

    fn emit(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let execution_id = u.choose(&EXECUTIONS)?;
        let length = usize::from(u.arbitrary::<u8>()?) * 4;
        let chunk = "x".repeat(length);
        let user = u.choose(&USERS)?;
        let (text, user) = match u.int_in_range(0..=7)? {
            0 => (
                format!(
                    r#"{{"type":"kb:document:completed","timestamp":1,"knowledgeBaseId":"kb","documentId":"{user}_1","chunkCount":1}}"#
                ),
                Some(*user),
            ),
            1 => (
                format!(
                    r#"{{"type":"user:input:required","timestamp":1,"executionId":"{execution_id}","nodeId":"n","prompt":"?","inputType":"text"}}"#
                ),
                None,
            ),
            2 => (
                format!(
                    r#"{{"type":"execution:failed","timestamp":1,"executionId":"{execution_id}","status":"failed","error":"{chunk}"}}"#
                ),
                None,
            ),
            _ => (
                format!(
                    r#"{{"type":"node:stream","timestamp":{},"executionId":"{execution_id}","nodeId":"n","chunk":"{chunk}"}}"#,
                    self.now.0
                ),
                None,
            ),
        };
        let event = Event::decode(&text).expect("an event");
        // Of nobody's execution, or of one that was removed, it is refused.
        let _ = self.hub.emit(self.now, &event, user);
        Ok(())
    }

    /// Carries out what the hub decided.
    fn settle(&mut self) {
        while let Some(effect) = self.hub.poll_effect() {
            match effect {
                Effect::Send {
                    connection, text, ..
                } => {
                    let socket = self.sockets.get_mut(&connection.0);
                    let socket = socket.expect("a frame for nobody");
                    assert!(socket.closed.is_none(), "a frame after the last");
                    socket.queued += 1;
                    check_frame(socket.user, &text);
                }
                Effect::Close { connection, close } => {
                    let socket = self.sockets.get_mut(&connection.0);
                    let socket = socket.expect("the end of nobody");
                    assert!(socket.closed.is_none(), "closed twice");
                    socket.closed = Some(close);
                    if close.discard {
                        socket.queued = 0;
                    }
                }
                Effect::VerifyToken { connection, .. } => {
                    assert!(self.sockets.contains_key(&connection.0));
                }
                Effect::UserInput { user_id, response } => {
                    let owner = user_of(&response.execution_id);
                    assert_eq!(owner, Some(&*user_id), "another's answer");
                }
            }
        }
        self.check();
    }

    fn check(&self) {
        let counts = self.hub.counts();
        let config = config();
        assert_eq!(counts.connections, self.sockets.len());
        assert!(
            counts.subscriptions + counts.room_subscriptions
                <= counts.connections * config.max_subscriptions
        );
        assert!(
            self.hub.history().bytes() <= 5_000 + 2_000,
            "the history grows"
        );
        // A single frame over the limit may wait alone.
        let most = config.queue_bytes + 8 * 1024;
        assert!(counts.queued_bytes <= counts.connections * most);
    }

    fn finish(&mut self) {
        for id in 1..=CONNECTIONS {
            self.disconnect(id);
        }
        assert!(self.hub.is_empty(), "something is left of a connection");
        let counts = self.hub.counts();
        assert_eq!(counts.subscriptions + counts.room_subscriptions, 0);
        assert_eq!(counts.queued_bytes, 0);
    }
}

/// Up to 255 bytes as text.
fn any_text<'a>(u: &mut Unstructured<'a>) -> Result<&'a str> {
    let length = usize::from(u.arbitrary::<u8>()?).min(u.len());
    Ok(std::str::from_utf8(u.bytes(length)?).unwrap_or_default())
}

fn config() -> Config {
    Config {
        queue_frames: 12,
        queue_bytes: 2_500,
        batch_bytes: 500,
        max_subscriptions: 3,
        max_executions: 8,
        max_unacknowledged: 4,
        max_message_ids: 4,
        max_replays: 2,
        compress_bytes: 600,
        ..Config::default()
    }
}

fn identity(user: &str, expires_at: Millis) -> Identity {
    let mut identity = Identity::user(user, expires_at);
    identity.workspaces.insert(user.to_owned());
    identity
}

fn user_of(name: &str) -> Option<&'static str> {
    USERS.iter().find(|user| name.starts_with(**user)).copied()
}

/// What a client may send, most of it meant.
fn message(u: &mut Unstructured<'_>) -> Result<String> {
    let execution_id = u.choose(&EXECUTIONS)?;
    let room = u.choose(&ROOMS)?;
    let number = u.int_in_range(0..=20)?;
    Ok(match u.int_in_range(0..=15)? {
        0 => hello(u.arbitrary()?),
        1 | 2 => format!(r#"{{"type":"subscribe","executionId":"{execution_id}"}}"#),
        3 | 4 => format!(
            r#"{{"type":"subscribe","executionId":"{execution_id}","after":{number},"epoch":"{EPOCH}"}}"#
        ),
        5 => format!(
            r#"{{"type":"subscribe","executionId":"{execution_id}","presence":true,"epoch":"old","after":{number}}}"#
        ),
        6 => format!(r#"{{"type":"unsubscribe","executionId":"{execution_id}"}}"#),
        7 => format!(r#"{{"type":"subscribe","room":"{room}"}}"#),
        8 => format!(r#"{{"type":"unsubscribe","room":"{room}"}}"#),
        9 | 10 => format!(
            r#"{{"type":"replay","executionId":"{execution_id}","since":{}}}"#,
            START.0 + number * 100
        ),
        11 => format!(r#"{{"type":"ack","eventId":"{EPOCH}.{execution_id}.{number}"}}"#),
        12 => format!(r#"{{"type":"ping","id":{number}}}"#),
        13 => r#"{"type":"auth","token":"another"}"#.to_owned(),
        14 => format!(
            r#"{{"type":"user:input:response","timestamp":1,"executionId":"{execution_id}","nodeId":"n","value":1,"messageId":"m{number}"}}"#
        ),
        _ => format!(
            r#"{{"type":"user:input:response","timestamp":1,"executionId":"{execution_id}","nodeId":"n","value":1}}"#
        ),
    })
}

fn hello(bits: u8) -> String {
    let features = Features::from_bits(bits);
    let names: Vec<&str> = features.iter().map(Feature::as_str).collect();
    format!(r#"{{"type":"hello","features":{names:?}}}"#)
}

/// It is of the protocol, and says nothing about others.
fn check_frame(user: &str, text: &str) {
    match ServerMessage::decode(text).expect("a message") {
        ServerMessage::Event(event) => check_event(user, &event),
        // Whatever was asked about is repeated; foreign subscriptions of a baseline client are
        // acknowledged like any others.
        ServerMessage::Error(_)
        | ServerMessage::Subscribed(_)
        | ServerMessage::Unsubscribed { .. }
        | ServerMessage::Replayed { .. } => {}
        ServerMessage::Presence { execution_id, .. } => {
            assert_eq!(user_of(&execution_id), Some(user), "another's viewers");
        }
        ServerMessage::Pong { heads, .. } => {
            let is_own = |name: &String| user_of(name) == Some(user);
            assert!(heads.keys().all(is_own), "{text}");
        }
        ServerMessage::Unknown(batch) => check_batch(user, &batch),
        _ => {}
    }
}

fn check_batch(user: &str, batch: &Json) {
    let batch: Batch = batch.deserialize().expect("a batch");
    assert_eq!(batch.message_type, "batch");
    assert!(batch.events.len() > 1, "a batch of one");
    for event in batch.events {
        check_event(user, &Event::decode(event.get()).expect("an event"));
    }
}

fn check_event(user: &str, event: &Event) {
    let about = match event {
        Event::DocumentCompleted(document) => Some(&*document.document_id),
        event => event.execution_id(),
    };
    let is_own = about.is_none_or(|about| user_of(about) == Some(user));
    assert!(is_own, "another's event");
}

#[derive(Deserialize)]
struct Batch {
    #[serde(rename = "type")]
    message_type: String,
    events: Vec<Box<RawValue>>,
}
