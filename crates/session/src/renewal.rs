//! How a connection gets a new token before the one in use ends: in place where the server takes it,
//! otherwise by a second connection, which takes the place of the first once it is welcomed.

use flowmaestro_protocol::Feature;

use crate::close_code::{NO_WELCOME, NORMAL, POLICY, TOKEN_EXPIRED};
use crate::link::Link;
use crate::{
    Effect, Frame, FrameKind, Generation, Millis, Outgoing, Problem, Session, State, Token,
    TokenRequest,
};

/// How much of a token's life, in milliseconds, has to be left for its provider to be asked again.
const WORTH_ASKING_MS: f64 = 2000.0;

/// How long the token in use lasts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Term {
    ends_at: Millis,
    /// When the provider is asked for the next one.
    ask_at: Millis,
}

/// What is being done to replace the token in use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Renewal {
    None,
    /// The provider was asked. It may take its time, but not for ever: from `again_at` on it is asked
    /// once more when the server says that the token ends.
    Asked {
        request: TokenRequest,
        again_at: Millis,
    },
    /// The server was given the next token, and has not said what it thinks of it.
    Given {
        answer_by: Millis,
    },
    /// A connection is being made with the next token.
    Successor(Successor),
}

/// A connection that is to take the place of the one that is up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Successor {
    pub(crate) generation: Generation,
    pub(crate) welcome_by: Millis,
    pub(crate) term: Option<Term>,
}

impl Term {
    /// The term of a token that was just given: the next one is asked for so long before the end, but
    /// not in the first half of its life, or a token that does not last would be replaced for ever.
    pub(crate) fn new(now: Millis, token: &Token, margin_ms: f64) -> Option<Self> {
        let left = token.expires_in_ms().filter(|left| *left > 0.0)?;
        Some(Self {
            ends_at: now.plus(left),
            ask_at: now.plus(left - margin_ms.clamp(0.0, left / 2.0)),
        })
    }

    /// The same when the next token was asked for in vain: half of what is left passes first.
    fn postponed(self, now: Millis) -> Option<Self> {
        let left = self.ends_at.since(now);
        (left >= WORTH_ASKING_MS).then(|| Self {
            ask_at: now.plus(left / 2.0),
            ..self
        })
    }
}

impl Renewal {
    pub(crate) fn deadline(self, term: Option<Term>) -> Option<Millis> {
        match self {
            Self::None => term.map(|term| term.ask_at),
            Self::Asked { .. } => None,
            Self::Given { answer_by } => Some(answer_by),
            Self::Successor(successor) => Some(successor.welcome_by),
        }
    }
}

impl<P: Clone> Session<P> {
    /// The server says that the token ends soon: a provider is asked for the next, unless it was.
    pub(crate) fn token_expiring(&mut self) {
        if !self.link.features().contains(Feature::Auth) {
            self.stats.ignored += 1; // it could not take another
            return;
        }
        let Some(provider) = self.provider() else {
            return self.report(Problem::TokenExpiring);
        };
        match self.renewal() {
            Some(Renewal::Asked { again_at, .. }) if self.now < again_at => {}
            Some(Renewal::None | Renewal::Asked { .. }) => self.ask_for_next_token(provider),
            _ => {}
        }
    }

    pub(crate) fn expire_renewal(&mut self) {
        let Link::Up { renewal, term, .. } = self.link else {
            return;
        };
        let is_due = |deadline| self.now >= deadline;
        if !renewal.deadline(term).is_some_and(is_due) {
            return;
        }
        match (renewal, self.provider()) {
            (Renewal::None, Some(provider)) => self.ask_for_next_token(provider),
            (Renewal::Given { .. }, _) => self.set_renewal(Renewal::None, term),
            (Renewal::Successor(successor), _) => {
                self.abandon(successor, NO_WELCOME);
                self.renewal_failed();
            }
            (Renewal::None | Renewal::Asked { .. }, _) => {}
        }
    }

    fn ask_for_next_token(&mut self, provider: u32) {
        let request = self.next_request();
        let again_at = self.now.plus(self.options.connect_timeout_ms);
        self.change_renewal(Renewal::Asked { request, again_at });
        self.emit(Effect::RequestToken { request, provider });
    }

    /// The provider's answer. Without a token the connection goes on until the server ends it, and is
    /// then made anew.
    pub(crate) fn renew_token(&mut self, token: Option<Token>) {
        self.change_renewal(Renewal::None);
        let Some(token) = token else {
            self.report(Problem::TokenUnavailable);
            return self.postpone_renewal();
        };
        let is_old = self.token.as_ref() == Some(&token);
        let takes_tokens = self.link.features().contains(Feature::Auth);
        let has_term = matches!(self.link, Link::Up { term: Some(_), .. });
        match (takes_tokens, is_old) {
            (true, true) if has_term => self.postpone_renewal(),
            (true, _) => self.give_token(token),
            (false, true) => self.postpone_renewal(),
            (false, false) => self.open_successor(token),
        }
    }

    fn give_token(&mut self, token: Token) {
        let answer_by = self.now.plus(self.options.connect_timeout_ms);
        let term = self.term_of(Some(&token));
        self.set_renewal(Renewal::Given { answer_by }, term);
        self.token = Some(token.clone());
        self.transmit(Outgoing::Auth(token));
    }

    /// The server has taken the token, or refused something that nobody else had asked for.
    pub(crate) fn token_answered(&mut self) {
        if let Some(Renewal::Given { .. }) = self.renewal() {
            self.change_renewal(Renewal::None);
        }
    }

    /// Asks again later, while there is time.
    fn postpone_renewal(&mut self) {
        if let Link::Up { term, .. } = self.link {
            let term = term.and_then(|term| term.postponed(self.now));
            self.set_renewal(Renewal::None, term);
        }
    }

    // The successor.

    fn open_successor(&mut self, token: Token) {
        let successor = Successor {
            generation: self.next_generation(),
            welcome_by: self.now.plus(self.options.connect_timeout_ms),
            term: self.term_of(Some(&token)),
        };
        self.change_renewal(Renewal::Successor(successor));
        self.next_token = Some(token.clone());
        self.stats.attempts += 1;
        self.emit(Effect::OpenSocket {
            generation: successor.generation,
            token: Some(token),
        });
    }

    /// Something came on the successor's socket, of which only the welcome has a meaning: then it
    /// takes over.
    pub(crate) fn await_succession(&mut self, successor: Successor, frame: Frame<P>) {
        let FrameKind::Welcome { features } = frame.kind else {
            self.stats.ignored += 1;
            return;
        };
        if self.has_proved_itself() {
            self.forgive();
        }
        if let Some(generation) = self.link.socket() {
            let code = NORMAL;
            self.emit(Effect::CloseSocket { generation, code });
        }
        self.lose_link();
        self.token = self.next_token.take();
        self.welcomed(
            successor.generation,
            features,
            successor.term,
            frame.payload,
        );
    }

    /// The successor could not be made: what is up stays up.
    pub(crate) fn renewal_failed(&mut self) {
        self.next_token = None;
        self.report(Problem::RenewalFailed);
        self.postpone_renewal();
    }

    /// The connection has ended before its successor is welcomed, which then is the one to wait for.
    pub(crate) fn promote(&mut self, successor: Successor, code: u16) {
        self.token_refused |= code == POLICY;
        self.token_expired |= code == TOKEN_EXPIRED;
        self.token = self.next_token.take();
        self.link = Link::Opening {
            generation: successor.generation,
            welcome_by: successor.welcome_by,
            term: successor.term,
        };
        let attempt = self.attempts;
        self.change_state(State::Connecting { attempt });
    }

    pub(crate) fn abandon(&mut self, successor: Successor, code: u16) {
        let generation = successor.generation;
        self.next_token = None;
        self.emit(Effect::CloseSocket { generation, code });
    }

    // Fields of the link.

    /// Only a provider has another token when one ends.
    pub(crate) fn term_of(&self, token: Option<&Token>) -> Option<Term> {
        let token = token.filter(|_| self.provider().is_some())?;
        Term::new(self.now, token, self.options.renew_token_before_ms)
    }

    fn renewal(&self) -> Option<Renewal> {
        match self.link {
            Link::Up { renewal, .. } => Some(renewal),
            _ => None,
        }
    }

    fn change_renewal(&mut self, new: Renewal) {
        if let Link::Up { renewal, .. } = &mut self.link {
            *renewal = new;
        }
    }

    fn set_renewal(&mut self, renewal: Renewal, new_term: Option<Term>) {
        self.change_renewal(renewal);
        if let Link::Up { term, .. } = &mut self.link {
            *term = new_term;
        }
    }
}
