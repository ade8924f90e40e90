//! The state machine: inputs in, effects out.

use std::collections::VecDeque;

use crate::link::Link;
use crate::queue::Queue;
use crate::random::Random;
use crate::subscriptions::{Action, Subscriptions};
use crate::time::earliest;
use crate::{
    Credentials, Effect, ExecutionKey, Frame, FrameKind, Generation, Input, Millis, Options,
    Outgoing, Problem, Refused, SendError, SendId, State, Stats, TokenRequest,
};

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
    /// A token was refused (1008) since the last connection that proved itself.
    pub(crate) token_refused: bool,
    /// A token had expired (4401) since the last connection that proved itself.
    pub(crate) token_expired: bool,
    pub(crate) last_generation: Generation,
    pub(crate) last_request: TokenRequest,
    pub(crate) subscriptions: Subscriptions,
    queue: Queue<P>,
    pub(crate) stats: Stats,
    effects: VecDeque<Effect<P>>,
}

impl<P> Session<P> {
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
            token_refused: false,
            token_expired: false,
            last_generation: Generation(0),
            last_request: TokenRequest(0),
            subscriptions: Subscriptions::new(),
            queue: Queue::new(),
            stats: Stats::default(),
            effects: VecDeque::new(),
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

    /// The next thing to do, or `None` when all is done.
    pub fn poll_effect(&mut self) -> Option<Effect<P>> {
        self.effects.pop_front()
    }

    /// When to call [`Self::handle`] with [`Input::Tick`], unless something else happens first.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Millis> {
        let retry_at = match self.state {
            State::Waiting { retry_at, .. } => Some(retry_at),
            _ => None,
        };
        earliest(
            earliest(retry_at, self.link.deadline()),
            self.subscriptions.deadline(),
        )
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

    /// How many messages wait for the connection.
    #[must_use]
    pub fn queued_messages(&self) -> usize {
        self.queue.len()
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
            Input::Subscribe(execution) => return self.subscribe(execution),
            Input::Unsubscribe(execution) => self.unsubscribe(execution),
            Input::Send { id, message, bytes } => return self.send(id, message, bytes),
            Input::TokenReady { request, token } => self.token_ready(request, token),
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
    }

    // Subscriptions.

    fn subscribe(&mut self, execution: ExecutionKey) -> Result<(), Refused> {
        let limit = self.options.max_subscriptions;
        self.subscriptions.subscribe(execution, limit, self.now)?;
        self.apply_actions();
        Ok(())
    }

    fn unsubscribe(&mut self, execution: ExecutionKey) {
        self.subscriptions
            .unsubscribe(execution, self.now, self.keep_until());
        self.apply_actions();
    }

    /// Until when a subscription that is no longer wanted is kept.
    fn keep_until(&self) -> Millis {
        self.now.plus(self.options.unsubscribe_delay_ms)
    }

    /// Turns what the table wants done into effects.
    pub(crate) fn apply_actions(&mut self) {
        while let Some(action) = self.subscriptions.next_action() {
            match action {
                Action::Subscribe(key) => self.transmit(Outgoing::Subscribe(key)),
                Action::Unsubscribe(key) => self.transmit(Outgoing::Unsubscribe(key)),
                Action::Acknowledged { execution, resumed } => {
                    self.emit(Effect::Subscribed { execution, resumed });
                }
                Action::Unanswered(execution) => {
                    self.report(Problem::SubscriptionUnanswered { execution });
                }
                Action::Released(execution) => self.emit(Effect::Released(execution)),
            }
        }
    }

    // Messages of the user's.

    fn send(&mut self, id: SendId, message: P, bytes: usize) -> Result<(), Refused> {
        let limit = self.options.max_message_bytes;
        match self.state {
            State::Disconnected { .. } => Err(Refused::Disconnected),
            State::Failed { .. } => Err(Refused::Failed),
            _ if bytes > limit => Err(Refused::MessageTooLarge { bytes, limit }),
            State::Connected => {
                self.transmit_message(id, message);
                Ok(())
            }
            State::Connecting { .. } | State::Waiting { .. } => {
                self.queue.push(id, message, bytes, &self.options)
            }
        }
    }

    fn transmit_queue(&mut self) {
        while let Some((id, message)) = self.queue.pop() {
            self.transmit_message(id, message);
        }
    }

    fn transmit_message(&mut self, id: SendId, payload: P) {
        self.stats.sent += 1;
        self.transmit(Outgoing::Message { id, payload });
        self.emit(Effect::Sent { id });
    }

    pub(crate) fn fail_queue(&mut self, error: SendError) {
        while let Some((id, _)) = self.queue.pop() {
            self.stats.send_failures += 1;
            self.emit(Effect::SendFailed { id, error });
        }
    }

    // Frames.

    fn receive(&mut self, generation: Generation, frame: Frame<P>) {
        match self.link {
            Link::Up {
                generation: current,
                ..
            } if current == generation => self.route(frame),
            Link::Opening {
                generation: current,
                ..
            } if current == generation => {
                self.await_welcome(generation, frame);
            }
            _ => self.stats.ignored += 1,
        }
    }

    /// Before the welcome nothing else has a meaning.
    fn await_welcome(&mut self, generation: Generation, frame: Frame<P>) {
        let FrameKind::Welcome { features } = frame.kind else {
            self.stats.ignored += 1;
            return;
        };
        self.link = Link::Up {
            generation,
            since: self.now,
        };
        self.stats.connections += 1;
        if features {
            self.transmit(Outgoing::Hello);
        }
        self.subscriptions.connect(self.now);
        self.apply_actions();
        self.transmit_queue();
        self.change_state(State::Connected);
        self.emit(Effect::Welcomed {
            payload: frame.payload,
        });
    }

    fn route(&mut self, Frame { kind, payload }: Frame<P>) {
        match kind {
            FrameKind::Event {
                event,
                execution,
                terminal,
            } => {
                self.deliver(event, execution, terminal, payload);
            }
            FrameKind::ForeignEvent => self.stats.unwanted += 1,
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
                forbidden,
            } => {
                self.server_error(execution, forbidden, payload);
            }
            FrameKind::Subscribed(execution) => {
                let expected = self.subscriptions.acknowledge(execution, self.now);
                self.answered(expected);
            }
            FrameKind::Unsubscribed(execution) => {
                let expected = self.subscriptions.acknowledge_end(execution, self.now);
                self.answered(expected);
            }
            FrameKind::Welcome { .. } => self.stats.ignored += 1,
        }
    }

    fn deliver(&mut self, event: u8, execution: Option<ExecutionKey>, terminal: bool, payload: P) {
        if execution.is_some_and(|execution| !self.subscriptions.is_wanted(execution)) {
            self.stats.unwanted += 1;
            return;
        }
        self.stats.delivered += 1;
        self.emit(Effect::Deliver {
            event,
            execution,
            payload,
        });
        if let (Some(execution), true) = (execution, terminal) {
            self.subscriptions
                .finish(execution, self.now, self.keep_until());
            self.apply_actions();
        }
    }

    fn answered(&mut self, expected: bool) {
        if !expected {
            self.stats.ignored += 1;
        }
        self.apply_actions();
    }

    fn server_error(&mut self, execution: Option<ExecutionKey>, forbidden: bool, payload: P) {
        let refused = execution.filter(|key| self.subscriptions.refuse(*key, forbidden, self.now));
        self.report(match refused {
            Some(execution) => Problem::SubscriptionRefused {
                execution,
                forbidden,
                payload,
            },
            None => Problem::ServerError { execution, payload },
        });
        self.apply_actions();
    }

    // Effects.

    pub(crate) fn emit(&mut self, effect: Effect<P>) {
        self.effects.push_back(effect);
    }

    pub(crate) fn report(&mut self, problem: Problem<P>) {
        self.emit(Effect::Reported { problem });
    }

    /// Sends on the current socket, if there is one that the server has welcomed.
    fn transmit(&mut self, message: Outgoing<P>) {
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
