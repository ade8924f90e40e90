//! How the connection comes, goes and comes back.

use alloc::string::String;

use flowmaestro_protocol::{Feature, Features};

use crate::close_code::{
    FORBIDDEN, NO_PONG, NO_TOKEN, NO_WELCOME, NORMAL, POLICY, RESTART, TOKEN_EXPIRED,
    TRY_AGAIN_LATER,
};
use crate::renewal::{Renewal, Successor, Term};
use crate::time::earliest;
use crate::{
    Closed, Credentials, DisconnectCause, Effect, Failure, Generation, Millis, Outgoing, Problem,
    Refused, ReplayError, SendError, Session, State, Token, TokenRequest,
};

/// What there is of a connection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Link {
    Down,
    /// The token provider was asked.
    Token {
        request: TokenRequest,
        answer_by: Millis,
    },
    /// A socket is being opened, or is open without a welcome.
    Opening {
        generation: Generation,
        welcome_by: Millis,
        /// How long its token lasts, where that is known.
        term: Option<Term>,
    },
    /// The welcome arrived.
    Up {
        generation: Generation,
        since: Millis,
        /// What both ends speak.
        features: Features,
        pulse: Pulse,
        /// How long its token lasts, where that is known.
        term: Option<Term>,
        renewal: Renewal,
    },
}

/// Whether the connection is alive: a round trip, since a link that is dead in one direction still
/// carries what comes in the other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Pulse {
    /// The server does not answer pings.
    Unknown,
    Beating {
        ping_at: Millis,
    },
    /// A ping is on its way.
    Pinging {
        id: u32,
        pong_by: Millis,
        /// When the next is due, once this one is answered. Counted from the ping, since its answer
        /// says nothing about what happened to the way there since then.
        next_at: Millis,
        /// The ping before it may have been answered while nobody was here.
        probing: bool,
    },
}

impl Link {
    pub(crate) fn deadline(&self) -> Option<Millis> {
        match *self {
            Self::Token { answer_by, .. } => Some(answer_by),
            Self::Opening { welcome_by, .. } => Some(welcome_by),
            Self::Up {
                pulse,
                term,
                renewal,
                ..
            } => earliest(pulse.deadline(), renewal.deadline(term)),
            Self::Down => None,
        }
    }

    /// What both ends speak; nothing without a connection.
    pub(crate) fn features(&self) -> Features {
        match *self {
            Self::Up { features, .. } => features,
            _ => Features::NONE,
        }
    }

    pub(crate) fn socket(&self) -> Option<Generation> {
        match *self {
            Self::Opening { generation, .. } | Self::Up { generation, .. } => Some(generation),
            Self::Down | Self::Token { .. } => None,
        }
    }

    fn successor(&self) -> Option<Successor> {
        match *self {
            Self::Up {
                renewal: Renewal::Successor(successor),
                ..
            } => Some(successor),
            _ => None,
        }
    }
}

impl Pulse {
    fn deadline(self) -> Option<Millis> {
        match self {
            Self::Unknown => None,
            Self::Beating { ping_at } => Some(ping_at),
            Self::Pinging { pong_by, .. } => Some(pong_by),
        }
    }
}

impl<P: Clone> Session<P> {
    // What the user wants.

    pub(crate) fn connect(&mut self, credentials: Credentials) {
        let same = self.credentials.as_ref() == Some(&credentials);
        match self.state {
            State::Connecting { .. } | State::Connected if same => {}
            State::Waiting { .. } if same => self.attempt(),
            _ => {
                self.fail_replays(ReplayError::IdentityReplaced);
                self.hang_up(NORMAL);
                self.retract(None);
                if !planted!(SendsAsAnother) {
                    self.fail_queue(SendError::IdentityReplaced);
                }
                self.credentials = Some(credentials);
                self.start_round();
            }
        }
    }

    pub(crate) fn disconnect(&mut self) {
        if let State::Disconnected { .. } = self.state {
            return;
        }
        self.fail_replays(ReplayError::Disconnected);
        if !planted!(TimersAfterDisconnect) {
            self.hang_up(NORMAL);
        }
        self.retract(None);
        self.credentials = None;
        self.token = None;
        self.fail_queue(SendError::Disconnected);
        let cause = Some(DisconnectCause::Requested);
        self.change_state(State::Disconnected { cause });
    }

    pub(crate) fn reconnect_now(&mut self) -> Result<(), Refused> {
        match &self.state {
            State::Disconnected { .. } => return Err(Refused::Disconnected),
            State::Failed { error } if !self.may_start_again(error) => return Err(Refused::Failed),
            State::Failed { .. } => self.start_round(),
            State::Waiting { .. } => self.attempt(),
            State::Connecting { .. } | State::Connected => {}
        }
        Ok(())
    }

    pub(crate) fn wake(&mut self) {
        match &self.state {
            State::Waiting { .. } => self.attempt(),
            State::Failed {
                error: Failure::RetriesExhausted { .. },
            } => self.start_round(),
            // The network may have changed under a connection that looks alive.
            State::Connected => self.ping_now(),
            _ => {}
        }
    }

    pub(crate) fn network(&mut self, online: bool) {
        let was_offline = core::mem::replace(&mut self.offline, !online);
        if !online {
            // What is up may be dead, or the caller wrong.
            return self.ping_now();
        }
        if was_offline {
            self.attempts = 0;
        }
        self.wake();
    }

    /// A token that was refused is refused again, unless a provider has another.
    fn may_start_again(&self, error: &Failure) -> bool {
        match error {
            Failure::Unauthorized { .. } | Failure::Forbidden { .. } => self.provider().is_some(),
            Failure::RetriesExhausted { .. } | Failure::SocketFailed => true,
        }
    }

    pub(crate) fn provider(&self) -> Option<u32> {
        match self.credentials {
            Some(Credentials::Provider(provider)) => Some(provider),
            _ => None,
        }
    }

    // Attempts.

    /// Attempts to connect with a clean slate.
    fn start_round(&mut self) {
        self.forgive();
        self.attempt();
    }

    pub(crate) fn forgive(&mut self) {
        self.attempts = 0;
        self.token_refused = false;
        self.token_expired = false;
    }

    fn attempt(&mut self) {
        self.change_state(State::Connecting {
            attempt: self.attempts,
        });
        match &self.credentials {
            Some(Credentials::Provider(provider)) => self.request_token(*provider),
            Some(Credentials::Token(token)) => self.open_socket(Some(token.clone())),
            Some(Credentials::None) | None => self.open_socket(None),
        }
    }

    fn request_token(&mut self, provider: u32) {
        let request = self.next_request();
        let answer_by = self.now.plus(self.options.connect_timeout_ms);
        self.link = Link::Token { request, answer_by };
        self.emit(Effect::RequestToken { request, provider });
    }

    pub(crate) fn token_ready(&mut self, answered: TokenRequest, token: Option<Token>) {
        match &mut self.link {
            Link::Token { request, .. } if *request == answered => {}
            Link::Up {
                renewal: Renewal::Asked { request, .. },
                ..
            } if *request == answered => return self.renew_token(token),
            _ => return,
        }
        match token {
            Some(token) => self.open_socket(Some(token)),
            None => self.token_unavailable(),
        }
    }

    pub(crate) fn next_request(&mut self) -> TokenRequest {
        self.last_request = TokenRequest(self.last_request.0.wrapping_add(1));
        self.last_request
    }

    fn token_unavailable(&mut self) {
        self.link = Link::Down;
        self.report(Problem::TokenUnavailable);
        self.retry(Closed {
            code: NO_TOKEN,
            reason: String::new(),
        });
    }

    fn open_socket(&mut self, token: Option<Token>) {
        let generation = self.next_generation();
        self.link = Link::Opening {
            generation,
            welcome_by: self.now.plus(self.options.connect_timeout_ms),
            term: self.term_of(token.as_ref()),
        };
        self.token.clone_from(&token);
        self.stats.attempts += 1;
        self.emit(Effect::OpenSocket { generation, token });
    }

    pub(crate) fn next_generation(&mut self) -> Generation {
        self.last_generation = Generation(self.last_generation.0.wrapping_add(1));
        self.last_generation
    }

    // Ends.

    pub(crate) fn socket_failed(&mut self, generation: Generation) {
        if self.is_successor(generation) {
            self.renewal_failed();
        } else if self.link.socket() == Some(generation) {
            if let Some(successor) = self.link.successor() {
                self.abandon(successor, NORMAL);
            }
            self.lose_link();
            self.fail(Failure::SocketFailed);
        }
    }

    fn is_successor(&self, generation: Generation) -> bool {
        let successor = self.link.successor();
        successor.is_some_and(|successor| successor.generation == generation)
    }

    pub(crate) fn socket_closed(&mut self, generation: Generation, code: u16, reason: String) {
        if self.is_successor(generation) {
            return self.renewal_failed();
        }
        if self.link.socket() != Some(generation) {
            return;
        }
        if self.has_proved_itself() {
            self.forgive();
        }
        let successor = self.link.successor();
        self.lose_link();
        let closed = Closed { code, reason };
        match (code, successor) {
            (FORBIDDEN, Some(successor)) => self.abandon(successor, NORMAL),
            (_, Some(successor)) => return self.promote(successor, code),
            _ => {}
        }
        match code {
            POLICY => self.refused_token(closed),
            TOKEN_EXPIRED => self.expired_token(closed),
            FORBIDDEN => self.fail(Failure::Forbidden {
                reason: closed.reason,
            }),
            _ => self.retry(closed),
        }
    }

    /// Whether the connection lasted long enough for what came before it to be forgiven.
    pub(crate) fn has_proved_itself(&self) -> bool {
        match self.link {
            Link::Up { since, .. } => {
                self.now >= since.plus(self.options.reconnect.stable_after_ms)
            }
            _ => false,
        }
    }

    /// 1008: a provider is asked for another token, once.
    fn refused_token(&mut self, closed: Closed) {
        if self.provider().is_none() || self.token_refused {
            return self.fail(Failure::Unauthorized {
                code: closed.code,
                reason: closed.reason,
            });
        }
        self.token_refused = true;
        self.attempt();
    }

    /// 4401: a provider has a newer token by now. When that one has expired as well, something else
    /// is wrong (a clock, perhaps), and hurrying does not help.
    fn expired_token(&mut self, closed: Closed) {
        if self.provider().is_none() {
            return self.fail(Failure::Unauthorized {
                code: closed.code,
                reason: closed.reason,
            });
        }
        if self.token_expired {
            return self.retry(closed);
        }
        self.token_expired = true;
        self.attempt();
    }

    fn retry(&mut self, cause: Closed) {
        let backoff = self.options.reconnect;
        let attempts = self.attempts;
        if !backoff.allows_after(attempts) && !self.offline {
            return self.fail(Failure::RetriesExhausted {
                attempts,
                last: cause,
            });
        }
        let attempt = attempts.saturating_add(1);
        let restarted = matches!(cause.code, RESTART | TRY_AGAIN_LATER);
        let retry_at = self
            .now
            .plus(backoff.delay(attempt, restarted, &mut self.random));
        self.attempts = attempt;
        self.change_state(State::Waiting {
            attempt,
            retry_at,
            cause,
        });
    }

    fn fail(&mut self, error: Failure) {
        self.fail_queue(SendError::ConnectionFailed);
        self.fail_replays(ReplayError::ConnectionFailed);
        self.change_state(State::Failed { error });
    }

    pub(crate) fn expire_link(&mut self) {
        let now = self.now;
        match self.link {
            Link::Token { answer_by, .. } if now >= answer_by => self.token_unavailable(),
            Link::Opening { welcome_by, .. } if now >= welcome_by => {
                self.hang_up(NO_WELCOME);
                self.retry(Closed {
                    code: NO_WELCOME,
                    reason: String::new(),
                });
            }
            Link::Up { pulse, .. } => {
                self.expire_pulse(pulse);
                self.expire_renewal();
            }
            Link::Down => self.expire_wait(),
            _ => {}
        }
    }

    // Signs of life.

    /// The pulse of a new connection.
    pub(crate) fn first_pulse(&self, features: Features) -> Pulse {
        if features.contains(Feature::Ping) && !planted!(NoPings) {
            let ping_at = self.now.plus(self.options.ping_interval_ms);
            Pulse::Beating { ping_at }
        } else {
            Pulse::Unknown
        }
    }

    fn expire_pulse(&mut self, pulse: Pulse) {
        let timeout = self.options.pong_timeout_ms;
        match pulse {
            Pulse::Beating { ping_at } if self.now >= ping_at => self.ping(false),
            // Nobody was here when the answer was due, as after sleep: it may still be on its way.
            // Once, or a page whose timers are always late would never find out.
            Pulse::Pinging {
                pong_by,
                probing: false,
                ..
            } if self.now >= pong_by.plus(timeout) => self.ping(true),
            Pulse::Pinging { .. } if planted!(PongNotAwaited) => {
                self.set_pulse(self.first_pulse(self.link.features()))
            }
            Pulse::Pinging { pong_by, .. } if self.now >= pong_by && !self.prolong_ping() => {
                self.lose_silent_link(NO_PONG);
            }
            _ => {}
        }
    }

    /// Frames still come, and the pong may be behind them: where a slow network or a busy page has much
    /// to catch up with, to connect again would bring the same frames again. Not for ever, since they
    /// prove one direction only.
    fn prolong_ping(&mut self) -> bool {
        let (now, options) = (self.now, self.options);
        let Link::Up {
            pulse: Pulse::Pinging {
                pong_by, next_at, ..
            },
            ..
        } = &mut self.link
        else {
            return false;
        };
        let give_up_at = next_at.plus(options.ping_interval_ms);
        let is_prolonged = self.heard && now < give_up_at;
        if is_prolonged {
            let later = now.plus(options.pong_timeout_ms);
            *pong_by = if later < give_up_at {
                later
            } else {
                give_up_at
            };
            self.heard = false;
        }
        is_prolonged
    }

    /// An answer did not come without which the connection is worth nothing.
    pub(crate) fn lose_silent_link(&mut self, code: u16) {
        if self.has_proved_itself() {
            self.forgive();
        }
        if let Some(successor) = self.link.successor()
            && let Some(generation) = self.link.socket()
        {
            self.emit(Effect::CloseSocket { generation, code });
            self.lose_link();
            return self.promote(successor, code);
        }
        self.hang_up(code);
        self.retry(Closed {
            code,
            reason: String::new(),
        });
    }

    fn ping_now(&mut self) {
        if let Link::Up {
            pulse: Pulse::Beating { .. },
            ..
        } = self.link
        {
            self.ping(false);
        }
    }

    fn ping(&mut self, probing: bool) {
        self.last_ping = self.last_ping.wrapping_add(1);
        let id = self.last_ping;
        self.heard = false;
        self.set_pulse(Pulse::Pinging {
            id,
            pong_by: self.now.plus(self.options.pong_timeout_ms),
            next_at: self.now.plus(self.options.ping_interval_ms),
            probing,
        });
        self.transmit(Outgoing::Ping(id));
    }

    pub(crate) fn pong(&mut self, answered: u32) {
        if let Link::Up {
            pulse: Pulse::Pinging { id, next_at, .. },
            ..
        } = self.link
            && id == answered
        {
            self.set_pulse(Pulse::Beating { ping_at: next_at });
        } else {
            self.stats.ignored += 1;
        }
    }

    fn set_pulse(&mut self, new: Pulse) {
        if let Link::Up { pulse, .. } = &mut self.link {
            *pulse = new;
        }
    }

    fn expire_wait(&mut self) {
        if let State::Waiting { retry_at, .. } = self.state
            && self.now >= retry_at
        {
            self.attempt();
        }
    }

    /// Closes the socket, if there is one, and lets go of the connection, and of its successor.
    fn hang_up(&mut self, code: u16) {
        if let Some(successor) = self.link.successor() {
            self.abandon(successor, code);
        }
        if let Some(generation) = self.link.socket() {
            self.emit(Effect::CloseSocket { generation, code });
        }
        self.lose_link();
    }

    pub(crate) fn lose_link(&mut self) {
        self.link = Link::Down;
        let (recovery, subscriptions) = (&self.recovery, &self.subscriptions);
        let is_followed = |key| subscriptions.is_followed(key) && recovery.is_named(key);
        let lost = self.replays.disconnect(is_followed);
        if let Some(replay) = lost {
            self.replay_failed(&replay, ReplayError::ConnectionLost);
        }
        self.subscriptions.disconnect();
        self.recovery.disconnect();
        self.queue.disconnect();
        self.apply_actions();
    }
}
