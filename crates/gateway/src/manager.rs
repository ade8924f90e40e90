//! The connections, their subscriptions, and broadcasting.

use std::cell::LazyCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use axum::extract::ws::Utf8Bytes;
use flowmaestro_protocol::{ConnectionEstablished, Event, Extra, Json, ServerMessage};
use parking_lot::RwLock;
use uuid::Uuid;

use crate::config::Limits;
use crate::emitter::Emission;
use crate::executions::Authorizer;
use crate::metrics::Metrics;
use crate::outbox::{Outbox, Pushed};

/// Who is connected, who is subscribed to what, and the way to reach them.
///
/// Broadcasting queues frames and never waits for a socket. A connection gets its frames in the
/// order in which they were broadcast, an event only after the `subscribed` that asked for it, and
/// none after `unsubscribed`.
pub struct WebSocketManager {
    limits: Limits,
    authorizer: Arc<dyn Authorizer>,
    metrics: Arc<Metrics>,
    state: RwLock<State>,
}

/// A registered connection; dropping it ends the connection's subscriptions.
pub(crate) struct Registration {
    manager: Arc<WebSocketManager>,
    id: Uuid,
    outbox: Arc<Outbox>,
}

/// What became of a request to subscribe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subscribed {
    /// Subscribed, and acknowledged.
    Yes,
    /// The user may not see the execution, or it does not exist.
    Forbidden,
    /// The connection has as many subscriptions as it may.
    TooMany,
}

#[derive(Default)]
struct State {
    connections: HashMap<Uuid, Connection>,
    by_user: HashMap<Arc<str>, HashSet<Uuid>>,
    by_execution: HashMap<Arc<str>, HashSet<Uuid>>,
}

struct Connection {
    user_id: Arc<str>,
    outbox: Arc<Outbox>,
    subscriptions: HashSet<Arc<str>>,
}

impl WebSocketManager {
    pub(crate) fn new(
        limits: Limits,
        authorizer: Arc<dyn Authorizer>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            limits,
            authorizer,
            metrics,
            state: RwLock::default(),
        }
    }

    /// Sends an event to the connections that are subscribed to an execution and whose user may see
    /// it, and returns how many those are.
    pub fn broadcast_to_execution(&self, execution_id: &str, event: &Event) -> usize {
        let state = self.state.read();
        let recipients = state
            .with_ids(state.by_execution.get(execution_id))
            .filter(|connection| self.authorizer.may_see(&connection.user_id, execution_id));
        self.send_all(recipients, event)
    }

    /// Sends an event to all connections of a user, and returns how many those are.
    pub fn broadcast_to_user(&self, user_id: &str, event: &Event) -> usize {
        let state = self.state.read();
        self.send_all(state.with_ids(state.by_user.get(user_id)), event)
    }

    /// How many connections are open.
    pub fn connection_count(&self) -> usize {
        self.state.read().connections.len()
    }

    /// How many open connections a user has.
    pub fn user_connection_count(&self, user_id: &str) -> usize {
        self.state
            .read()
            .by_user
            .get(user_id)
            .map_or(0, HashSet::len)
    }

    /// How many connections are subscribed to an execution.
    pub fn execution_subscriber_count(&self, execution_id: &str) -> usize {
        self.state
            .read()
            .by_execution
            .get(execution_id)
            .map_or(0, HashSet::len)
    }

    /// Whether anyone who gets this event is behind with reading what came before.
    pub(crate) fn is_crowded(&self, emission: &Emission) -> bool {
        let state = self.state.read();
        let ids = match (emission.event().execution_id(), emission.user_id()) {
            (Some(execution_id), _) => state.by_execution.get(execution_id),
            (None, Some(user_id)) => state.by_user.get(user_id),
            (None, None) => None,
        };
        state
            .with_ids(ids)
            .any(|connection| !connection.outbox.has_room())
    }

    /// Registers a connection of a user. The welcome is its first frame.
    pub(crate) fn connect(self: &Arc<Self>, user_id: &str) -> Registration {
        let id = Uuid::new_v4();
        let outbox = Arc::new(Outbox::new(
            self.limits.queue_frames,
            self.limits.queue_bytes,
        ));
        outbox.push(welcome(id).into());
        let user_id: Arc<str> = user_id.into();
        let connection = Connection {
            user_id: Arc::clone(&user_id),
            outbox: Arc::clone(&outbox),
            subscriptions: HashSet::new(),
        };
        let mut state = self.state.write();
        state.connections.insert(id, connection);
        state.by_user.entry(user_id).or_default().insert(id);
        self.metrics.connections.inc();
        Registration {
            manager: Arc::clone(self),
            id,
            outbox,
        }
    }

    fn disconnect(&self, id: Uuid) {
        let mut state = self.state.write();
        let Some(connection) = state.connections.remove(&id) else {
            return;
        };
        remove_from(&mut state.by_user, &connection.user_id, id);
        for execution_id in &connection.subscriptions {
            remove_from(&mut state.by_execution, execution_id, id);
        }
        self.metrics.connections.dec();
        let ended = i64::try_from(connection.subscriptions.len()).unwrap_or(i64::MAX);
        self.metrics.subscriptions.dec_by(ended);
    }

    fn subscribe(&self, id: Uuid, execution_id: &str) -> Subscribed {
        let mut state = self.state.write();
        let State {
            connections,
            by_execution,
            ..
        } = &mut *state;
        let Some(connection) = connections.get_mut(&id) else {
            return Subscribed::Forbidden;
        };
        if !self.authorizer.may_see(&connection.user_id, execution_id) {
            return Subscribed::Forbidden;
        }
        if !connection.subscriptions.contains(execution_id) {
            if connection.subscriptions.len() >= self.limits.max_subscriptions {
                return Subscribed::TooMany;
            }
            let execution_id: Arc<str> = execution_id.into();
            connection.subscriptions.insert(Arc::clone(&execution_id));
            by_execution.entry(execution_id).or_default().insert(id);
            self.metrics.subscriptions.inc();
        }
        // Acknowledged while the lock is held: no event can come in between.
        let execution_id = execution_id.to_owned();
        self.send(
            connection,
            ServerMessage::Subscribed(flowmaestro_protocol::Subscribed {
                execution_id,
                position: None,
            })
            .encode()
            .into(),
        );
        Subscribed::Yes
    }

    fn unsubscribe(&self, id: Uuid, execution_id: &str) {
        let mut state = self.state.write();
        let State {
            connections,
            by_execution,
            ..
        } = &mut *state;
        let Some(connection) = connections.get_mut(&id) else {
            return;
        };
        if connection.subscriptions.remove(execution_id) {
            remove_from(by_execution, execution_id, id);
            self.metrics.subscriptions.dec();
        }
        let execution_id = execution_id.to_owned();
        self.send(
            connection,
            ServerMessage::Unsubscribed { execution_id }.encode().into(),
        );
    }

    /// Encodes the event once, if anyone gets it, and shares the text.
    fn send_all<'a>(
        &self,
        recipients: impl Iterator<Item = &'a Connection>,
        event: &Event,
    ) -> usize {
        let frame = LazyCell::new(|| Utf8Bytes::from(event.encode()));
        recipients
            .filter(|connection| self.send(connection, frame.clone()))
            .count()
    }

    fn send(&self, connection: &Connection, frame: Utf8Bytes) -> bool {
        push(&self.metrics, &connection.outbox, frame)
    }
}

impl Registration {
    pub(crate) fn id(&self) -> Uuid {
        self.id
    }

    pub(crate) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Subscribes to an execution; a repeated subscription is acknowledged like the first.
    pub(crate) fn subscribe(&self, execution_id: &str) -> Subscribed {
        self.manager.subscribe(self.id, execution_id)
    }

    /// Ends a subscription; one that was never held is acknowledged like any other.
    pub(crate) fn unsubscribe(&self, execution_id: &str) {
        self.manager.unsubscribe(self.id, execution_id);
    }

    /// Queues a frame for this connection alone.
    pub(crate) fn send(&self, message: &ServerMessage) {
        push(&self.manager.metrics, &self.outbox, message.encode().into());
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.manager.disconnect(self.id);
    }
}

impl State {
    fn with_ids<'a>(
        &'a self,
        ids: Option<&'a HashSet<Uuid>>,
    ) -> impl Iterator<Item = &'a Connection> {
        ids.into_iter()
            .flatten()
            .filter_map(|id| self.connections.get(id))
    }
}

/// Queues a frame and says whether the connection will get it.
fn push(metrics: &Metrics, outbox: &Outbox, frame: Utf8Bytes) -> bool {
    let pushed = outbox.push(frame);
    if pushed == Pushed::Overflowed {
        metrics.slow_consumers.inc();
    }
    pushed == Pushed::Queued
}

/// Removes a connection from an index, and the entry with its last connection.
fn remove_from(index: &mut HashMap<Arc<str>, HashSet<Uuid>>, key: &str, id: Uuid) {
    if let Some(ids) = index.get_mut(key) {
        ids.remove(&id);
        if ids.is_empty() {
            index.remove(key);
        }
    }
}

/// The first frame of a connection. `features` tells the client that it may answer with `hello`;
/// there is none to switch on yet.
fn welcome(id: Uuid) -> String {
    let features = Json::from_serialize(&[(); 0]).map(|none| ("features".to_owned(), none));
    let welcome: Event = ConnectionEstablished {
        connection_id: id.to_string(),
        message: "Connected to FlowMaestro WebSocket".to_owned(),
        extra: features.into_iter().collect::<Extra<Json>>(),
    }
    .into();
    welcome.encode()
}
