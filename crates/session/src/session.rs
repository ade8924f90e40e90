//! The state machine: inputs in, effects out.

use flowmaestro_protocol::{Feature, Features};

use crate::close_code::NO_ANSWER;
use crate::fifo::Fifo;
use crate::link::Link;
use crate::queue::Queue;
use crate::random::Random;
use crate::recovery::{Event, Recovery, Step};
use crate::renewal::{Renewal, Term};
use crate::replays::{Replay, Replays};
use crate::subscriptions::{Action, Asked, Subscriptions};
use crate::time::earliest;
use crate::{
    Credentials, Effect, ExecutionKey, Frame, FrameKind, Gap, GapReason, Generation, Input, Millis,
    Options, Outgoing, PlainEvent, Position, Problem, Refused, ReplayError, ReplayId, SendError,
    SendId, State, Stats, Token, TokenRequest,
};

/// How long the server's `ack` of a message is waited for before the message is sent again, in
/// milliseconds.
const ACK_TIMEOUT_MS: f64 = 10_000.0;

/// One connection to the FlowMaestro event socket. See the [crate's documentation](crate).
pub struct Session<P> {
    pub(crate) options: Options,
    pub(crate) random: Random,
    /// The latest time that was seen.
    pub(crate) now: Millis,
    /// Whom to connect as; `None` without the wish for a connection.
    pub(crate) credentials: Option<Credentials>,
    pub(crate) state: State,
    pub(crate) link: Link,
    /// Retries since the last connection that proved itself.
    pub(crate) attempts: u32,
    /// There is no network, as far as anybody knows.
    pub(crate) offline: bool,
    /// A token was refused (1008) since the last connection that proved itself.
    pub(crate) token_refused: bool,
    /// A token had expired (4401) since the last connection that proved itself.
    pub(crate) token_expired: bool,
    /// The token that the connection was made with, or given since.
    pub(crate) token: Option<Token>,
    /// The token of the connection that is to take its place.
    pub(crate) next_token: Option<Token>,
    pub(crate) last_generation: Generation,
    pub(crate) last_request: TokenRequest,
    pub(crate) last_ping: u32,
    /// Frames of the connection came since the last ping, or since they prolonged the wait for its pong.
    pub(crate) heard: bool,
    pub(crate) subscriptions: Subscriptions,
    pub(crate) recovery: Recovery<P>,
    pub(crate) queue: Queue<P>,
    pub(crate) replays: Replays,
    pub(crate) stats: Stats,
    effects: Fifo<Queued<P>>,
}

/// An effect, and what the session has to know about the event that it delivers.
struct Queued<P> {
    effect: Effect<P>,
    seq: Option<u64>,
    terminal: bool,
    /// The event comes from the past: its order's cursor is elsewhere.
    past: bool,
}

impl<P: Clone> Session<P> {
    /// A session that has never been connected. The seed decides how its retries are spread, and
    /// should differ from one client to the next.
    #[must_use]
    pub fn new(options: Options, seed: u64) -> Self {
        Self {
            options,
            random: Random::new(seed),
            now: Millis::default(),
            credentials: None,
            state: State::Disconnected { cause: None },
            link: Link::Down,
            attempts: 0,
            offline: false,
            token_refused: false,
            token_expired: false,
            token: None,
            next_token: None,
            last_generation: Generation(0),
            last_request: TokenRequest(0),
            last_ping: 0,
            heard: false,
            subscriptions: Subscriptions::new(),
            recovery: Recovery::new(),
            queue: Queue::new(),
            replays: Replays::new(),
            stats: Stats::default(),
            effects: Fifo::new(),
        }
    }

    /// Replaces the options. They count from the next decision on: a timer that runs keeps its
    /// deadline, and what is already queued or subscribed stays.
    pub fn configure(&mut self, options: Options) {
        self.options = options;
    }

    /// Takes in what happened at `now`, and acts on every deadline that has passed by then.
    ///
    /// Any input is legal in any state. A clock that goes backwards counts as standing still. The
    /// effects are to be drained with [`Self::poll_effect`] after every call.
    ///
    /// # Errors
    ///
    /// The input was refused, and it changed nothing.
    pub fn handle(&mut self, now: Millis, input: Input<P>) -> Result<(), Refused> {
        self.now = self.now.latest(now);
        let outcome = self.accept(input);
        self.expire();
        outcome
    }

    /// Takes in the next event of an execution, of which there is nothing to decide but that it is to
    /// be delivered, now: without a look at the clock, and without an effect. Most events are such
    /// ones, and a page may get thousands of them a second.
    ///
    /// Returns whether it was taken. If not, nothing has changed, and it is to be handed to
    /// [`Self::handle`]; so are all that are no [`FrameKind::plain_event`].
    pub fn take_next(
        &mut self,
        generation: Generation,
        PlainEvent { execution, seq, .. }: PlainEvent,
    ) -> bool {
        let Link::Up {
            generation: current,
            features,
            ..
        } = self.link
        else {
            return false;
        };
        if current != generation
            || !self.effects.is_empty()
            || !self.subscriptions.is_wanted(execution)
            || self.replays.is_running(execution)
        {
            return false;
        }
        self.heard = true;
        let is_next = match (features.contains(Feature::Replay), seq) {
            (true, Some(seq)) => {
                self.recovery.is_next(execution, seq)
                    && self.replays.see(execution, seq)
                    && self.recovery.take_next(execution)
            }
            (true, None) => false,
            (false, _) => {
                self.subscriptions.heard(execution);
                self.recovery.drift(execution);
                true
            }
        };
        self.stats.delivered += u64::from(is_next);
        is_next
    }

    /// The next thing to do, or `None` when all is done.
    pub fn poll_effect(&mut self) -> Option<Effect<P>> {
        let effect = self.effects.pop()?.effect;
        if let Effect::Released(execution) = effect {
            self.recovery.forget(execution);
            self.forget_seen(execution);
        }
        Some(effect)
    }

    /// When to call [`Self::handle`] with [`Input::Tick`], unless something else happens first.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Millis> {
        let retry_at = match self.state {
            State::Waiting { retry_at, .. } => Some(retry_at),
            _ => None,
        };
        [
            self.link.deadline(),
            self.subscriptions.deadline(),
            self.queue.deadline(),
            self.replays.deadline(),
        ]
        .into_iter()
        .fold(retry_at, earliest)
    }

    /// The state of the connection.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What was counted so far.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Whether somebody wants this execution's events.
    #[must_use]
    pub fn is_wanted(&self, execution: ExecutionKey) -> bool {
        self.subscriptions.is_wanted(execution)
    }

    /// Whether the server has acknowledged a subscription to this execution that is still held, on
    /// this connection or before: then some of its events may have passed.
    #[must_use]
    pub fn has_begun(&self, execution: ExecutionKey) -> bool {
        self.subscriptions.has_begun(execution) || self.recovery.cursor(execution).is_some()
    }

    /// Goes on from where another session was with an execution that is subscribed here: everything up
    /// to this event was delivered. Meant for a session that takes the place of one that was lost, and
    /// has not connected yet.
    pub fn go_on_from(&mut self, execution: ExecutionKey, seq: u64) {
        if self.subscriptions.is_wanted(execution) {
            self.recovery.go_on_from(execution, seq);
            self.replays.see_up_to(execution, seq);
        }
    }

    /// Whether the server numbers the events that it sends now; `None` without a connection.
    #[must_use]
    pub fn numbers_events(&self) -> Option<bool> {
        match self.link {
            Link::Up { features, .. } => Some(features.contains(Feature::Replay)),
            _ => None,
        }
    }

    /// How many executions somebody wants.
    #[must_use]
    pub fn wanted_subscriptions(&self) -> usize {
        self.subscriptions.wanted()
    }

    /// How many subscriptions the server acknowledged on this connection.
    #[must_use]
    pub fn live_subscriptions(&self) -> usize {
        self.subscriptions.live()
    }

    /// The number up to which every event of an execution was delivered, or its loss told.
    #[must_use]
    pub fn cursor(&self, execution: ExecutionKey) -> Option<u64> {
        self.recovery.cursor(execution)
    }

    /// How many events are held back behind a hole.
    #[must_use]
    pub fn held_events(&self) -> usize {
        self.recovery.held()
    }

    /// How many messages wait for the connection, or for the server to say that it has them.
    #[must_use]
    pub fn queued_messages(&self) -> usize {
        self.queue.len()
    }

    /// How many requests for a replay have no answer yet.
    #[must_use]
    pub fn waiting_replays(&self) -> usize {
        self.replays.len()
    }

    /// How many bytes of messages wait for the connection.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.queue.bytes()
    }

    fn accept(&mut self, input: Input<P>) -> Result<(), Refused> {
        match input {
            Input::SocketFrame { generation, frame } => self.receive(generation, frame),
            Input::Connect { credentials } => self.connect(credentials),
            Input::Disconnect => self.disconnect(),
            Input::ReconnectNow => return self.reconnect_now(),
            Input::Wake => self.wake(),
            Input::Network { online } => self.network(online),
            Input::Subscribe(execution) => return self.subscribe(execution),
            Input::SubscribeRoom(room) => return self.subscribe_room(room),
            Input::WatchPresence { execution, watch } => {
                self.subscriptions
                    .watch_presence(execution, watch, self.now);
                self.apply_actions();
            }
            Input::Unsubscribe(execution) => self.unsubscribe(execution),
            Input::Replay {
                id,
                execution,
                since,
            } => return self.replay(id, execution, since),
            Input::Send { id, message, bytes } => return self.send(id, message, bytes),
            Input::TokenReady { request, token } => self.token_ready(request, token),
            Input::Head {
                generation,
                execution,
                seq,
            } => self.receive_head(generation, execution, seq),
            Input::SocketClosed {
                generation,
                code,
                reason,
            } => {
                self.socket_closed(generation, code, reason);
            }
            Input::SocketFailed { generation } => self.socket_failed(generation),
            // Only the welcome says that the server took us in, and a passed deadline is seen to
            // after every input.
            Input::SocketOpened { .. } | Input::Tick => {}
        }
        Ok(())
    }

    fn expire(&mut self) {
        self.expire_link();
        if self
            .subscriptions
            .deadline()
            .is_some_and(|deadline| self.now >= deadline)
        {
            self.subscriptions.expire(self.now);
            self.apply_actions();
        }
        while let Some((id, was_sent)) = self.queue.pop_expired(self.now) {
            self.not_confirmed(id, was_sent, SendError::Expired);
        }
        if self.link.features().contains(Feature::Ack) {
            self.transmit_queue();
        }
        self.expire_replays();
        self.transmit_replay();
    }

    // Subscriptions.

    fn subscribe(&mut self, execution: ExecutionKey) -> Result<(), Refused> {
        let limit = self.options.max_subscriptions;
        self.subscriptions.subscribe(execution, limit, self.now)?;
        self.keep(execution);
        if self.recovery.has_missed(execution) {
            self.resume(execution);
        }
        self.apply_steps();
        self.apply_actions();
        Ok(())
    }

    fn subscribe_room(&mut self, room: ExecutionKey) -> Result<(), Refused> {
        let limit = self.options.max_subscriptions;
        self.subscriptions.subscribe(room, limit, self.now)?;
        self.subscriptions.mark_room(room);
        self.keep(room);
        self.apply_actions();
        Ok(())
    }

    /// Whoever was let go of in the same breath is held again, before the caller forgot the name.
    fn keep(&mut self, execution: ExecutionKey) {
        if !planted!(ReleasedInTheSameBreath) {
            self.effects.retain(
                |queued| !matches!(queued.effect, Effect::Released(key) if key == execution),
            );
        }
    }

    /// Asks the server to go on from the last event that was delivered.
    fn resume(&mut self, execution: ExecutionKey) {
        match self.subscriptions.ask_again(execution, self.now) {
            Asked::Now => self.recovery.resuming(execution),
            Asked::Pending => {}
            Asked::Never => self.recovery.give_up(execution),
        }
        self.apply_actions();
    }

    fn unsubscribe(&mut self, execution: ExecutionKey) {
        let was_wanted = self.subscriptions.is_wanted(execution);
        self.subscriptions
            .unsubscribe(execution, self.now, self.keep_until());
        if was_wanted && !self.subscriptions.is_wanted(execution) {
            for id in self.replays.abandon(execution) {
                let error = ReplayError::Unsubscribed;
                self.emit(Effect::ReplayFailed { id, error });
            }
            self.recovery.let_go(execution);
            if !planted!(DeliversAfterUnsubscribe) {
                self.retract(Some(execution));
            }
        }
        self.apply_actions();
    }

    /// Takes back what is still to be handed to handlers: of an execution that nobody wants any
    /// more, or everything. A handler may unsubscribe, or disconnect, while events wait behind the
    /// one that it was called with.
    pub(crate) fn retract(&mut self, of: Option<ExecutionKey>) {
        let (recovery, subscriptions) = (&mut self.recovery, &mut self.subscriptions);
        let replays = &mut self.replays;
        let is_meant = |key: &ExecutionKey| of.is_none_or(|of| of == *key);
        self.effects.retain(|queued| match &queued.effect {
            Effect::Deliver {
                execution: Some(key),
                ..
            } if is_meant(key) => {
                if let Some(seq) = queued.seq {
                    replays.unsee(*key, seq);
                    if !queued.past {
                        recovery.rewind(*key, seq.saturating_sub(1));
                    }
                }
                if queued.terminal {
                    subscriptions.reopen(*key);
                }
                false
            }
            Effect::Gap { execution, gap } if is_meant(execution) => {
                match gap.from {
                    Some(from) if gap.reason == GapReason::Evicted => {
                        recovery.rewind(*execution, from.saturating_sub(1));
                    }
                    _ => recovery.owe(*execution, *gap),
                }
                false
            }
            Effect::Deliver { .. } | Effect::DeliverUnknown { .. } => of.is_some(),
            _ => true,
        });
    }

    /// Until when a subscription that is no longer wanted is kept.
    fn keep_until(&self) -> Millis {
        self.now.plus(self.options.unsubscribe_delay_ms)
    }

    /// Turns what the table wants done into effects.
    pub(crate) fn apply_actions(&mut self) {
        while let Some(action) = self.subscriptions.next_action() {
            match action {
                Action::Subscribe(key) => self.transmit_subscribe(key),
                Action::Unsubscribe(key) => {
                    self.replays.send_again(key);
                    self.transmit(Outgoing::Unsubscribe(key));
                }
                Action::Acknowledged {
                    execution,
                    resumed,
                    recovered,
                    positioned,
                } => {
                    self.emit(Effect::Subscribed {
                        execution,
                        resumed,
                        recovered,
                    });
                    if !positioned && (resumed || self.recovery.is_left_behind(execution)) {
                        let gap = self.recovery.resumed_without_position(execution);
                        self.tell(execution, gap);
                    }
                }
                Action::Unanswered(execution) if self.recovery.awaits_more(execution) => {
                    self.lose_silent_link(NO_ANSWER);
                }
                Action::Unanswered(execution) => {
                    self.report(Problem::SubscriptionUnanswered { execution });
                    self.give_up(execution);
                }
                Action::Interrupted(execution) => {
                    if !self.link.features().contains(Feature::Replay) {
                        let gap = self.recovery.resumed_without_position(execution);
                        self.tell(execution, gap);
                    }
                }
                Action::Released(execution) => {
                    self.emit(Effect::Released(execution));
                }
            }
        }
    }

    fn transmit_subscribe(&mut self, execution: ExecutionKey) {
        let features = self.link.features();
        let after = self.recovery.name_cursor(execution);
        let presence = self.subscriptions.wants_presence(execution);
        self.transmit(Outgoing::Subscribe {
            execution,
            after: after.filter(|_| features.contains(Feature::Replay)),
            presence: presence && features.contains(Feature::Presence),
        });
    }

    // Messages of the user's.

    fn send(&mut self, id: SendId, message: P, bytes: usize) -> Result<(), Refused> {
        let limit = self.options.max_message_bytes;
        match self.state {
            State::Disconnected { .. } => Err(Refused::Disconnected),
            State::Failed { .. } => Err(Refused::Failed),
            _ if bytes > limit => Err(Refused::MessageTooLarge { bytes, limit }),
            State::Connected if !self.link.features().contains(Feature::Ack) => {
                self.transmit_message(id, message);
                self.sent(id);
                Ok(())
            }
            State::Connected | State::Connecting { .. } | State::Waiting { .. } => {
                self.queue
                    .push(id, message, bytes, self.now, &self.options)?;
                self.transmit_queue();
                Ok(())
            }
        }
    }

    /// Sends what this connection has not sent yet, or not within the time for an answer.
    fn transmit_queue(&mut self) {
        if !matches!(self.link, Link::Up { .. }) {
            return;
        }
        let answer_by = self.now.plus(ACK_TIMEOUT_MS);
        let mut at = 0;
        while let Some((id, message)) = self.queue.next_to_send(&mut at, self.now, answer_by) {
            self.transmit_message(id, message);
        }
    }

    /// A server without acknowledgements: to hand it a message is all that can be done. It could not
    /// tell a second copy of one that was sent before.
    fn hand_over_queue(&mut self) {
        while let Some((id, message, was_sent)) = self.queue.pop() {
            if was_sent {
                self.send_failed(id, SendError::Unconfirmed);
            } else {
                self.transmit_message(id, message);
                self.sent(id);
            }
        }
    }

    fn transmit_message(&mut self, id: SendId, payload: P) {
        let confirm = self.link.features().contains(Feature::Ack);
        self.transmit(Outgoing::Message {
            id,
            payload,
            confirm,
        });
    }

    fn acknowledged(&mut self, id: SendId) {
        if planted!(SettlesTwice) || self.queue.remove(id) {
            self.sent(id);
        } else {
            self.stats.ignored += 1;
        }
    }

    fn sent(&mut self, id: SendId) {
        self.stats.sent += 1;
        self.emit(Effect::Sent { id });
    }

    fn send_failed(&mut self, id: SendId, error: SendError) {
        self.stats.send_failures += 1;
        self.emit(Effect::SendFailed { id, error });
    }

    pub(crate) fn fail_queue(&mut self, error: SendError) {
        while let Some((id, _, was_sent)) = self.queue.pop() {
            self.not_confirmed(id, was_sent, error);
        }
    }

    /// Of a message that was sent nobody can say that it was not.
    fn not_confirmed(&mut self, id: SendId, was_sent: bool, error: SendError) {
        let error = if was_sent && !planted!(DisownsSentMessages) {
            SendError::Unconfirmed
        } else {
            error
        };
        self.send_failed(id, error);
    }

    // The past.

    fn replay(&mut self, id: ReplayId, execution: ExecutionKey, since: u64) -> Result<(), Refused> {
        match self.state {
            State::Disconnected { .. } => Err(Refused::Disconnected),
            State::Failed { .. } => Err(Refused::Failed),
            _ => {
                let expires_at = self.now.plus(self.options.max_message_age_ms);
                let limit = self.options.max_queued_messages;
                self.replays.push(id, execution, since, expires_at, limit)
            }
        }
    }

    /// Sends the next request, once the server has answered what it was asked about the execution
    /// before: then it is clear which history its numbers are of.
    fn transmit_replay(&mut self) {
        if !matches!(self.link, Link::Up { .. }) {
            return;
        }
        let Some(execution) = self.replays.next_execution() else {
            return;
        };
        if !self.link.features().contains(Feature::Replay) {
            return self.fail_replays(ReplayError::NotSupported);
        }
        if self.subscriptions.is_settled(execution)
            && let Some(since) = self.replays.send_next(self.now)
        {
            self.transmit(Outgoing::Replay { execution, since });
        }
    }

    /// An event of the execution whose past was asked for. Gives back one that is no part of it.
    fn receive_past(&mut self, execution: ExecutionKey, event: Event<P>) -> Option<Event<P>> {
        let Some(seq) = event.seq else {
            return Some(event);
        };
        self.replays.go_on(self.now);
        let is_past = if self.recovery.is_positioned(execution) {
            self.recovery.cursor(execution) >= Some(seq)
        } else {
            !self.subscriptions.is_followed(execution)
        };
        if !is_past && self.subscriptions.is_wanted(execution) {
            return Some(event);
        }
        if self.replays.see(execution, seq) {
            self.replays.begin();
            self.deliver_numbered(event, true);
        } else {
            self.drop_duplicate(event);
        }
        None
    }

    fn replayed(&mut self, execution: ExecutionKey, count: u64, complete: bool) {
        if !self.replays.is_sent(execution) {
            self.stats.ignored += 1;
        } else if let Some(replay) = self.replays.finish() {
            self.forget_seen(execution);
            self.emit(Effect::Replayed {
                id: replay.id,
                count,
                complete,
            });
        }
    }

    fn expire_replays(&mut self) {
        if let Some(replay) = self.replays.pop_overdue(self.now) {
            self.replay_failed(&replay, ReplayError::TimedOut);
        }
        while let Some(replay) = self.replays.pop_expired(self.now) {
            self.replay_failed(&replay, ReplayError::Expired);
        }
    }

    pub(crate) fn fail_replays(&mut self, error: ReplayError) {
        while let Some(replay) = self.replays.take() {
            self.replay_failed(&replay, error);
        }
    }

    pub(crate) fn replay_failed(&mut self, replay: &Replay, error: ReplayError) {
        self.forget_seen(replay.execution);
        self.emit(Effect::ReplayFailed {
            id: replay.id,
            error,
        });
    }

    /// Without a request, and a subscription that tells which history it is, every reading of an
    /// execution is a new one.
    fn forget_seen(&mut self, execution: ExecutionKey) {
        let is_told = self.recovery.has_begun(execution)
            || self.subscriptions.is_followed(execution)
            || self.replays.mentions(execution);
        if !is_told {
            self.replays.forget(execution);
        }
    }

    // Frames.

    fn receive(&mut self, generation: Generation, frame: Frame<P>) {
        match self.link {
            Link::Up {
                generation: current,
                ..
            } if current == generation => {
                self.heard = true;
                self.route(frame);
            }
            Link::Opening {
                generation: current,
                term,
                ..
            } if current == generation => {
                self.await_welcome(generation, term, frame);
            }
            Link::Up {
                renewal: Renewal::Successor(successor),
                ..
            } if successor.generation == generation => self.await_succession(successor, frame),
            _ => self.stats.ignored += 1,
        }
    }

    /// Before the welcome nothing else has a meaning.
    fn await_welcome(&mut self, generation: Generation, term: Option<Term>, frame: Frame<P>) {
        if let FrameKind::Welcome { features } = frame.kind {
            self.welcomed(generation, features, term, frame.payload);
        } else {
            self.stats.ignored += 1;
        }
    }

    pub(crate) fn welcomed(
        &mut self,
        generation: Generation,
        features: Option<Features>,
        term: Option<Term>,
        payload: P,
    ) {
        let spoken = features
            .unwrap_or_default()
            .intersection(self.options.features);
        self.link = Link::Up {
            generation,
            since: self.now,
            features: spoken,
            pulse: self.first_pulse(spoken),
            term,
            renewal: Renewal::None,
        };
        self.stats.connections += 1;
        if features.is_some() {
            self.transmit(Outgoing::Hello(spoken));
        }
        self.subscriptions
            .connect(spoken.contains(Feature::Presence), self.now);
        self.apply_actions();
        if spoken.contains(Feature::Ack) {
            self.transmit_queue();
        } else {
            self.hand_over_queue();
        }
        self.change_state(State::Connected);
        self.emit(Effect::Welcomed { payload });
    }

    fn route(&mut self, Frame { kind, payload }: Frame<P>) {
        match kind {
            FrameKind::Event {
                event,
                execution,
                terminal,
                seq,
                ack,
            } => {
                let event = Event {
                    event,
                    execution,
                    seq,
                    terminal,
                    ack,
                    payload,
                };
                self.receive_event(event);
            }
            FrameKind::ForeignEvent { event } => self.foreign_event(event, payload),
            FrameKind::Acknowledged(id) => self.acknowledged(id),
            FrameKind::Replayed {
                execution,
                count,
                complete,
            } => self.replayed(execution, count, complete),
            FrameKind::Pong(id) => self.pong(id),
            FrameKind::TokenExpiring => self.token_expiring(),
            FrameKind::Authenticated => self.token_answered(),
            FrameKind::Unknown => {
                self.stats.delivered += 1;
                self.emit(Effect::DeliverUnknown { payload });
            }
            FrameKind::Invalid => {
                self.stats.unreadable += 1;
                self.report(Problem::UnreadableFrame { payload });
            }
            FrameKind::Error {
                execution,
                message,
                forbidden,
            } => match message {
                Some(message) => self.reject(message, execution, payload),
                None => self.server_error(execution, forbidden, payload),
            },
            FrameKind::Subscribed {
                execution,
                position,
            } => self.subscribed(execution, position),
            FrameKind::Unsubscribed(execution) => {
                let expected = self.subscriptions.acknowledge_end(execution, self.now);
                self.answered(expected);
            }
            FrameKind::Welcome { .. } | FrameKind::StrayAnswer => self.stats.ignored += 1,
        }
    }

    // Events.

    fn receive_event(&mut self, mut event: Event<P>) {
        let numbered = self.link.features().contains(Feature::Replay);
        event.seq = event.seq.filter(|_| numbered);
        let Some(execution) = event.execution else {
            return self.deliver(event);
        };
        if self.replays.is_running(execution) {
            match self.receive_past(execution, event) {
                Some(current) => event = current,
                None => return,
            }
        }
        if !self.subscriptions.is_wanted(execution) && !planted!(DeliversUnwanted) {
            return self.receive_unwanted(execution, event);
        }
        if let Some(seq) = event.seq {
            let is_over = self.subscriptions.is_finished(execution);
            self.recovery.place(execution, seq, event, is_over);
            return self.apply_steps();
        }
        if !numbered {
            self.subscriptions.heard(execution);
            self.recovery.drift(execution);
        }
        self.deliver(event);
    }

    /// An event of an execution that nobody subscribed to by itself.
    fn receive_unwanted(&mut self, execution: ExecutionKey, event: Event<P>) {
        if !self.subscriptions.has_rooms() {
            if event.seq.is_some() {
                self.recovery.miss(execution);
            }
            self.stats.unwanted += 1;
        } else if event
            .seq
            .is_none_or(|seq| self.recovery.pass(execution, seq))
        {
            self.deliver(event);
        } else {
            self.drop_duplicate(event);
        }
    }

    fn foreign_event(&mut self, event: u8, payload: P) {
        if !self.subscriptions.has_rooms() {
            self.stats.unwanted += 1;
            return;
        }
        self.deliver(Event {
            event,
            execution: None,
            seq: None,
            terminal: false,
            ack: false,
            payload,
        });
    }

    fn receive_head(&mut self, generation: Generation, execution: ExecutionKey, seq: u64) {
        let is_current = matches!(
            self.link,
            Link::Up { generation: current, features, .. }
                if current == generation && features.contains(Feature::Replay)
        );
        if is_current && self.subscriptions.is_wanted(execution) {
            self.recovery.head(execution, seq);
            self.apply_steps();
        }
    }

    fn apply_steps(&mut self) {
        while let Some((execution, step)) = self.recovery.next_step() {
            match step {
                Step::Deliver(event) => self.deliver_in_order(execution, event),
                Step::Drop(event) => self.drop_duplicate(event),
                Step::Tell(gap) => self.tell(execution, gap),
                Step::Resume => self.resume(execution),
            }
        }
    }

    /// A replay may have been faster.
    fn deliver_in_order(&mut self, execution: ExecutionKey, event: Event<P>) {
        match event.seq {
            Some(seq) if !self.replays.see(execution, seq) => self.drop_duplicate(event),
            _ => self.deliver(event),
        }
    }

    fn deliver(&mut self, event: Event<P>) {
        self.deliver_numbered(event, false);
    }

    fn deliver_numbered(&mut self, event: Event<P>, past: bool) {
        let Event {
            event,
            execution,
            seq,
            terminal,
            ack,
            payload,
        } = event;
        self.stats.delivered += 1;
        let execution =
            execution.map(|key| ExecutionKey(key.0 ^ u32::from(planted!(WrongExecution))));
        let acknowledge = if ack { self.acknowledging() } else { None };
        let effect = Effect::Deliver {
            event,
            execution,
            acknowledge,
            payload,
        };
        self.effects.push(Queued {
            effect,
            seq,
            terminal,
            past,
        });
        if let (Some(execution), true) = (execution, terminal) {
            self.subscriptions
                .finish(execution, self.now, self.keep_until());
            self.apply_actions();
        }
    }

    /// It was handled, but the server does not know.
    fn drop_duplicate(&mut self, event: Event<P>) {
        self.stats.duplicates += 1;
        if let Some(generation) = self
            .acknowledging()
            .filter(|_| event.ack && !planted!(DuplicatesUnacknowledged))
        {
            self.emit(Effect::Acknowledge {
                generation,
                payload: event.payload,
            });
        }
    }

    /// The socket on which events are acknowledged, where they are.
    fn acknowledging(&self) -> Option<Generation> {
        match self.link {
            Link::Up {
                generation,
                features,
                ..
            } if features.contains(Feature::Ack) => Some(generation),
            _ => None,
        }
    }

    fn tell(&mut self, execution: ExecutionKey, gap: Gap) {
        self.stats.gaps += 1;
        self.emit(Effect::Gap { execution, gap });
    }

    /// The server does not say where a subscription goes on: what is held back goes out.
    fn give_up(&mut self, execution: ExecutionKey) {
        self.recovery.give_up(execution);
        self.apply_steps();
    }

    // Answers.

    fn subscribed(&mut self, execution: ExecutionKey, position: Option<Position>) {
        // The numbers of a room's events are those of many executions.
        let position = position.filter(|_| {
            self.link.features().contains(Feature::Replay) && !self.subscriptions.is_room(execution)
        });
        if position.is_some_and(|position| position.restarted) {
            self.replays.forget(execution);
        }
        let gaps = self.stats.gaps;
        let expected = self
            .subscriptions
            .acknowledge(execution, position, self.now);
        self.answered(expected);
        if !expected && position.is_some_and(|position| position.restarted) {
            // Whoever names the server's history has taken note of it, so it is not said again.
            self.recovery.lose_history(execution);
        }
        if !expected || self.subscriptions.is_room(execution) {
            return;
        }
        let Some(position) = position else {
            let told = self.stats.gaps > gaps;
            self.recovery.no_position(execution, told);
            return self.apply_steps();
        };
        let wanted = self.subscriptions.is_wanted(execution);
        let gap = self.recovery.position(execution, position, wanted);
        self.apply_steps();
        if let Some(gap) = gap {
            self.tell(execution, gap);
        }
    }

    fn reject(&mut self, message: SendId, execution: Option<ExecutionKey>, payload: P) {
        self.report(Problem::ServerError { execution, payload });
        if self.queue.remove(message) {
            self.send_failed(message, SendError::Rejected);
        }
    }

    fn answered(&mut self, expected: bool) {
        if !expected {
            self.stats.ignored += 1;
        }
        self.apply_actions();
    }

    fn server_error(&mut self, execution: Option<ExecutionKey>, forbidden: bool, payload: P) {
        if execution.is_none() {
            self.token_answered();
        }
        let refused = execution.filter(|key| self.subscriptions.refuse(*key, forbidden, self.now));
        let past = execution.filter(|key| refused.is_none() && self.replays.is_sent(*key));
        self.report(match refused {
            Some(execution) => Problem::SubscriptionRefused {
                execution,
                forbidden,
                payload,
            },
            None => Problem::ServerError { execution, payload },
        });
        if let Some(execution) = refused
            && !self.subscriptions.will_ask(execution)
        {
            self.give_up(execution);
        }
        if past.is_some()
            && let Some(replay) = self.replays.finish()
        {
            let error = if forbidden {
                ReplayError::Forbidden
            } else {
                ReplayError::Rejected
            };
            self.replay_failed(&replay, error);
        }
        self.apply_actions();
    }

    // Effects.

    pub(crate) fn emit(&mut self, effect: Effect<P>) {
        self.effects.push(Queued {
            effect,
            seq: None,
            terminal: false,
            past: false,
        });
    }

    pub(crate) fn report(&mut self, problem: Problem<P>) {
        self.emit(Effect::Reported { problem });
    }

    /// Sends on the current socket, if there is one that the server has welcomed.
    pub(crate) fn transmit(&mut self, message: Outgoing<P>) {
        if let Link::Up { generation, .. } = self.link {
            self.emit(Effect::Transmit {
                generation,
                message,
            });
        }
    }

    pub(crate) fn change_state(&mut self, state: State) {
        if self.state != state {
            self.state = state.clone();
            self.emit(Effect::StateChanged(state));
        }
    }
}
