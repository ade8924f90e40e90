//! What the gateway does around the hub: sockets, tokens, the backends that emit.

use std::collections::BTreeMap;
use std::hash::Hash;
use std::sync::Arc;

use flowmaestro_hub::{
    Close, ConnectionId, Effect, History, Hub, Identity, MemoryHistory, Millis, Owner,
};
use flowmaestro_protocol::{
    DocumentCompleted, Event, ExecutionCompleted, ExecutionFailed, Extra, Feature, Features,
    NodeStream, Number, Record, UserInputRequired, close_code,
};

use crate::Check;
use crate::client::execution_name;
use crate::fields::{Fields, string};
use crate::network::{DownFrame, ServerEnd};
use crate::plan::{MAX_EXECUTIONS, MAX_USERS, Plan};
use crate::world::{Emission, Happening, World};

/// The server's clock when the world began.
const EPOCH_MS: u64 = 1_700_000_000_000;

pub(crate) struct Server {
    /// `None` while it is down.
    pub(crate) hub: Option<Hub<MemoryHistory>>,
    pub(crate) features: Features,
    /// How often it was started.
    pub(crate) life: u32,
    /// Which history it has.
    pub(crate) history: u32,
    kept: Option<MemoryHistory>,
    skew: i64,
    /// How often the tokens of a user were revoked.
    pub(crate) revoked: [u32; MAX_USERS],
    timer_at: Option<u64>,
    /// The critical events that their user has not acknowledged, as the contract has it.
    pub(crate) unacknowledged: BTreeMap<String, Unacknowledged>,
    names: [String; MAX_EXECUTIONS],
}

#[derive(Clone, Debug)]
pub(crate) struct Unacknowledged {
    pub(crate) user: usize,
    pub(crate) execution: usize,
    pub(crate) seq: u64,
}

impl Server {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            hub: None,
            features: plan.server.features,
            life: 0,
            history: 0,
            kept: None,
            skew: 0,
            revoked: [0; MAX_USERS],
            timer_at: None,
            unacknowledged: BTreeMap::new(),
            names: std::array::from_fn(execution_name),
        }
    }
}

impl World {
    /// The time on the server's clock.
    pub(crate) fn server_now(&self) -> Millis {
        Millis((EPOCH_MS + self.now).saturating_add_signed(self.server.skew))
    }

    pub(crate) fn start_server(&mut self) {
        self.server.life += 1;
        let now = self.server_now();
        let history = self.server.kept.take();
        let history = history.unwrap_or_else(|| {
            self.server.history += 1;
            let epoch = format!("epoch-{}", self.server.history);
            MemoryHistory::new(epoch, self.plan.history)
        });
        let mut config = self.plan.server.clone();
        config.features = self.server.features;
        let mut hub = Hub::new(config, history);
        for (index, execution) in self.plan.executions.iter().enumerate() {
            if self.without == Some(execution.owner) {
                continue;
            }
            let owner = Owner::user(execution.owner.to_string());
            let registered = hub.register(now, &self.server.names[index], owner, &[]);
            assert_eq!(registered, Ok(()));
        }
        self.restore_unacknowledged(&hub);
        self.server.timer_at = None;
        self.server.hub = Some(hub);
        let life = self.server.life;
        self.step(&("the server is up", life, self.server.history));
        self.drain_hub();
    }

    /// A history that survived says which events were critical, and nobody says which of them were
    /// acknowledged.
    fn restore_unacknowledged(&mut self, hub: &Hub<MemoryHistory>) {
        self.server.unacknowledged.clear();
        if !self.server.features.contains(Feature::Ack) {
            return;
        }
        for (execution, plan) in self.plan.executions.iter().enumerate() {
            let records = hub.history().critical(&self.server.names[execution]);
            for record in records.unwrap_or_default() {
                let event_id = Fields::of(&record.text).find(|(key, _)| *key == "eventId");
                let event_id = event_id.and_then(|(_, value)| string(value));
                let event = Unacknowledged {
                    user: plan.owner,
                    execution,
                    seq: record.seq,
                };
                let event_id = event_id.unwrap_or_default().to_owned();
                self.server.unacknowledged.insert(event_id, event);
            }
        }
    }

    /// Ends the server's process; its history may survive.
    pub(crate) fn stop_server(&mut self, keep_history: bool) {
        let Some(hub) = self.server.hub.take() else {
            return;
        };
        self.step(&("the server is down", keep_history));
        if keep_history {
            self.server.kept = Some(hub.into_history());
        }
        for connection in 0..self.connections.len() {
            let it = &self.connections[connection];
            if it.server == ServerEnd::Open {
                self.reset_by_server(connection);
            }
        }
    }

    pub(crate) fn with_hub(&mut self, call: impl FnOnce(&mut Hub<MemoryHistory>, Millis)) {
        let now = self.server_now();
        if let Some(hub) = &mut self.server.hub {
            call(hub, now);
            self.drain_hub();
        }
    }

    /// Carries out what the hub decided.
    fn drain_hub(&mut self) {
        let mut dirty = Vec::new();
        let mut written = Vec::new();
        loop {
            let Some(hub) = &mut self.server.hub else {
                return;
            };
            if let Some(effect) = hub.poll_effect() {
                self.carry_out_hub(effect, &mut dirty);
            } else if let Some(connection) = dirty.pop() {
                self.write_all(connection);
                if !self.connections[connection].inbox.is_empty() {
                    written.push(connection);
                }
            } else {
                break;
            }
        }
        let deadline = self.server.hub.as_ref().and_then(Hub::next_deadline);
        if let Some(Millis(deadline)) = deadline {
            let at = (EPOCH_MS + self.now).saturating_add_signed(self.server.skew);
            let at = self.now + deadline.saturating_sub(at);
            if self.server.timer_at.is_none_or(|armed| at < armed) {
                self.server.timer_at = Some(at);
                self.schedule_at(at, Happening::HubTimer { at });
            }
        }
        for connection in written {
            self.read_inbox(connection);
        }
    }

    pub(crate) fn hub_timer(&mut self, at: u64) {
        if self.server.timer_at != Some(at) {
            return;
        }
        self.server.timer_at = None;
        self.with_hub(Hub::tick);
    }

    fn carry_out_hub(&mut self, effect: Effect, dirty: &mut Vec<usize>) {
        match effect {
            Effect::Send {
                connection: ConnectionId(connection),
                text,
                ..
            } => {
                let connection = connection as usize;
                let now = self.server_now().0;
                let it = &mut self.connections[connection];
                if it.server == ServerEnd::Gone {
                    // What was due before the socket's end came with the news of it.
                    return;
                }
                if it.server != ServerEnd::Open || it.closing.is_some() {
                    return self.fail(Check::Credentials, "sent after the end".to_owned());
                }
                let is_event = text.contains(r#""timestamp":"#);
                if is_event && now > it.expires_at.saturating_add(5_000) {
                    return self.fail(Check::Credentials, "sent after exp + 5 s".to_owned());
                }
                it.outbox.push_back(text);
                if it.slow_ms.is_none() {
                    dirty.push(connection);
                } else if !std::mem::replace(&mut it.writing, true) {
                    let pause = it.slow_ms.unwrap_or_default();
                    self.schedule(pause, Happening::Write { connection });
                }
                let (frames, bytes) = {
                    let it = &self.connections[connection];
                    let bytes: usize = it.outbox.iter().map(|text| text.len()).sum();
                    (it.outbox.len(), bytes)
                };
                let limits = &self.plan.server;
                if frames > 1 && (frames > limits.queue_frames || bytes > limits.queue_bytes) {
                    self.fail(
                        Check::Bounds,
                        format!("{frames} frames, {bytes} bytes wait"),
                    );
                }
            }
            Effect::Close {
                connection: ConnectionId(connection),
                close:
                    Close {
                        code,
                        reason,
                        discard,
                    },
            } => {
                let connection = connection as usize;
                self.step(&("server closes", connection, code));
                let it = &mut self.connections[connection];
                if discard {
                    it.outbox.clear();
                }
                it.closing = Some((code, reason));
                dirty.push(connection);
            }
            Effect::VerifyToken {
                connection: ConnectionId(connection),
                token,
            } => {
                let connection = connection as usize;
                let it = &mut self.connections[connection];
                it.tokens.push_back(token.expose().to_owned());
                self.schedule(1, Happening::Verified { connection });
            }
            Effect::UserInput { user_id, response } => {
                let value: u64 = response.value.as_str().parse().unwrap_or_default();
                let key = ((value / 1_000_000) as usize, (value % 1_000_000) as u32);
                self.step(&("acts on", key));
                let life = self.server.life;
                let Some(message) = self.messages.get_mut(&key) else {
                    return self.fail(Check::Messages, "nobody sent this message".to_owned());
                };
                let again = message.acted.contains(&life);
                let disowned = message.disowned && message.acted.is_empty();
                message.acted.push(life);
                let sender = message.user.to_string();
                let execution = message.execution;
                if again {
                    self.fail(
                        Check::Messages,
                        format!("message {key:?} was acted on twice"),
                    );
                }
                if *sender != *user_id {
                    self.fail(
                        Check::Messages,
                        format!("message {key:?} of user {sender} was sent as {user_id}"),
                    );
                }
                if disowned {
                    self.fail(
                        Check::Messages,
                        format!("message {key:?} was acted on though it counts as not sent"),
                    );
                }
                if self.plan.executions[execution].owner.to_string() != *user_id {
                    self.fail(Check::Isolation, "answered for another user".to_owned());
                }
            }
        }
    }

    // Sockets.

    /// Writes all that waits to a socket that takes it.
    fn write_all(&mut self, connection: usize) {
        let it = &mut self.connections[connection];
        if it.slow_ms.is_some() {
            return self.close_if_done(connection);
        }
        let frames = std::mem::take(&mut it.outbox);
        let count = frames.len();
        for text in frames {
            self.put_on_wire(connection, text);
        }
        let now = self.server_now();
        if count > 0
            && let Some(hub) = &mut self.server.hub
        {
            hub.written(now, ConnectionId(connection as u64), count);
        }
        self.close_if_done(connection);
    }

    /// Writes one frame to a slow socket.
    pub(crate) fn write_one(&mut self, connection: usize) {
        let it = &mut self.connections[connection];
        it.writing = false;
        if it.server != ServerEnd::Open {
            return;
        }
        if let Some(text) = it.outbox.pop_front() {
            self.put_on_wire(connection, text);
            self.with_hub(|hub, now| hub.written(now, ConnectionId(connection as u64), 1));
        }
        self.close_if_done(connection);
        self.read_inbox(connection);
        let it = &mut self.connections[connection];
        if !it.outbox.is_empty() && !std::mem::replace(&mut it.writing, true) {
            let pause = it.slow_ms.unwrap_or_default();
            self.schedule(pause, Happening::Write { connection });
        }
    }

    /// A socket that was slow is so no more.
    pub(crate) fn flush(&mut self, connection: usize) {
        if self.connections[connection].server == ServerEnd::Open {
            self.write_all(connection);
            self.with_hub(Hub::tick);
            self.read_inbox(connection);
        }
    }

    fn put_on_wire(&mut self, connection: usize, text: Arc<str>) {
        let now = self.now;
        let user = self.connections[connection].user;
        let number = self.connections[connection].number;
        (now, self.connections[connection].client, number, &*text).hash(&mut self.streams[user]);
        self.send_down(connection, DownFrame::Text(text));
    }

    fn close_if_done(&mut self, connection: usize) {
        let it = &mut self.connections[connection];
        if it.server != ServerEnd::Open || !it.outbox.is_empty() {
            return;
        }
        if let Some((code, reason)) = it.closing {
            let user = it.user;
            (self.now, code).hash(&mut self.streams[user]);
            self.send_down(connection, DownFrame::Close(code, reason));
            self.schedule(5_000, Happening::ServerGone { connection });
            self.connections[connection].closing = Some((0, reason));
            // Once is enough.
            self.connections[connection].server = ServerEnd::Closing;
        }
    }

    pub(crate) fn server_gone(&mut self, connection: usize) {
        let it = &mut self.connections[connection];
        if matches!(it.server, ServerEnd::Gone | ServerEnd::Pending) {
            return;
        }
        it.server = ServerEnd::Gone;
        it.outbox.clear();
        it.inbox.clear();
        self.step(&("server ends", connection));
        self.with_hub(|hub, now| hub.disconnect(now, ConnectionId(connection as u64)));
    }

    /// A socket comes to the server.
    pub(crate) fn accept(&mut self, connection: usize) {
        let faults = self.plan.faults.clone();
        let Self {
            connections,
            clients,
            calm,
            ..
        } = self;
        let it = &mut connections[connection];
        let client = &mut clients[it.client];
        if !client.holds(connection) {
            return;
        }
        let refused = !*calm && client.network.permille(faults.refuse);
        let rejected = !*calm && client.network.permille(faults.reject_token);
        if refused || self.server.hub.is_none() {
            self.step(&("refused", connection));
            let closed = DownFrame::Close(close_code::ABNORMAL, "");
            return self.send_down(connection, closed);
        }
        self.send_down(connection, DownFrame::Opened);
        let token = self.connections[connection].token.clone();
        let identity = token
            .and_then(|token| self.verify(&token))
            .filter(|_| !rejected);
        let Some(identity) = identity else {
            self.step(&("token refused", connection));
            let closed = DownFrame::Close(close_code::POLICY, "Invalid token");
            return self.send_down(connection, closed);
        };
        self.step(&("accepted", connection));
        let it = &mut self.connections[connection];
        it.history = self.server.history;
        it.server = ServerEnd::Open;
        it.user = identity.user_id.parse().unwrap_or_default();
        it.expires_at = identity.expires_at.0;
        let uuid = format!("00000000-0000-4000-8000-{:06}{:06}", it.client, it.number);
        self.with_hub(|hub, now| {
            hub.connect(now, ConnectionId(connection as u64), identity, &uuid);
        });
    }

    /// Who a token belongs to, if it is valid.
    fn verify(&self, token: &str) -> Option<Identity> {
        let mut parts = token.split('.');
        let user = parts.next()?;
        let expires_at = Millis(parts.next()?.parse().ok()?);
        let issue: u32 = parts.next()?.parse().ok()?;
        let index: usize = user.parse().ok()?;
        let valid = expires_at > self.server_now() && issue == self.server.revoked[index];
        valid.then(|| Identity::user(user, expires_at))
    }

    pub(crate) fn verified(&mut self, connection: usize) {
        let it = &mut self.connections[connection];
        let token = it.tokens.pop_front();
        if it.server != ServerEnd::Open {
            return;
        }
        let identity = token.and_then(|token| self.verify(&token));
        let it = &mut self.connections[connection];
        if let Some(identity) = &identity
            && identity.user_id.parse() == Ok(it.user)
        {
            it.expires_at = identity.expires_at.0;
        }
        self.with_hub(|hub, now| {
            hub.token_verified(now, ConnectionId(connection as u64), identity);
        });
    }

    /// The client may send again.
    pub(crate) fn read_on(&mut self, connection: usize) {
        self.connections[connection].pausing = false;
        self.read_inbox(connection);
    }

    /// Hands the hub what the client sent, no faster than it takes that, and for as long as there is
    /// room for the answers.
    pub(crate) fn read_inbox(&mut self, connection: usize) {
        loop {
            let now = self.server_now();
            let id = ConnectionId(connection as u64);
            let Some(hub) = &mut self.server.hub else {
                return;
            };
            let it = &mut self.connections[connection];
            if it.server != ServerEnd::Open || it.inbox.is_empty() || !hub.has_room(id) {
                return;
            }
            let pause = hub.pause_ms(now, id);
            if pause > 0 {
                if !std::mem::replace(&mut it.pausing, true) {
                    self.schedule(pause, Happening::Read { connection });
                }
                return;
            }
            let Some(text) = it.inbox.pop_front() else {
                return;
            };
            if text.starts_with(r#"{"type":"hello""#) {
                it.spoken = self.clients[it.client]
                    .plan
                    .options
                    .features
                    .intersection(self.server.features);
            }
            let user = it.user;
            if it.spoken.contains(Feature::Ack)
                && let Some(event_id) = text.strip_prefix(r#"{"type":"ack","eventId":""#)
                && let Some(event_id) = event_id.strip_suffix(r#""}"#)
            {
                self.note_acknowledged(user, event_id);
            }
            self.with_hub(|hub, now| hub.receive(now, id, &text));
        }
    }

    fn note_acknowledged(&mut self, user: usize, event_id: &str) {
        let unacknowledged = &mut self.server.unacknowledged;
        if unacknowledged
            .get(event_id)
            .is_some_and(|event| event.user == user)
        {
            unacknowledged.remove(event_id);
        }
    }

    // Backends.

    /// Whether a user may see an execution.
    pub(crate) fn may_see(&self, user: usize, execution: usize) -> bool {
        let execution = self.plan.executions.get(execution);
        execution.is_some_and(|execution| execution.owner == user)
    }

    pub(crate) fn emit_burst(&mut self, execution: usize) {
        if !self.emits(execution) {
            return;
        }
        let plan = self.plan.executions[execution].clone();
        let count = self.emitters[execution].within(1, plan.burst);
        for _ in 0..count {
            let ended = self.emissions[execution]
                .last()
                .is_some_and(|it| it.terminal);
            if !ended || plan.goes_on {
                self.emit(execution);
            }
        }
        if self.emitters[execution].permille(50) {
            self.emit_document(plan.owner);
        }
        let pause = self.emitters[execution].pause(plan.pace_ms);
        self.schedule(pause, Happening::Emit { execution });
    }

    fn emit(&mut self, execution: usize) {
        if self.server.hub.is_none() {
            return;
        }
        let plan = &self.plan.executions[execution];
        let random = &mut self.emitters[execution];
        let index = self.emissions[execution].len();
        let timestamp = Number::from_integer(index as u64);
        let execution_id = self.server.names[execution].clone();
        let extra = Extra::new();
        let critical = random.permille(plan.critical);
        let terminal = random.permille(plan.terminal);
        let event: Event = if terminal && index.is_multiple_of(2) {
            ExecutionCompleted {
                timestamp,
                execution_id,
                status: flowmaestro_protocol::Completed,
                outputs: Record::new(),
                duration: timestamp,
                extra,
            }
            .into()
        } else if terminal {
            ExecutionFailed {
                timestamp,
                execution_id,
                status: flowmaestro_protocol::Failed,
                error: String::new(),
                failed_node_id: None,
                extra,
            }
            .into()
        } else if critical {
            UserInputRequired {
                timestamp,
                execution_id,
                node_id: "n".to_owned(),
                prompt: String::new(),
                input_type: "text".to_owned(),
                validation: None,
                extra,
            }
            .into()
        } else {
            let length = random.within(1, plan.chunk) as usize;
            NodeStream {
                timestamp,
                execution_id,
                node_id: "n".to_owned(),
                chunk: "x".repeat(length),
                extra,
            }
            .into()
        };
        let owner = plan.owner;
        let patient = self.calm || random.permille(500);
        let now = self.server_now();
        let Some(hub) = &mut self.server.hub else {
            return;
        };
        if patient && hub.is_crowded(now, &event, None) {
            // A backend waits for those who are behind.
            return;
        }
        let Ok(emitted) = hub.emit(now, &event, None) else {
            return self.fail(Check::Bounds, "an event was not emitted".to_owned());
        };
        let seq = emitted.seq.unwrap_or_default();
        let history = self.server.history;
        self.emissions[execution].push(Emission {
            at: self.now,
            history,
            seq,
            terminal,
        });
        self.step(&("emit", execution, index, seq, critical, terminal));
        if (critical || terminal)
            && self.server.features.contains(Feature::Ack)
            && let Some(event_id) = emitted.event_id
        {
            let event = Unacknowledged {
                user: owner,
                execution,
                seq,
            };
            self.server
                .unacknowledged
                .insert(event_id.to_string(), event);
        }
        self.drain_hub();
    }

    /// An event of a user's, which belongs to no execution.
    fn emit_document(&mut self, user: usize) {
        if self.server.hub.is_none() {
            return;
        }
        let index = self.documents[user];
        self.documents[user] += 1;
        self.step(&("document", user, index));
        let event: Event = DocumentCompleted {
            timestamp: Number::from(index),
            knowledge_base_id: "kb".to_owned(),
            document_id: format!("doc_{user}"),
            chunk_count: Number::from(1),
            extra: Extra::new(),
        }
        .into();
        let user = user.to_string();
        self.with_hub(|hub, now| {
            let emitted = hub.emit(now, &event, Some(&user));
            assert!(emitted.is_ok(), "a document's event has an owner");
        });
    }

    pub(crate) fn jump_server_clock(&mut self) {
        if self.calm {
            return;
        }
        let by = self.random.pick(&[-60_000, -1_000, -10, 10, 1_000, 60_000]);
        self.server.skew += by;
        self.step(&("the server's clock jumps", by));
        self.server.timer_at = None;
        self.with_hub(Hub::tick);
        let mean = self.plan.faults.server_clock.unwrap_or(1_000);
        let pause = self.random.pause(mean);
        self.schedule(pause, Happening::ServerClock);
    }
}
