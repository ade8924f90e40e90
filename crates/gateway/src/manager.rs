//! The hub, its sockets and its timer: everything that the hub decides is carried out here.
//!
//! **One lock around the hub.** Whoever calls the hub carries its effects out before letting go of
//! the lock, so that a connection gets its frames in the order in which the hub decided on them,
//! whichever threads called it. That is cheap: a frame is only queued here. What takes time happens
//! outside of the lock: compressing and writing in the task of each socket, verifying a token and
//! handing an answer to the backends in the task of the socket that they came from. That task goes
//! on with the next message afterwards, so their order is kept, too.
//!
//! A history on disk is written under the lock: nobody may get an event before it is kept. Whoever
//! gets the lock to emit takes along the events of all who wait for it, so one write serves them
//! all. Who finds the lock free, and nobody waiting, has nothing to copy for others.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flowmaestro_hub::{
    Authorizer, Close, Config, ConnectionId, Counters, Counts, Effect, EmitError, History, Hub,
    Identity, Millis,
};
use flowmaestro_protocol::{Event, Scope, Secret, UserInputResponse, close_code};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::emitter::Emission;
use crate::frame::Frames;
use crate::outbox::Outbox;
use crate::sync::Mutex;

#[cfg(test)]
#[cfg(feature = "shuttle")]
mod concurrency;

/// The hub of a gateway: its history is chosen at the start.
pub(crate) type GatewayHub = Hub<Box<dyn History + Send>>;

/// How long the timer sleeps at most. The hub counts in time of the wall clock, which may jump; a
/// timer alone would be late after the machine slept.
const MAX_SLEEP: Duration = Duration::from_secs(30);

/// A user was disconnected: the token does not count any more.
pub(crate) const SIGNED_OUT: Close = Close {
    code: close_code::TOKEN_EXPIRED,
    reason: "Signed out",
    discard: true,
};

/// Who is connected, who is subscribed to what, and the way to reach them.
///
/// Broadcasting queues frames and never waits for a socket. A connection gets its frames in the
/// order in which they were broadcast, an event only after the `subscribed` that asked for it, and
/// none after `unsubscribed`.
pub struct WebSocketManager {
    /// The events that wait for the hub.
    emitting: Mutex<Vec<Emitting>>,
    state: Mutex<State>,
    /// Something is due earlier than the timer thinks.
    hurry: Arc<Notify>,
    timer: Mutex<Option<JoinHandle<()>>>,
}

/// A registered connection; dropping it ends the connection's subscriptions.
pub(crate) struct Registration {
    manager: Arc<WebSocketManager>,
    id: ConnectionId,
    uuid: Uuid,
    outbox: Arc<Outbox>,
}

struct Emitting {
    event: Event,
    user_id: Option<Arc<str>>,
    outcome: Arc<OnceLock<Result<usize, EmitError>>>,
}

/// What the task of a socket does for the hub.
#[derive(Debug)]
pub(crate) enum Request {
    VerifyToken(Secret),
    UserInput {
        user_id: Arc<str>,
        response: Box<UserInputResponse>,
    },
}

/// Whether a socket's next message may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    Ready,
    /// Not before so much time has passed.
    Early(Duration),
    /// Not before frames have left the queue.
    Crowded,
}

struct State {
    hub: GatewayHub,
    outboxes: HashMap<ConnectionId, Arc<Outbox>>,
    last_id: u64,
    /// When the timer wakes up.
    alarm: Option<Millis>,
    is_shut_down: bool,
}

impl WebSocketManager {
    pub(crate) fn new(
        config: Config,
        history: Box<dyn History + Send>,
        authorizer: Box<dyn Authorizer + Send + Sync>,
    ) -> Self {
        let state = State {
            hub: Hub::with_authorizer(config, history, authorizer),
            outboxes: HashMap::new(),
            last_id: 0,
            alarm: None,
            is_shut_down: false,
        };
        Self {
            emitting: Mutex::default(),
            state: Mutex::new(state),
            hurry: Arc::default(),
            timer: Mutex::default(),
        }
    }

    /// Sends an event of an execution to the connections that are subscribed to it, or to a room of
    /// it, and whose user may see it. Returns how many those are. An event of another execution, or
    /// of one that nobody registered, goes to nobody, and neither does one that the history does not
    /// take.
    pub fn broadcast_to_execution(&self, execution_id: &str, event: &Event) -> usize {
        if event.execution_id() != Some(execution_id) {
            return 0;
        }
        self.broadcast(event, None)
    }

    /// Sends an event of a user's document to all connections of the user, and returns how many
    /// those are.
    pub fn broadcast_to_user(&self, user_id: &str, event: &Event) -> usize {
        if event.event_type().scope() != Scope::User {
            return 0;
        }
        self.broadcast(event, Some(user_id))
    }

    /// How many connections are open.
    pub fn connection_count(&self) -> usize {
        self.state.lock().outboxes.len()
    }

    /// How many open connections a user has.
    pub fn user_connection_count(&self, user_id: &str) -> usize {
        self.act(|hub, _| hub.user_connection_count(user_id))
    }

    /// How many connections are subscribed to an execution.
    pub fn execution_subscriber_count(&self, execution_id: &str) -> usize {
        self.act(|hub, _| hub.execution_subscriber_count(execution_id))
    }

    /// Closes all connections of a user with 4401, and returns how many those are. A client with a
    /// function for its tokens asks that for the next one; to refuse the old one as well there is
    /// [`Gateway::revoke_user`](crate::Gateway::revoke_user).
    pub fn disconnect_user(&self, user_id: &str) -> usize {
        self.act(|hub, now| hub.disconnect_user(now, user_id, SIGNED_OUT))
    }

    fn broadcast(&self, event: &Event, user_id: Option<&str>) -> usize {
        let emitted = self.emit(event, user_id);
        emitted.unwrap_or_else(|error| {
            tracing::debug!(%error, "an event was not broadcast");
            0
        })
    }

    /// Emits an event, and returns how many connections get it.
    pub(crate) fn emit(&self, event: &Event, user_id: Option<&str>) -> Result<usize, EmitError> {
        if let Some(mut state) = self.state.try_lock()
            && self.emitting.lock().is_empty()
        {
            let (emitted, _) = state.act(&self.hurry, |hub, now| hub.emit(now, event, user_id));
            return emitted.map(|emitted| emitted.receivers);
        }
        let outcome = Arc::default();
        self.emitting.lock().push(Emitting {
            event: event.clone(),
            user_id: user_id.map(Arc::from),
            outcome: Arc::clone(&outcome),
        });
        let mut state = self.state.lock();
        if outcome.get().is_none() {
            let emitting = std::mem::take(&mut *self.emitting.lock());
            state.act(&self.hurry, |hub, now| emit_all(hub, now, emitting));
        }
        outcome.get().cloned().unwrap_or(Ok(0))
    }

    /// Whether anyone who gets this event is behind with reading what came before.
    pub(crate) fn is_crowded(&self, emission: &Emission) -> bool {
        let hub = &self.state.lock().hub;
        hub.is_crowded(now(), emission.event(), emission.user_id())
    }

    /// What happened so far, and what there is now.
    pub(crate) fn figures(&self) -> (Counters, Counts) {
        self.act(|hub, _| (*hub.counters(), hub.counts()))
    }

    /// Closes all connections with 1012, those that come later as well.
    pub(crate) fn shut_down(&self) {
        self.state.lock().is_shut_down = true;
        self.act(|hub, now| hub.shut_down(now));
    }

    /// Registers a connection of a user. The welcome is its first frame.
    pub(crate) fn connect(self: &Arc<Self>, identity: Identity) -> Registration {
        self.start_timer();
        let uuid = Uuid::new_v4();
        let outbox = Arc::new(Outbox::default());
        let mut state = self.state.lock();
        state.last_id += 1;
        let id = ConnectionId(state.last_id);
        state.outboxes.insert(id, Arc::clone(&outbox));
        let (state, hurry) = (&mut *state, &self.hurry);
        state.act(hurry, |hub, now| {
            hub.connect(now, id, identity, &uuid.to_string());
        });
        if state.is_shut_down {
            state.act(hurry, |hub, now| hub.shut_down(now));
        }
        Registration {
            manager: Arc::clone(self),
            id,
            uuid,
            outbox,
        }
    }

    /// Calls the hub, and carries out what it decides.
    pub(crate) fn act<T>(&self, call: impl FnOnce(&mut GatewayHub, Millis) -> T) -> T {
        self.state.lock().act(&self.hurry, call).0
    }

    /// Begins to wake the hub up, unless that is being done already. Here, since only within the
    /// runtime that serves sockets something can be late for them.
    fn start_timer(self: &Arc<Self>) {
        // There the test itself lets time pass.
        if cfg!(feature = "shuttle") {
            return;
        }
        let mut timer = self.timer.lock();
        if timer.as_ref().is_none_or(JoinHandle::is_finished) {
            let hub = Arc::downgrade(self);
            *timer = Some(tokio::spawn(run_timer(hub, Arc::clone(&self.hurry))));
        }
    }

    /// Does what is due, and returns for how long nothing will be.
    fn tick(&self) -> Duration {
        let mut state = self.state.lock();
        state.hub.tick(now());
        // A tick has no requests: they come from messages.
        state.carry_out();
        state.alarm = state.hub.next_deadline();
        let sleep = state.alarm.map(|at| Duration::from_millis(at.since(now())));
        sleep.unwrap_or(MAX_SLEEP).min(MAX_SLEEP)
    }
}

impl Drop for WebSocketManager {
    fn drop(&mut self) {
        if let Some(timer) = self.timer.lock().take() {
            timer.abort();
        }
    }
}

impl State {
    fn act<T>(
        &mut self,
        hurry: &Notify,
        call: impl FnOnce(&mut GatewayHub, Millis) -> T,
    ) -> (T, Vec<Request>) {
        let result = call(&mut self.hub, now());
        let requests = self.carry_out();
        let next = self.hub.next_deadline();
        if next.is_some_and(|next| self.alarm.is_none_or(|alarm| next < alarm)) {
            self.alarm = next;
            hurry.notify_one();
        }
        (result, requests)
    }

    /// Carries out what the hub decided, and returns what the caller has to do.
    fn carry_out(&mut self) -> Vec<Request> {
        let mut frames = Frames::default();
        let mut requests = Vec::new();
        while let Some(effect) = self.hub.poll_effect() {
            match effect {
                Effect::Send {
                    connection,
                    text,
                    compress,
                } => {
                    if let Some(outbox) = self.outboxes.get(&connection) {
                        outbox.push(frames.frame(text, compress));
                    }
                }
                Effect::Close { connection, close } => {
                    if let Some(outbox) = self.outboxes.get(&connection) {
                        outbox.close(close);
                    }
                }
                Effect::VerifyToken { token, .. } => requests.push(Request::VerifyToken(token)),
                Effect::UserInput { user_id, response } => {
                    requests.push(Request::UserInput { user_id, response });
                }
            }
        }
        requests
    }
}

impl Registration {
    pub(crate) fn uuid(&self) -> Uuid {
        self.uuid
    }

    pub(crate) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Takes a text message, and returns what is to be done before the next.
    pub(crate) fn receive(&self, text: &str) -> Vec<Request> {
        let mut state = self.manager.state.lock();
        let receive = |hub: &mut GatewayHub, now| hub.receive(now, self.id, text);
        state.act(&self.manager.hurry, receive).1
    }

    /// Takes a binary message of so many bytes.
    pub(crate) fn receive_binary(&self, bytes: usize) {
        self.manager
            .act(|hub, now| hub.receive_binary(now, self.id, bytes));
    }

    /// Who the token belongs to that was to be verified.
    pub(crate) fn token_verified(&self, identity: Option<Identity>) {
        self.manager
            .act(|hub, now| hub.token_verified(now, self.id, identity));
    }

    /// So many frames were handed to the socket.
    pub(crate) fn written(&self, frames: usize) {
        self.manager
            .act(|hub, now| hub.written(now, self.id, frames));
    }

    /// Closes the socket for a reason that the hub does not know.
    pub(crate) fn close(&self, close: Close) {
        self.manager.act(|hub, now| hub.close(now, self.id, close));
    }

    /// Whether the next message may be read.
    pub(crate) fn readiness(&self) -> Readiness {
        let ask = |hub: &mut GatewayHub, now| (hub.pause_ms(now, self.id), hub.has_room(self.id));
        match self.manager.act(ask) {
            (0, true) => Readiness::Ready,
            (0, false) => Readiness::Crowded,
            (pause_ms, _) => Readiness::Early(Duration::from_millis(pause_ms)),
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut state = self.manager.state.lock();
        state.outboxes.remove(&self.id);
        state.act(&self.manager.hurry, |hub, now| {
            hub.disconnect(now, self.id);
        });
    }
}

/// Emits what waits, and tells each emitter what became of theirs.
fn emit_all(hub: &mut GatewayHub, now: Millis, emitting: Vec<Emitting>) {
    let (events, outcomes): (Vec<_>, Vec<_>) = emitting
        .into_iter()
        .map(|it| ((it.event, it.user_id), it.outcome))
        .unzip();
    let emitted = hub.emit_all(now, events);
    for (outcome, emitted) in outcomes.into_iter().zip(emitted) {
        // Nobody else sets it.
        let _ = outcome.set(emitted.map(|emitted| emitted.receivers));
    }
}

/// Wakes the hub up whenever something is due, for as long as there is one.
async fn run_timer(manager: Weak<WebSocketManager>, hurry: Arc<Notify>) {
    loop {
        let Some(sleep) = manager.upgrade().map(|manager| manager.tick()) else {
            return;
        };
        // Elapsed or in a hurry, the hub says what is due.
        let _ = tokio::time::timeout(sleep, hurry.notified()).await;
    }
}

/// The wall clock.
fn now() -> Millis {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Millis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}
