//! A world in virtual time: one session, a network with latency, and a model of the server.
//!
//! The world carries out every effect, and checks after each one what must hold at any time, so
//! every test checks it as well. See `invariants.rs`.

#![allow(dead_code, reason = "each test file uses its own part of the world")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails should panic"
)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use flowmaestro_protocol::{Feature, Features};
use flowmaestro_session::{
    Backoff, Credentials, Effect, ExecutionKey, Frame, FrameKind, Generation, Input, Jitter,
    Options, Outgoing, Position, Refused, ReplayId, SendId, Session, State, Token, TokenRequest,
};

mod history;
mod invariants;
mod ledger;
mod record;
mod server;

pub use history::{Fate, History};
pub use invariants::numbers;
pub use ledger::Ledger;
pub use server::{Admission, Answer, Server};

pub type Payload = String;

/// The type of the terminal event, as the tests number it.
const TERMINAL: u8 = 2;

/// Delays without jitter.
pub fn exact() -> Options {
    let reconnect = Backoff {
        jitter: Jitter::None,
        ..Backoff::default()
    };
    Options {
        reconnect,
        ..Options::default()
    }
}

pub fn token(text: &str) -> Credentials {
    Credentials::Token(Token::new(text.to_owned()))
}

pub fn key(number: u32) -> ExecutionKey {
    ExecutionKey(number)
}

pub fn event(execution: u32) -> FrameKind {
    FrameKind::Event {
        event: 1,
        execution: Some(key(execution)),
        terminal: false,
        seq: None,
        ack: false,
    }
}

pub fn terminal(execution: u32) -> FrameKind {
    FrameKind::Event {
        event: TERMINAL,
        execution: Some(key(execution)),
        terminal: true,
        seq: None,
        ack: false,
    }
}

/// The answer of a baseline server.
pub fn acknowledgement(execution: u32) -> FrameKind {
    FrameKind::Subscribed {
        execution: key(execution),
        position: None,
    }
}

/// The first question about an execution.
pub fn subscribe(execution: u32) -> Outgoing<Payload> {
    Outgoing::Subscribe {
        execution: key(execution),
        after: None,
        presence: false,
    }
}

/// A message on its way, or something else that will happen.
#[derive(Clone, Debug)]
enum Coming {
    Dial {
        generation: Generation,
        token: Option<String>,
    },
    ToServer {
        generation: Generation,
        message: Outgoing<Payload>,
        /// Of which history the client knows the execution.
        epoch: Option<u32>,
    },
    /// An event was handled.
    EventAck {
        generation: Generation,
        execution: u32,
        seq: u64,
    },
    /// A numbered event on its way to the client.
    Event {
        generation: Generation,
        execution: u32,
        epoch: u32,
        seq: u64,
    },
    /// `subscribed` with where the subscription stands.
    Positioned {
        generation: Generation,
        execution: u32,
        epoch: u32,
        head: u64,
        recovered: bool,
    },
    Pong {
        generation: Generation,
        id: u32,
        heads: Vec<(u32, u64)>,
    },
    HangUp {
        generation: Generation,
    },
    Opened {
        generation: Generation,
    },
    ToClient {
        generation: Generation,
        kind: FrameKind,
    },
    Ended {
        generation: Generation,
        code: u16,
        reason: String,
    },
    Token {
        request: TokenRequest,
        token: Option<String>,
        /// How long it lasts from when it arrives, as far as it says.
        lasts: Option<f64>,
    },
}

pub struct World {
    pub session: Session<Payload>,
    pub server: Server,
    pub now: f64,
    /// One way, in milliseconds.
    pub latency: f64,
    /// What the provider says next; `provider_default` once these are used up.
    pub provider: VecDeque<Answer>,
    pub provider_default: Answer,
    /// All effects with the time at which they were asked for.
    pub effects: Vec<(f64, Effect<Payload>)>,
    coming: Vec<(f64, u64, Coming)>,
    sequence: u64,
    // What the invariants are checked against.
    pub open_socket: Option<Generation>,
    /// The socket that is to take its place.
    pub successor: Option<Generation>,
    /// How many hold each execution.
    pub holders: BTreeMap<u32, u32>,
    rooms: BTreeSet<u32>,
    known: BTreeSet<u32>,
    in_flight: BTreeMap<u32, f64>,
    /// Messages without an outcome, with the identity that sent them.
    pending_sends: BTreeMap<u32, Option<Credentials>>,
    identity: Option<Credentials>,
    transmitted: BTreeSet<u32>,
    /// What the last welcome offered.
    pub offered: Features,
    /// The execution of the last event that arrived.
    duplicate: Option<u32>,
    /// Unsubscribed although an answer is due, which only making room justifies.
    evicting: Option<u32>,
    /// Executions whose terminal event was delivered to their present holders.
    finished: BTreeSet<u32>,
    /// Neither end hears the other any more, and neither knows.
    pub frozen: bool,
    /// The server does not hear the client any more, which still hears the server.
    pub deaf: bool,
    /// Connections on which something was lost that the client said, and so all that follows.
    broken: BTreeSet<Generation>,
    /// What becomes of the next frames to the client; `Fate::Arrives` once these are used up.
    pub fates: VecDeque<Fate>,
    /// Events go to the session by its short way, where it takes them.
    takes_next: bool,
    /// Of which history the client knows each execution, as a decoder notes it.
    epochs: BTreeMap<u32, u32>,
    /// What was delivered and told of each execution's numbered events.
    pub ledgers: BTreeMap<u32, Ledger>,
    /// Those of them that had ended when their connection did: which history their numbers are of,
    /// nobody tells any more.
    ended_before: BTreeSet<u32>,
    /// Replays without an outcome.
    pending_replays: BTreeMap<u32, u32>,
    /// The numbered events that were delivered of what is known: execution, epoch, number.
    delivered: BTreeSet<(u32, u32, u64)>,
    most_queued: usize,
    state: State,
    pub options: Options,
}

impl Coming {
    /// Whether the network carries it to the client as a frame.
    fn is_frame(&self) -> bool {
        matches!(
            self,
            Self::ToClient { .. }
                | Self::Event { .. }
                | Self::Positioned { .. }
                | Self::Pong { .. }
        )
    }
}

impl World {
    pub fn new(options: Options) -> Self {
        Self::seeded(options, 42)
    }

    pub fn seeded(options: Options, seed: u64) -> Self {
        let server = Server {
            admission: Admission::Welcome,
            next_admissions: VecDeque::new(),
            features: None,
            forbidden: BTreeSet::new(),
            busy: BTreeMap::new(),
            mute: BTreeSet::new(),
            connections: BTreeMap::new(),
            tokens: Vec::new(),
            received: Vec::new(),
            spoken: BTreeMap::new(),
            histories: BTreeMap::new(),
            epoch: 1,
            unacknowledged: BTreeSet::new(),
            event_acks: Vec::new(),
            taken: Vec::new(),
            rejects: BTreeSet::new(),
            deaf_to_pings: false,
            silent_about_tokens: false,
            numbers_anyway: false,
            thinks: false,
            replays: Vec::new(),
        };
        Self {
            session: Session::new(options, seed),
            server,
            now: 0.0,
            latency: 10.0,
            provider: VecDeque::new(),
            provider_default: Answer::Token("fresh"),
            effects: Vec::new(),
            coming: Vec::new(),
            sequence: 0,
            open_socket: None,
            successor: None,
            holders: BTreeMap::new(),
            rooms: BTreeSet::new(),
            known: BTreeSet::new(),
            in_flight: BTreeMap::new(),
            pending_sends: BTreeMap::new(),
            identity: None,
            transmitted: BTreeSet::new(),
            offered: Features::NONE,
            duplicate: None,
            evicting: None,
            finished: BTreeSet::new(),
            frozen: false,
            deaf: false,
            broken: BTreeSet::new(),
            fates: VecDeque::new(),
            takes_next: seed.is_multiple_of(2),
            epochs: BTreeMap::new(),
            ledgers: BTreeMap::new(),
            ended_before: BTreeSet::new(),
            pending_replays: BTreeMap::new(),
            delivered: BTreeSet::new(),
            most_queued: options.max_queued_messages,
            state: State::Disconnected { cause: None },
            options,
        }
    }

    /// A world whose session is connected and quiet.
    pub fn connected(options: Options) -> Self {
        let mut world = Self::new(options);
        world.connect(token("t"));
        world.advance(2.0 * world.latency);
        assert_eq!(world.session.state(), &State::Connected);
        world.forget();
        world
    }

    /// A world whose server has these features, and whose session is connected and quiet.
    pub fn featured(features: &[Feature]) -> Self {
        Self::featured_with(exact(), features)
    }

    pub fn featured_with(options: Options, features: &[Feature]) -> Self {
        let mut world = Self::new(options);
        world.server.features = Some(features.iter().copied().collect());
        world.connect(token("t"));
        world.advance(2.0 * world.latency + 10.0);
        assert_eq!(world.session.state(), &State::Connected);
        world.forget();
        world
    }

    /// Forgets what was recorded, so that a test sees only what follows.
    pub fn forget(&mut self) {
        self.effects.clear();
        self.server.received.clear();
        self.server.tokens.clear();
    }

    // What a user does.

    pub fn connect(&mut self, credentials: Credentials) {
        self.handle(Input::Connect { credentials }).unwrap();
    }

    pub fn disconnect(&mut self) {
        self.handle(Input::Disconnect).unwrap();
    }

    pub fn subscribe(&mut self, execution: u32) {
        self.handle(Input::Subscribe(key(execution))).unwrap();
    }

    pub fn unsubscribe(&mut self, execution: u32) {
        self.handle(Input::Unsubscribe(key(execution))).unwrap();
    }

    /// Another session has delivered everything of an execution up to this event.
    pub fn go_on_from(&mut self, execution: u32, seq: u64) {
        let epoch = self.server.epoch;
        self.epochs.insert(execution, epoch);
        self.ledgers.entry(execution).or_default().last = seq;
        self.delivered
            .extend((1..=seq).map(|seq| (execution, epoch, seq)));
        self.session.go_on_from(key(execution), seq);
    }

    pub fn send(&mut self, id: u32) -> Result<(), Refused> {
        self.send_sized(id, 10)
    }

    pub fn send_sized(&mut self, id: u32, bytes: usize) -> Result<(), Refused> {
        let message = format!("message {id}");
        self.handle(Input::Send {
            id: SendId(id),
            message,
            bytes,
        })
    }

    /// Asks for the events of an execution from this number on: the server's clock strikes once for
    /// each event.
    pub fn replay(&mut self, id: u32, execution: u32, since: u64) -> Result<(), Refused> {
        self.handle(Input::Replay {
            id: ReplayId(id),
            execution: key(execution),
            since,
        })
    }

    // Time.

    /// Lets time pass: whatever is due happens when it is due.
    pub fn advance(&mut self, ms: f64) {
        let end = self.now + ms;
        let mut steps = 0;
        while let Some(at) = self.next_time().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.step();
            steps += 1;
            assert!(steps < 10_000, "the session spins at {at} ms");
        }
        self.now = end;
    }

    /// Lets time pass without anything happening in it, as when the computer sleeps.
    pub fn sleep(&mut self, ms: f64) {
        self.now += ms;
    }

    /// Advances until something holds, for at most ten virtual minutes.
    pub fn advance_until(&mut self, mut done: impl FnMut(&Self) -> bool) {
        let end = self.now + 600_000.0;
        while !done(self) {
            let at = self.next_time().filter(|at| *at <= end);
            let at = at.expect("it never came true, and nothing more is going to happen");
            self.now = self.now.max(at);
            self.step();
        }
    }

    /// The one next frame that is due now, while no timer runs. Returns whether there was one.
    pub fn step_frames(&mut self) -> bool {
        let due = self.coming.iter().any(|(at, ..)| *at <= self.now);
        if due {
            self.step();
        }
        due
    }

    fn next_time(&self) -> Option<f64> {
        let coming = self.coming.iter().map(|(at, ..)| *at);
        let deadline = self.session.next_deadline().map(|deadline| deadline.0);
        coming.chain(deadline).min_by(f64::total_cmp)
    }

    /// The one next thing that is due now.
    fn step(&mut self) {
        let due = self
            .coming
            .iter()
            .enumerate()
            .filter(|(_, (at, ..))| *at <= self.now);
        let next = due.min_by(|(_, a), (_, b)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        match next.map(|(index, _)| index) {
            Some(index) => {
                let (_, _, coming) = self.coming.swap_remove(index);
                self.happen(coming);
            }
            None => self.handle(Input::Tick).unwrap(),
        }
    }

    fn later(&mut self, delay: f64, coming: Coming) {
        let is_lost = match coming {
            Coming::ToServer { generation, .. } | Coming::EventAck { generation, .. } => {
                if self.frozen || self.deaf {
                    self.broken.insert(generation);
                }
                self.broken.contains(&generation)
            }
            _ => self.frozen && coming.is_frame(),
        };
        if is_lost {
            return;
        }
        let fate = if coming.is_frame() {
            self.fates.pop_front().unwrap_or(Fate::Arrives)
        } else {
            Fate::Arrives
        };
        match fate {
            Fate::Arrives => self.schedule(delay, coming),
            Fate::Lost => {}
            Fate::Doubled => {
                self.schedule(delay, coming.clone());
                self.schedule(delay + 1.0, coming);
            }
            Fate::Late(by) => self.schedule(delay + by, coming),
        }
    }

    fn schedule(&mut self, delay: f64, coming: Coming) {
        self.sequence += 1;
        self.coming.push((self.now + delay, self.sequence, coming));
    }

    fn happen(&mut self, coming: Coming) {
        match coming {
            Coming::Dial { generation, token } => self.admit(generation, token),
            Coming::ToServer {
                generation,
                message,
                epoch,
            } => self.serve(generation, message, epoch),
            Coming::EventAck {
                generation,
                execution,
                seq,
            } => self.event_acknowledged(generation, execution, seq),
            Coming::Event {
                generation,
                execution,
                epoch,
                seq,
            } => self.numbered_event(generation, execution, epoch, seq),
            Coming::Positioned {
                generation,
                execution,
                epoch,
                head,
                recovered,
            } => {
                let before = self.epochs.get(&execution).copied();
                let is_read = self.open_socket == Some(generation);
                if is_read && self.known.contains(&execution) {
                    self.epochs.insert(execution, epoch);
                }
                let position = Position {
                    head,
                    recovered,
                    restarted: !recovered && before.is_some_and(|before| before != epoch),
                };
                if position.restarted {
                    self.forget_history(execution);
                }
                let kind = FrameKind::Subscribed {
                    execution: key(execution),
                    position: Some(position),
                };
                self.frame(generation, kind);
            }
            Coming::Pong {
                generation,
                id,
                heads,
            } => {
                for (execution, seq) in heads {
                    let execution = key(execution);
                    let head = Input::Head {
                        generation,
                        execution,
                        seq,
                    };
                    self.handle(head).unwrap();
                }
                self.frame(generation, FrameKind::Pong(id));
            }
            Coming::HangUp { generation } => {
                self.server.connections.remove(&generation);
                self.server.spoken.remove(&generation);
            }
            Coming::Opened { generation } => {
                self.handle(Input::SocketOpened { generation }).unwrap();
            }
            Coming::ToClient { generation, kind } => self.frame(generation, kind),
            Coming::Ended {
                generation,
                code,
                reason,
            } => {
                self.lose_socket(generation);
                self.handle(Input::SocketClosed {
                    generation,
                    code,
                    reason,
                })
                .unwrap();
            }
            Coming::Token {
                request,
                token,
                lasts,
            } => {
                let token = token.map(|text| Token::expiring(text, lasts));
                self.handle(Input::TokenReady { request, token }).unwrap();
            }
        }
    }

    /// A frame arrives at the client.
    pub fn frame(&mut self, generation: Generation, kind: FrameKind) {
        if let FrameKind::Subscribed { execution: key, .. } | FrameKind::Unsubscribed(key) = kind {
            self.in_flight.remove(&key.0);
        }
        if let FrameKind::Error {
            execution: Some(key),
            ..
        } = kind
        {
            self.in_flight.remove(&key.0);
        }
        self.deliver_frame(generation, kind, format!("{kind:?}"));
    }

    /// A numbered event arrives at the client, whatever the server's history says.
    pub fn numbered(&mut self, execution: u32, seq: u64) {
        let generation = self.open_socket.unwrap();
        self.numbered_event(generation, execution, self.server.epoch, seq);
    }

    fn deliver_frame(&mut self, generation: Generation, kind: FrameKind, payload: Payload) {
        if self.took_next(generation, kind, &payload) {
            return;
        }
        let frame = Frame { kind, payload };
        self.handle(Input::SocketFrame { generation, frame })
            .unwrap();
    }
}
