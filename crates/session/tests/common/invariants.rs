//! Carries out what the session asks for, and checks what must hold at any time.

use std::collections::BTreeSet;

use flowmaestro_protocol::Feature;
use flowmaestro_session::{
    Effect, ExecutionKey, FrameKind, Generation, Input, Millis, Outgoing, Refused, SendError,
    State, Token, TokenRequest,
};

use super::{Answer, Coming, Ledger, Payload, TERMINAL, World};

impl World {
    /// Hands an input to the session, carries out what it asks for, and checks what always holds.
    pub fn handle(&mut self, input: Input<Payload>) -> Result<(), Refused> {
        let before = input.clone();
        if let Input::SubscribeRoom(room) = input {
            self.rooms.insert(room.0);
        }
        let queued = self.session.queued_messages();
        let held = self.session.held_events();
        let outcome = self.session.handle(Millis(self.now), input);
        if outcome.is_ok() {
            self.note(before);
        } else {
            assert!(
                self.session.queued_messages() <= queued,
                "a refused message queued"
            );
        }
        let mut count = 0;
        while let Some(effect) = self.session.poll_effect() {
            self.carry_out(effect);
            count += 1;
        }
        let bound = 16 + 2 * self.options.max_subscriptions + 2 * self.most_queued + 2 * held;
        assert!(count <= bound, "{count} effects of one input");
        self.check();
        outcome
    }

    /// Hands an event to the session by its short way, unless this world has none or the session
    /// wants it by the other.
    pub(super) fn took_next(
        &mut self,
        generation: Generation,
        kind: FrameKind,
        payload: &Payload,
    ) -> bool {
        let Some(plain) = kind.plain_event() else {
            return false;
        };
        if !self.takes_next || !self.session.take_next(generation, plain) {
            return false;
        }
        self.note_frame(generation, kind);
        self.carry_out(Effect::Deliver {
            event: plain.event,
            execution: Some(plain.execution),
            acknowledge: None,
            payload: payload.clone(),
        });
        self.check();
        true
    }

    fn note(&mut self, input: Input<Payload>) {
        match input {
            Input::SocketFrame { generation, frame } => self.note_frame(generation, frame.kind),
            Input::Connect { credentials } => self.identity = Some(credentials),
            Input::Disconnect => self.identity = None,
            Input::Subscribe(key) | Input::SubscribeRoom(key) => {
                *self.holders.entry(key.0).or_default() += 1;
                self.finished.remove(&key.0);
                self.ended_before.remove(&key.0);
                self.known.insert(key.0);
            }
            Input::Unsubscribe(key) => {
                if let Some(holders) = self.holders.get_mut(&key.0) {
                    *holders -= 1;
                    if *holders == 0 {
                        self.holders.remove(&key.0);
                        self.finished.remove(&key.0);
                        self.ended_before.remove(&key.0);
                    }
                }
            }
            Input::Replay { id, execution, .. } => {
                let earlier = self.pending_replays.insert(id.0, execution.0);
                assert_eq!(earlier, None, "a test reused a number");
            }
            Input::Send { id, .. } => {
                let earlier = self.pending_sends.insert(id.0, self.identity.clone());
                assert_eq!(earlier, None, "a test reused a number");
            }
            _ => {}
        }
    }

    fn note_frame(&mut self, generation: Generation, kind: FrameKind) {
        match kind {
            FrameKind::Welcome { features }
                if self.state != State::Connected || self.successor == Some(generation) =>
            {
                self.offered = features.unwrap_or_default();
            }
            FrameKind::Event {
                execution: Some(key),
                ..
            } => self.duplicate = Some(key.0),
            _ => {}
        }
    }

    fn carry_out(&mut self, effect: Effect<Payload>) {
        if let Some(evicted) = self.evicting.take() {
            assert_eq!(
                effect,
                Effect::Released(ExecutionKey(evicted)),
                "two in flight"
            );
        }
        self.effects.push((self.now, effect.clone()));
        match effect {
            Effect::OpenSocket { generation, token } => self.open(generation, token),
            Effect::CloseSocket { generation, code } => self.close(generation, code),
            Effect::RequestToken { request, .. } => self.ask(request),
            Effect::Transmit {
                generation,
                message,
            } => self.transmit(generation, message),
            Effect::Sent { id } => self.sent_message(id.0),
            Effect::SendFailed { id, error } => {
                assert!(self.pending_sends.remove(&id.0).is_some(), "settled twice");
                let may_have_arrived = matches!(error, SendError::Unconfirmed);
                assert!(
                    may_have_arrived || !self.server.taken.contains(&id.0),
                    "said not to be sent, and taken"
                );
            }
            Effect::Replayed { id, .. } | Effect::ReplayFailed { id, .. } => {
                let execution = self.pending_replays.remove(&id.0).expect("settled twice");
                self.forget_delivered(execution);
            }
            Effect::Deliver {
                event,
                execution,
                acknowledge,
                payload,
            } => {
                self.delivered_to(event, execution);
                self.enter(execution, &payload);
                if let Some(generation) = acknowledge {
                    self.acknowledge_event(generation, execution, &payload);
                }
            }
            Effect::Acknowledge {
                generation,
                payload,
            } => {
                let execution = self.duplicate.map(super::key);
                self.acknowledge_event(generation, execution, &payload);
            }
            Effect::Gap { execution, gap } => {
                assert!(self.holders.contains_key(&execution.0), "told to nobody");
                let ledger = self.ledgers.entry(execution.0).or_default();
                if let Some(from) = gap.from {
                    ledger.go_on_from(from.saturating_sub(1), |seq| {
                        was_delivered(&self.delivered, execution.0, seq)
                    });
                }
                ledger.tell(gap);
            }
            Effect::DeliverUnknown { .. } | Effect::Welcomed { .. } => {
                assert!(self.open_socket.is_some(), "delivered without a connection");
            }
            Effect::Subscribed { execution, .. } => {
                assert!(
                    self.holders.contains_key(&execution.0),
                    "acknowledged to nobody"
                );
            }
            Effect::Released(key) => {
                assert!(
                    !self.holders.contains_key(&key.0),
                    "released what somebody holds"
                );
                assert!(self.known.remove(&key.0), "released twice");
                self.in_flight.remove(&key.0);
                self.epochs.remove(&key.0);
                self.ledgers.remove(&key.0);
                self.forget_delivered(key.0);
            }
            Effect::StateChanged(state) => {
                assert_ne!(state, self.state, "a change to the same state");
                self.state = state;
            }
            Effect::Reported { .. } => {}
        }
    }

    fn sent_message(&mut self, id: u32) {
        assert!(
            self.transmitted.contains(&id),
            "sent without a transmission"
        );
        let sender = self.pending_sends.remove(&id).expect("settled twice");
        assert_eq!(sender, self.identity, "sent as somebody else");
    }

    fn delivered_to(&mut self, event: u8, execution: Option<ExecutionKey>) {
        assert!(self.open_socket.is_some(), "delivered without a connection");
        let Some(key) = execution else { return };
        let in_room = self
            .rooms
            .iter()
            .any(|room| self.holders.contains_key(room));
        let is_held = self.holders.contains_key(&key.0);
        assert!(
            is_held || in_room || self.is_replaying(key.0),
            "delivered to nobody"
        );
        if event == TERMINAL {
            self.finished.insert(key.0);
        }
    }

    fn open(&mut self, generation: Generation, token: Option<Token>) {
        assert!(self.identity.is_some(), "a socket after disconnect");
        if self.state == State::Connected {
            assert_eq!(self.successor, None, "three sockets at a time");
            self.successor = Some(generation);
        } else {
            assert_eq!(self.open_socket, None, "two sockets at a time");
            self.open_socket = Some(generation);
        }
        let token = token.map(|token| token.as_str().to_owned());
        self.later(self.latency, Coming::Dial { generation, token });
    }

    fn close(&mut self, generation: Generation, code: u16) {
        assert!(
            code == 1000 || (3000..=4999).contains(&code),
            "{code} is not for clients"
        );
        let open = [self.open_socket, self.successor];
        assert!(open.contains(&Some(generation)), "closed another socket");
        self.lose_socket(generation);
        // What is on its way to the client still arrives: the session has to ignore it.
        self.later(self.latency, Coming::HangUp { generation });
    }

    /// A socket has ended. Its successor takes its place.
    pub(super) fn lose_socket(&mut self, generation: Generation) {
        if self.open_socket == Some(generation) {
            self.open_socket = self.successor.take();
            self.in_flight.clear();
            self.forget_unplaced();
        }
        self.successor.take_if(|successor| *successor == generation);
    }

    fn ask(&mut self, request: TokenRequest) {
        assert!(
            self.identity.is_some(),
            "asked for a token after disconnect"
        );
        let answer = self
            .provider
            .pop_front()
            .unwrap_or_else(|| self.provider_default.clone());
        self.answer(request, answer, self.latency);
    }

    fn answer(&mut self, request: TokenRequest, answer: Answer, delay: f64) {
        let (token, lasts) = match answer {
            Answer::Token(token) => (Some(token), None),
            Answer::Lasting(token, ms) => (Some(token), Some(ms)),
            Answer::Failure => (None, None),
            Answer::Late(by, answer) => return self.answer(request, *answer, delay + by),
            Answer::Never => return,
        };
        let token = token.map(str::to_owned);
        self.later(
            delay,
            Coming::Token {
                request,
                token,
                lasts,
            },
        );
    }

    fn transmit(&mut self, generation: Generation, message: Outgoing<Payload>) {
        assert_eq!(self.open_socket, Some(generation), "sent on another socket");
        match message {
            Outgoing::Subscribe { execution: key, .. } => {
                assert!(
                    !self.is_in_flight(key),
                    "two operations of one execution in flight"
                );
                self.in_flight.insert(key.0, self.now);
            }
            Outgoing::Unsubscribe(key) => {
                self.evicting = self.is_in_flight(key).then_some(key.0);
                self.in_flight.insert(key.0, self.now);
            }
            Outgoing::Message { id, .. } => drop(self.transmitted.insert(id.0)),
            Outgoing::Hello(_)
            | Outgoing::Ping(_)
            | Outgoing::Auth(_)
            | Outgoing::Replay { .. } => {}
        }
        let epoch = match message {
            Outgoing::Subscribe { execution, .. } => self.epochs.get(&execution.0).copied(),
            _ => None,
        };
        self.later(
            self.latency,
            Coming::ToServer {
                generation,
                message,
                epoch,
            },
        );
    }

    /// Notes a numbered event that was delivered.
    fn enter(&mut self, execution: Option<ExecutionKey>, payload: &str) {
        if let (Some(key), Some((epoch, seq))) = (execution, numbers(payload))
            && self.speaks_to_us(Feature::Replay)
        {
            let is_new = self.delivered.insert((key.0, epoch, seq));
            assert!(is_new, "{epoch}.{seq} twice");
            let is_held = self.holders.contains_key(&key.0);
            let is_behind =
                |ledger: &Ledger| [0, epoch].contains(&ledger.epoch) && seq <= ledger.last;
            let is_past = !is_held
                || self.ended_before.contains(&key.0)
                || self.ledgers.get(&key.0).is_some_and(is_behind);
            if is_past && self.is_replaying(key.0) {
                return;
            }
            let ledger = self.ledgers.entry(key.0).or_default();
            ledger.catch_up(seq.saturating_sub(1), |seq| {
                self.delivered.contains(&(key.0, epoch, seq))
            });
            ledger.deliver(epoch, seq);
        }
    }

    fn is_replaying(&self, execution: u32) -> bool {
        let mut executions = self.pending_replays.values();
        executions.any(|replayed| *replayed == execution)
    }

    /// With the connection goes what no subscription has told the history of.
    pub(super) fn forget_unplaced(&mut self) {
        self.ended_before.extend(&self.finished);
        let is_told = |of: &u32| {
            let is_followed = self.holders.contains_key(of) && !self.finished.contains(of);
            let cursor = self.session.cursor(ExecutionKey(*of));
            is_followed && self.epochs.contains_key(of) && cursor.is_some()
        };
        let executions = self.delivered.iter().map(|(of, ..)| *of);
        let untold: BTreeSet<_> = executions.filter(|of| !is_told(of)).collect();
        for execution in untold {
            self.forget_history(execution);
        }
    }

    /// Nobody tells any more whether the numbers are the same: those of before are done with, as far
    /// as the session says.
    pub(super) fn forget_history(&mut self, execution: u32) {
        let cursor = self.session.cursor(ExecutionKey(execution));
        let ledger = self.ledgers.entry(execution).or_default();
        ledger.go_on_from(cursor.unwrap_or_default(), |seq| {
            was_delivered(&self.delivered, execution, seq)
        });
        self.delivered.retain(|(of, ..)| *of != execution);
    }

    /// Of what is neither subscribed nor asked for the session remembers nothing.
    fn forget_delivered(&mut self, execution: u32) {
        let is_known = self.known.contains(&execution) && !self.ended_before.contains(&execution);
        if !is_known && !self.is_replaying(execution) {
            self.delivered.retain(|(of, ..)| *of != execution);
        }
    }

    /// What the session asked to be acknowledged: critical, and on the socket that is open.
    fn acknowledge_event(
        &mut self,
        generation: Generation,
        execution: Option<ExecutionKey>,
        payload: &str,
    ) {
        assert_eq!(self.open_socket, Some(generation), "on another socket");
        assert!(self.speaks_to_us(Feature::Ack), "to a baseline server");
        if let (Some(key), Some((_, seq))) = (execution, numbers(payload)) {
            let acknowledgement = Coming::EventAck {
                generation,
                execution: key.0,
                seq,
            };
            self.later(self.latency, acknowledgement);
        }
    }

    /// Whether the connection's welcome offered a feature that the session wants.
    fn speaks_to_us(&self, feature: Feature) -> bool {
        self.offered.contains(feature) && self.options.features.contains(feature)
    }

    /// An operation is in flight until it is answered, or the answer is overdue.
    fn is_in_flight(&self, key: ExecutionKey) -> bool {
        self.in_flight
            .get(&key.0)
            .is_some_and(|at| self.now < at + 10_000.0)
    }

    fn check(&self) {
        assert_eq!(
            self.evicting, None,
            "two operations of one execution in flight"
        );
        assert_eq!(
            self.session.state(),
            &self.state,
            "an untold change of state"
        );
        assert_eq!(self.session.wanted_subscriptions(), self.holders.len());
        assert!(self.session.held_events() <= 256 * self.holders.len());
        assert!(self.known.iter().all(|key| {
            self.session.is_wanted(ExecutionKey(*key)) == self.holders.contains_key(key)
        }));
        assert!(self.session.queued_messages() <= self.most_queued);
        assert!(self.session.queued_bytes() <= self.options.max_queued_bytes);
        assert_eq!(
            self.session.queued_messages(),
            self.pending_sends.len(),
            "a lost promise"
        );
        assert_eq!(
            self.session.waiting_replays(),
            self.pending_replays.len(),
            "a lost promise"
        );
        let deadline = self.session.next_deadline();
        assert!(deadline.is_none_or(|deadline| deadline.0.is_finite()));
        match self.session.state() {
            State::Disconnected { .. } | State::Failed { .. } => {
                assert_eq!(self.successor, None, "a successor of nothing");
                assert_eq!(deadline, None, "a timer without a wish");
                assert_eq!(self.open_socket, None, "a socket without a wish");
            }
            State::Waiting { retry_at, .. } => {
                assert_eq!(self.successor, None, "a successor of nothing");
                assert!(deadline.is_some_and(|deadline| deadline <= *retry_at));
                assert_eq!(self.open_socket, None, "a socket while waiting");
            }
            State::Connecting { .. } => assert!(deadline.is_some(), "an attempt without an end"),
            State::Connected => assert!(self.open_socket.is_some()),
        }
    }
}

/// Whether an execution's event of this number was delivered.
fn was_delivered(delivered: &BTreeSet<(u32, u32, u64)>, execution: u32, seq: u64) -> bool {
    let mut numbers = delivered.iter();
    numbers.any(|(of, _, number)| *of == execution && *number == seq)
}

/// The epoch and the number of an event, from its payload.
pub fn numbers(payload: &str) -> Option<(u32, u64)> {
    let (epoch, seq) = payload.strip_prefix('#')?.split_once('.')?;
    Some((epoch.parse().ok()?, seq.parse().ok()?))
}
