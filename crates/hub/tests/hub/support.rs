//! A hub in virtual time, with sockets that take every frame at once unless they are blocked.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use flowmaestro_hub::{
    Close, Config, ConnectionId, Effect, EmitError, Emitted, History, Hub, Identity, MemoryHistory,
    MemoryLimits, Millis, Owner,
};
use flowmaestro_protocol::{Event, Feature, Room, UserInputResponse};
use serde_json::Value;

pub const START: Millis = Millis(1_700_000_000_000);
pub const EPOCH: &str = "epoch-1";
/// How long the tokens of the tests are valid, in ms.
pub const TOKEN_MS: u64 = 24 * 60 * 60 * 1_000;

/// What has come out of one socket.
#[derive(Default)]
pub struct Socket {
    pub queue: VecDeque<Arc<str>>,
    pub received: Vec<String>,
    pub compressed: usize,
    pub blocked: bool,
    pub closed: Option<Close>,
}

pub struct World<H = MemoryHistory> {
    pub hub: Hub<H>,
    pub now: Millis,
    pub sockets: BTreeMap<u64, Socket>,
    pub tokens: Vec<(u64, String)>,
    pub answers: Vec<(String, UserInputResponse)>,
}

/// Without batches, so that each event is a frame.
pub fn config() -> Config {
    let mut config = Config::default();
    config.features = config.features.without(Feature::Batch);
    config
}

impl World {
    pub fn new() -> Self {
        Self::with(config())
    }

    pub fn with(config: Config) -> Self {
        Self::with_limits(config, MemoryLimits::default())
    }

    pub fn with_limits(config: Config, limits: MemoryLimits) -> Self {
        Self::with_hub(Hub::new(config, MemoryHistory::new(EPOCH, limits)))
    }
}

impl<H: History> World<H> {
    pub fn with_hub(hub: Hub<H>) -> Self {
        Self {
            hub,
            now: START,
            sockets: BTreeMap::new(),
            tokens: Vec::new(),
            answers: Vec::new(),
        }
    }

    /// Connects a user and takes the welcome.
    pub fn connect(&mut self, id: u64, user_id: &str) {
        self.connect_as(id, Identity::user(user_id, self.now.plus(TOKEN_MS)));
    }

    pub fn connect_as(&mut self, id: u64, identity: Identity) {
        self.sockets.insert(id, Socket::default());
        let uuid = format!("00000000-0000-4000-8000-{id:012}");
        self.hub
            .connect(self.now, ConnectionId(id), identity, &uuid);
        self.drain();
        let welcome = self.take(id);
        assert!(welcome.concat().starts_with(r#"{"type":"connected""#));
    }

    /// Connects a user who negotiates features.
    pub fn connect_with(&mut self, id: u64, user_id: &str, features: &[&str]) {
        self.connect(id, user_id);
        self.hello(id, features);
    }

    pub fn hello(&mut self, id: u64, features: &[&str]) {
        let features = serde_json::to_string(features).unwrap();
        self.send(id, &format!(r#"{{"type":"hello","features":{features}}}"#));
    }

    pub fn disconnect(&mut self, id: u64) {
        self.sockets.remove(&id);
        self.hub.disconnect(self.now, ConnectionId(id));
        self.drain();
    }

    pub fn send(&mut self, id: u64, text: &str) {
        self.hub.receive(self.now, ConnectionId(id), text);
        self.drain();
    }

    pub fn subscribe(&mut self, id: u64, execution_id: &str) {
        self.send(
            id,
            &format!(r#"{{"type":"subscribe","executionId":"{execution_id}"}}"#),
        );
    }

    pub fn resume(&mut self, id: u64, execution_id: &str, after: u64) {
        self.send(
            id,
            &format!(
                r#"{{"type":"subscribe","executionId":"{execution_id}","after":{after},"epoch":"{EPOCH}"}}"#
            ),
        );
    }

    pub fn unsubscribe(&mut self, id: u64, execution_id: &str) {
        self.send(
            id,
            &format!(r#"{{"type":"unsubscribe","executionId":"{execution_id}"}}"#),
        );
    }

    pub fn register(&mut self, execution_id: &str, user_id: &str) {
        self.register_in(execution_id, user_id, &[]);
    }

    pub fn register_in(&mut self, execution_id: &str, user_id: &str, rooms: &[&str]) {
        let rooms: Vec<_> = rooms.iter().map(|room| Room::new(*room).unwrap()).collect();
        self.hub
            .register(self.now, execution_id, Owner::user(user_id), &rooms)
            .unwrap();
        self.drain();
    }

    pub fn try_emit(&mut self, event: Event) -> Result<Emitted, EmitError> {
        let emitted = self.hub.emit(self.now, &event, None);
        self.drain();
        emitted
    }

    pub fn emit(&mut self, event: Event) -> Emitted {
        self.try_emit(event).unwrap()
    }

    /// Emits as many `node:stream`s.
    pub fn stream(&mut self, execution_id: &str, count: u64) {
        for number in 0..count {
            self.emit(stream(execution_id, &number.to_string()));
        }
    }

    pub fn emit_to_user(&mut self, user_id: &str, event: Event) -> Emitted {
        let emitted = self.hub.emit(self.now, &event, Some(user_id)).unwrap();
        self.drain();
        emitted
    }

    /// Lets time pass, stopping at every deadline.
    pub fn advance(&mut self, ms: u64) {
        let end = self.now.plus(ms);
        while let Some(deadline) = self.hub.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(deadline);
            self.hub.tick(self.now);
            self.drain();
            let next = self.hub.next_deadline();
            assert!(
                next.is_none_or(|next| next > self.now),
                "a tick does what is due"
            );
        }
        self.now = end;
        self.hub.tick(end);
        self.drain();
    }

    pub fn block(&mut self, id: u64) {
        self.socket(id).blocked = true;
    }

    /// Writes what waits, and whatever comes then.
    pub fn unblock(&mut self, id: u64) {
        self.socket(id).blocked = false;
        self.write(id);
        self.drain();
    }

    /// Lets a blocked socket write so many frames.
    pub fn write_frames(&mut self, id: u64, frames: usize) {
        for _ in 0..frames {
            let socket = self.socket(id);
            let Some(text) = socket.queue.pop_front() else {
                return;
            };
            socket.received.push(text.to_string());
            self.hub.written(self.now, ConnectionId(id), 1);
            self.drain();
        }
    }

    pub fn socket(&mut self, id: u64) -> &mut Socket {
        self.sockets.get_mut(&id).unwrap()
    }

    /// What has arrived since the last time.
    pub fn take(&mut self, id: u64) -> Vec<String> {
        std::mem::take(&mut self.socket(id).received)
    }

    /// The same, each as JSON.
    pub fn take_json(&mut self, id: u64) -> Vec<Value> {
        let texts = self.take(id);
        texts
            .iter()
            .map(|text| serde_json::from_str(text).unwrap())
            .collect()
    }

    /// The `seq`s that have arrived since the last time; 0 for frames without one.
    pub fn take_seqs(&mut self, id: u64) -> Vec<u64> {
        let frames = self.take_json(id);
        frames
            .iter()
            .map(|frame| frame["seq"].as_u64().unwrap_or(0))
            .collect()
    }

    pub fn close_code(&mut self, id: u64) -> Option<u16> {
        self.socket(id).closed.map(|close| close.code)
    }

    fn drain(&mut self) {
        let mut written = BTreeSet::new();
        loop {
            while let Some(effect) = self.hub.poll_effect() {
                self.carry_out(effect, &mut written);
            }
            let Some(id) = written.pop_first() else {
                return;
            };
            self.write(id);
        }
    }

    fn carry_out(&mut self, effect: Effect, written: &mut BTreeSet<u64>) {
        match effect {
            Effect::Send {
                connection,
                text,
                compress,
            } => {
                if let Some(socket) = self.sockets.get_mut(&connection.0) {
                    assert!(socket.closed.is_none(), "nothing is sent after a close");
                    socket.compressed += usize::from(compress);
                    socket.queue.push_back(text);
                    written.insert(connection.0);
                }
            }
            Effect::Close { connection, close } => {
                if let Some(socket) = self.sockets.get_mut(&connection.0) {
                    assert!(socket.closed.is_none(), "a connection is closed once");
                    socket.closed = Some(close);
                    if close.discard {
                        socket.queue.clear();
                    }
                }
            }
            Effect::VerifyToken { connection, token } => {
                self.tokens.push((connection.0, token.expose().to_owned()));
            }
            Effect::UserInput { user_id, response } => {
                self.answers.push((user_id.to_string(), *response));
            }
        }
    }

    /// Whether a backend should wait before it emits this.
    pub fn is_crowded(&self, event: &Event, user_id: Option<&str>) -> bool {
        self.hub.is_crowded(self.now, event, user_id)
    }

    fn write(&mut self, id: u64) {
        let Some(socket) = self.sockets.get_mut(&id) else {
            return;
        };
        if socket.blocked {
            return;
        }
        let frames = socket.queue.len();
        let texts = socket.queue.drain(..).map(|text| text.to_string());
        socket.received.extend(texts);
        self.hub.written(self.now, ConnectionId(id), frames);
    }
}

pub fn event(text: &str) -> Event {
    Event::decode(text).unwrap()
}

pub fn stream(execution_id: &str, chunk: &str) -> Event {
    stream_at(execution_id, chunk, 1)
}

pub fn stream_at(execution_id: &str, chunk: &str, timestamp: u64) -> Event {
    event(&format!(
        r#"{{"type":"node:stream","timestamp":{timestamp},"executionId":"{execution_id}","nodeId":"n","chunk":"{chunk}"}}"#
    ))
}

pub fn failed(execution_id: &str) -> Event {
    event(&format!(
        r#"{{"type":"execution:failed","timestamp":1,"executionId":"{execution_id}","status":"failed","error":"boom"}}"#
    ))
}

pub fn question(execution_id: &str) -> Event {
    event(&format!(
        r#"{{"type":"user:input:required","timestamp":1,"executionId":"{execution_id}","nodeId":"n","prompt":"Go on?","inputType":"approval"}}"#
    ))
}

pub fn document(number: u64) -> Event {
    event(&format!(
        r#"{{"type":"kb:document:completed","timestamp":1,"knowledgeBaseId":"kb","documentId":"d","chunkCount":{number}}}"#
    ))
}
