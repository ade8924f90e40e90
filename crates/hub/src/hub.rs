use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use flowmaestro_protocol::{
    ConnectionEstablished, Event, Extra, Feature, Json, MAX_ID_BYTES, Room, close_code,
};

use crate::acknowledgement::{CriticalEvent, MessageIds, Unacknowledged};
use crate::connection::Connection;
use crate::context::Context;
use crate::event_text::EventId;
use crate::executions::Executions;
use crate::index::Index;
use crate::presence::Viewers;
use crate::subscription::Presence;
use crate::timers::{Timer, Timers};
use crate::{
    Authorizer, Close, Config, ConnectionId, Counters, Counts, Effect, Execution, History,
    Identity, KeptExecution, Millis, Owner, OwnerAndWorkspaces, RegisterError,
};

const TOKEN_EXPIRED: Close = Close {
    code: close_code::TOKEN_EXPIRED,
    reason: "Token expired",
    discard: true,
};
const TOO_MANY_CONNECTIONS: Close = Close {
    code: close_code::TRY_AGAIN_LATER,
    reason: "Too many connections",
    discard: true,
};
const SILENT: Close = Close {
    code: close_code::TRY_AGAIN_LATER,
    reason: "No sign of life",
    discard: true,
};
const RESTART: Close = Close {
    code: close_code::RESTART,
    reason: "Service restart",
    discard: false,
};

/// The server's end of the event socket: all connections, and the history that they read.
///
/// **The invariant:** after every call the caller drains [`poll_effect`](Self::poll_effect) and
/// carries the effects out in that order, before the next call.
pub struct Hub<H> {
    pub(crate) cx: Context,
    pub(crate) history: H,
    pub(crate) authorizer: Box<dyn Authorizer + Send + Sync>,
    pub(crate) executions: Executions,
    pub(crate) connections: BTreeMap<ConnectionId, Connection>,
    pub(crate) by_user: Index<Arc<str>>,
    pub(crate) by_execution: Index<Arc<str>>,
    pub(crate) by_room: Index<Room>,
    pub(crate) viewers: Viewers,
    pub(crate) unacknowledged: Unacknowledged,
    pub(crate) message_ids: MessageIds,
}

impl<H: History> Hub<H> {
    /// A hub in which executions are seen by their owners and the members of their workspaces.
    pub fn new(config: Config, history: H) -> Self {
        Self::with_authorizer(config, history, Box::new(OwnerAndWorkspaces))
    }

    /// A hub with its own rule of who may see what.
    pub fn with_authorizer(
        config: Config,
        history: H,
        authorizer: Box<dyn Authorizer + Send + Sync>,
    ) -> Self {
        debug_assert!((1..=MAX_ID_BYTES).contains(&history.epoch().len()));
        let mut hub = Self {
            executions: Executions::new(config.max_executions, config.execution_retention_ms),
            cx: Context {
                config,
                now: Millis::default(),
                effects: VecDeque::new(),
                timers: Timers::default(),
                counters: Counters::default(),
                closed: Vec::new(),
            },
            history,
            authorizer,
            connections: BTreeMap::new(),
            by_user: Index::default(),
            by_execution: Index::default(),
            by_room: Index::default(),
            viewers: Viewers::default(),
            unacknowledged: Unacknowledged::default(),
            message_ids: MessageIds::default(),
        };
        hub.restore();
        hub
    }

    /// A socket was opened by a user whose token was verified. The welcome is its first frame; its
    /// `connectionId` is `uuid`, a new UUID v4. Where there are as many connections as may be, it gets
    /// none and is closed with 1013: its client tries again later.
    pub fn connect(&mut self, now: Millis, id: ConnectionId, identity: Identity, uuid: &str) {
        self.advance(now);
        self.remove(id);
        if !self.admits(&identity.user_id) {
            let close = TOO_MANY_CONNECTIONS;
            let connection = id;
            self.cx
                .effects
                .push_back(Effect::Close { connection, close });
            return;
        }
        let welcome = self.welcome(uuid);
        let mut connection = Connection::new(id, identity, &self.cx);
        connection.send_text(&mut self.cx, welcome);
        self.by_user
            .add(Arc::clone(&connection.identity.user_id), id);
        self.connections.insert(id, connection);
        self.watch_expiry(id);
        self.finish();
    }

    /// The socket has ended. Nothing is left of the connection.
    pub fn disconnect(&mut self, now: Millis, id: ConnectionId) {
        self.advance(now);
        self.remove(id);
    }

    /// So many frames have left the socket's queue.
    pub fn written(&mut self, now: Millis, id: ConnectionId, frames: usize) {
        self.advance(now);
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.written(now, frames);
        }
        if !planted!(NothingAfterWritten) {
            self.pump(id);
        }
        self.finish();
    }

    /// Closes a connection for a reason of the caller's.
    pub fn close(&mut self, now: Millis, id: ConnectionId, close: Close) {
        self.advance(now);
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.close(&mut self.cx, close);
        }
        self.finish();
    }

    /// Closes all connections of a user for a reason of the caller's, and returns how many those are.
    pub fn disconnect_user(&mut self, now: Millis, user_id: &str, close: Close) -> usize {
        self.advance(now);
        let ids: Vec<_> = self.by_user.get(user_id).collect();
        for id in &ids {
            if let Some(connection) = self.connections.get_mut(id) {
                self.cx.counters.disconnected += 1;
                connection.close(&mut self.cx, close);
            }
        }
        self.finish();
        ids.len()
    }

    /// Closes all connections with 1012: the server restarts.
    pub fn shut_down(&mut self, now: Millis) {
        self.advance(now);
        for connection in self.connections.values_mut() {
            connection.close(&mut self.cx, RESTART);
        }
        self.finish();
    }

    /// Time has passed. Every other call says so as well.
    pub fn tick(&mut self, now: Millis) {
        self.advance(now);
        self.finish();
    }

    /// When to call [`tick`](Self::tick) at the latest.
    pub fn next_deadline(&self) -> Option<Millis> {
        let deadlines = [self.cx.timers.next(), self.executions.next_deadline()];
        deadlines.into_iter().flatten().min()
    }

    /// The next thing to do.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.cx.effects.pop_front()
    }

    /// Binds an execution to its owner, and to the rooms whose subscribers get its events. Doing so
    /// again for the same owner replaces the rooms; an ended execution then counts as running again.
    ///
    /// An id names one run for good: once the hub has forgotten a run, the events of another one with
    /// its id would be numbered, and named, like those of the first.
    ///
    /// # Errors
    /// [`RegisterError`]; nothing has changed then.
    pub fn register(
        &mut self,
        now: Millis,
        execution_id: &str,
        owner: Owner,
        rooms: &[Room],
    ) -> Result<(), RegisterError> {
        self.advance(now);
        self.executions.admit(execution_id, &owner)?;
        if self.executions.is_running(execution_id, rooms) {
            return Ok(());
        }
        let is_new = self.executions.get(execution_id).is_none();
        self.history.keep_execution(KeptExecution {
            id: execution_id.into(),
            owner: owner.clone(),
            rooms: rooms.to_vec(),
            ended_at: None,
        });
        if self.history.commit().is_err() {
            self.cx.counters.history_errors += 1;
            return Err(RegisterError::NotKept);
        }
        let forgotten = self.executions.register(execution_id, owner, rooms);
        if let Some(forgotten) = forgotten {
            self.forget(&forgotten);
        }
        if is_new {
            self.restore_unacknowledged(execution_id);
        }
        self.finish();
        Ok(())
    }

    /// Forgets an execution and its history, and says whether it was known. Subscriptions to it end
    /// without a word.
    pub fn remove_execution(&mut self, now: Millis, execution_id: &str) -> bool {
        self.advance(now);
        let execution = self.executions.remove(execution_id);
        if let Some(execution) = &execution {
            self.forget(execution.shared_id());
        }
        self.finish();
        execution.is_some()
    }

    /// A registered execution, unless it ended too long ago.
    pub fn execution(&self, execution_id: &str) -> Option<&Execution> {
        self.executions.get(execution_id)
    }

    /// Whether the connection's queue is at most half full. Who reads a socket waits for this before
    /// the next message: a burst of questions is slowed down, not punished.
    pub fn has_room(&self, id: ConnectionId) -> bool {
        let connection = self.connections.get(&id);
        connection.is_none_or(|connection| connection.has_room(&self.cx))
    }

    /// What happened so far.
    pub fn counters(&self) -> &Counters {
        &self.cx.counters
    }

    /// What the hub holds now. It looks at every connection.
    pub fn counts(&self) -> Counts {
        let connections = || self.connections.values();
        Counts {
            connections: self.connections.len(),
            subscriptions: connections().map(|it| it.subscriptions.len()).sum(),
            room_subscriptions: connections().map(|it| it.rooms.len()).sum(),
            users: self.by_user.len(),
            subscribed_executions: self.by_execution.len(),
            viewed_executions: self.viewers.len(),
            subscribed_rooms: self.by_room.len(),
            queued_bytes: connections().map(Connection::queued_bytes).sum(),
            timers: self.cx.timers.len(),
            executions: self.executions.len(),
            unacknowledged: self.unacknowledged.len(),
            message_ids: self.message_ids.len(),
        }
    }

    /// Whether nothing of any connection is left. Executions, their events, and what users have sent
    /// or not acknowledged stay for their own time.
    pub fn is_empty(&self) -> bool {
        self.connections.is_empty()
            && self.by_user.len() == 0
            && self.by_execution.len() == 0
            && self.by_room.len() == 0
            && self.viewers.len() == 0
    }

    /// How many open connections a user has.
    pub fn user_connection_count(&self, user_id: &str) -> usize {
        self.by_user.count(user_id)
    }

    /// How many connections are subscribed to an execution.
    pub fn execution_subscriber_count(&self, execution_id: &str) -> usize {
        self.by_execution.count(execution_id)
    }

    /// The history.
    pub fn history(&self) -> &H {
        &self.history
    }

    /// Ends the hub and keeps the history.
    pub fn into_history(self) -> H {
        self.history
    }

    /// Whether a user may see an execution that exists; its id, shared.
    pub(crate) fn visible(&self, identity: &Identity, execution_id: &str) -> Option<Arc<str>> {
        self.executions
            .get(execution_id)
            .filter(|it| planted!(LeakedEvents) || self.authorizer.may_see(identity, it))
            .map(|execution| Arc::clone(execution.shared_id()))
    }

    /// Sends what waits in the history for a connection.
    pub(crate) fn pump(&mut self, id: ConnectionId) {
        let (executions, authorizer) = (&self.executions, &self.authorizer);
        let may_see = |identity: &Identity, execution_id: &str| {
            let execution = executions.get(execution_id);
            execution.is_some_and(|execution| authorizer.may_see(identity, execution))
        };
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.pump(&mut self.cx, &self.history, &may_see);
        }
    }

    /// Begins a call: does what was due before it.
    pub(crate) fn advance(&mut self, now: Millis) {
        if now < self.cx.now {
            self.cx.timers.hurry(now);
        }
        self.cx.now = now;
        while let Some(timer) = self.cx.timers.take_due(now) {
            self.on_timer(timer);
        }
        while let Some(execution_id) = self.executions.forget_due(now) {
            self.forget(&execution_id);
        }
        self.finish();
    }

    /// Ends a call: connections that were closed in it lose their subscriptions.
    pub(crate) fn finish(&mut self) {
        while let Some(id) = self.cx.closed.pop() {
            self.detach(id);
        }
    }

    /// Notes that who watches an execution has changed.
    pub(crate) fn viewers_changed(&mut self, execution_id: &Arc<str>) {
        if self.cx.config.features.contains(Feature::Presence) {
            let at = self.cx.now.plus(self.cx.config.presence_window_ms);
            let timer = Timer::Presence(Arc::clone(execution_id));
            self.cx.timers.set_once(at, timer);
        }
    }

    /// Takes a subscription out of the indexes.
    pub(crate) fn on_unsubscribed(
        &mut self,
        id: ConnectionId,
        user_id: &str,
        execution_id: &Arc<str>,
    ) {
        if !planted!(SubscribersLeft) {
            self.by_execution.remove(&**execution_id, id);
        }
        if !planted!(ViewersLeft) {
            self.viewers.remove(execution_id, user_id);
        }
        self.viewers_changed(execution_id);
        if self.by_execution.count(&**execution_id) == 0 {
            let timer = Timer::Presence(Arc::clone(execution_id));
            self.cx.timers.cancel(&timer);
        }
    }

    fn on_timer(&mut self, timer: Timer) {
        match timer {
            Timer::Batch(id) => {
                if let Some(connection) = self.connections.get_mut(&id) {
                    connection.flush(&mut self.cx);
                }
            }
            Timer::Expiring(id) => self.announce_expiry(id),
            Timer::Expired(_) if planted!(ExpiryIgnored) => {}
            Timer::Expired(id) => {
                if let Some(connection) = self.connections.get_mut(&id) {
                    self.cx.counters.expired_tokens += 1;
                    connection.close(&mut self.cx, TOKEN_EXPIRED);
                }
            }
            Timer::Presence(execution_id) => self.tell_viewers(&execution_id),
            Timer::MessageIds(user_id) => {
                let next = self.message_ids.forget_due(self.cx.now, &user_id);
                if let Some(next) = next {
                    self.cx.timers.set(next, Timer::MessageIds(user_id));
                }
            }
        }
    }

    /// Tells those who want to know who watches an execution, unless they know already.
    fn tell_viewers(&mut self, execution_id: &Arc<str>) {
        let Some(execution) = self.executions.get(execution_id) else {
            return;
        };
        let message = self.viewers.message(execution_id);
        for id in self.by_execution.get(&**execution_id) {
            let Some(connection) = self.connections.get_mut(&id) else {
                continue;
            };
            if !self.authorizer.may_see(&connection.identity, execution) {
                continue;
            }
            let subscription = connection.subscriptions.get_mut(execution_id);
            let told = subscription.map(|subscription| &mut subscription.presence);
            if let Some(Presence::Told(told)) = told
                && *told != message
            {
                *told = Arc::clone(&message);
                connection.send_text(&mut self.cx, Arc::clone(&message));
            }
        }
    }

    /// Takes over the executions of a history that outlived its hub.
    fn restore(&mut self) {
        for kept in self.history.kept_executions() {
            if self.executions.admit(&kept.id, &kept.owner).is_err() {
                self.history.remove(&kept.id);
                continue;
            }
            let forgotten = self.executions.register(&kept.id, kept.owner, &kept.rooms);
            if let Some(forgotten) = forgotten {
                self.forget(&forgotten);
            }
            if let Some(ended_at) = kept.ended_at {
                self.executions.mark_ended(ended_at, &kept.id);
            }
            self.restore_unacknowledged(&kept.id);
        }
    }

    /// Keeps for its owner what a history that outlived its hub says to be critical.
    fn restore_unacknowledged(&mut self, execution_id: &str) {
        if !self.cx.config.features.contains(Feature::Ack) || self.history.head(execution_id) == 0 {
            return;
        }
        let Some(execution) = self.executions.get(execution_id) else {
            return;
        };
        let Ok(records) = self.history.critical(execution_id) else {
            self.cx.counters.history_errors += 1;
            return;
        };
        let max = self.cx.config.max_unacknowledged;
        for record in records {
            let event_id = EventId::new(self.history.epoch(), execution_id, record.seq);
            let event = CriticalEvent {
                execution_id: Arc::clone(execution.shared_id()),
                event_id: event_id.to_string().into(),
                seq: record.seq,
                text: record.text,
            };
            let owner = execution.owner().shared_user_id();
            let dropped = self.unacknowledged.add(owner, event, max);
            self.cx.counters.unacknowledged_dropped += u64::from(dropped);
        }
    }

    /// Forgets whatever belongs to an execution that is not registered any more.
    fn forget(&mut self, execution_id: &Arc<str>) {
        self.history.remove(execution_id);
        self.unacknowledged.forget_execution(execution_id);
        let ids: Vec<_> = self.by_execution.get(&**execution_id).collect();
        for id in ids {
            let Some(connection) = self.connections.get_mut(&id) else {
                continue;
            };
            connection.unsubscribe(execution_id);
            let user_id = Arc::clone(&connection.identity.user_id);
            self.on_unsubscribed(id, &user_id, execution_id);
        }
    }

    fn remove(&mut self, id: ConnectionId) {
        self.detach(id);
        self.connections.remove(&id);
    }

    /// Whether a user may have one more connection. One of theirs that seems dead makes room for it:
    /// a network that fails often leaves many behind, which nobody closes for minutes.
    fn admits(&mut self, user_id: &str) -> bool {
        if self.connections.len() >= self.cx.config.max_connections {
            self.cx.counters.too_many_connections += 1;
            return false;
        }
        let may_have = self.cx.config.max_user_connections;
        if self.by_user.count(user_id) >= may_have && !self.close_silent(user_id) {
            self.cx.counters.too_many_user_connections += 1;
            return false;
        }
        true
    }

    /// Closes the connection of a user that has been silent for longest, if it would have sent pings
    /// meanwhile, and says whether there was one.
    fn close_silent(&mut self, user_id: &str) -> bool {
        let Some(heartbeat) = self.cx.config.heartbeat_ms else {
            return false;
        };
        let now = self.cx.now;
        let is_silent = |connection: &&Connection| {
            connection.has(Feature::Ping) && now.since(connection.heard_at) > 2 * heartbeat
        };
        let of_user = self.by_user.get(user_id);
        let silent = of_user
            .filter_map(|id| self.connections.get(&id))
            .filter(is_silent)
            .min_by_key(|connection| connection.heard_at)
            .map(|connection| connection.id);
        let silent = silent.and_then(|id| self.connections.get_mut(&id));
        let Some(connection) = silent else {
            return false;
        };
        self.cx.counters.silent_connections += 1;
        connection.close(&mut self.cx, SILENT);
        self.finish();
        true
    }

    /// Takes a connection out of everything but the list of connections.
    fn detach(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let user_id = Arc::clone(&connection.identity.user_id);
        let subscriptions = std::mem::take(&mut connection.subscriptions);
        let rooms = std::mem::take(&mut connection.rooms);
        connection.again.clear();
        connection.replays.clear();
        connection.catching_up.clear();
        self.by_user.remove(&*user_id, id);
        for execution_id in subscriptions.keys() {
            self.on_unsubscribed(id, &user_id, execution_id);
        }
        for room in &rooms {
            self.by_room.remove(room, id);
        }
        for timer in [Timer::Batch(id), Timer::Expiring(id), Timer::Expired(id)] {
            if !planted!(TimersLeft) {
                self.cx.timers.cancel(&timer);
            }
        }
    }

    fn welcome(&self, uuid: &str) -> Arc<str> {
        let features = self.cx.config.features.iter().map(Feature::as_str);
        let features = Json::from_serialize(&features.collect::<Vec<_>>());
        let heartbeat = self.cx.config.heartbeat_ms;
        let heartbeat = heartbeat.map(|ms| Json::from_serialize(&ms));
        let features = features.map(|features| ("features".to_owned(), features));
        let heartbeat = heartbeat.and_then(Result::ok);
        let extra: Extra<Json> = features
            .into_iter()
            .chain(heartbeat.map(|ms| ("heartbeatMs".to_owned(), ms)))
            .collect();
        let welcome: Event = ConnectionEstablished {
            connection_id: uuid.to_owned(),
            message: "Connected to FlowMaestro WebSocket".to_owned(),
            extra,
        }
        .into();
        welcome.encode().into()
    }
}
