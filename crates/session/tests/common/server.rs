//! The model of the server, and of the token provider.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use flowmaestro_protocol::{Feature, Features};
use flowmaestro_session::{FrameKind, Generation, Outgoing};

use super::{Coming, History, Payload, World};

/// How the server treats a new socket.
#[derive(Clone, Debug, PartialEq)]
pub enum Admission {
    Welcome,
    /// Opens the socket, then closes it.
    Close(u16, &'static str),
    /// Nobody listens.
    Refuse,
    /// Opens the socket and never says a word.
    Silence,
    /// Nothing happens at all.
    Stall,
}

pub struct Server {
    pub admission: Admission,
    /// Admissions of the next sockets, before `admission` applies.
    pub next_admissions: VecDeque<Admission>,
    /// What the welcome offers, if it speaks of features.
    pub features: Option<Features>,
    /// Executions whose subscription is refused with an `error forbidden`.
    pub forbidden: BTreeSet<u32>,
    /// Executions whose next subscriptions are refused with another `error`, so many times.
    pub busy: BTreeMap<u32, u32>,
    /// Executions to which there is never an answer, as with an invalid id.
    pub mute: BTreeSet<u32>,
    /// The subscriptions of each connection.
    pub connections: BTreeMap<Generation, BTreeSet<u32>>,
    /// The tokens that were presented, in order.
    pub tokens: Vec<Option<String>>,
    /// All that arrived, in order.
    pub received: Vec<Outgoing<Payload>>,
    /// What each connection's client said that it speaks.
    pub spoken: BTreeMap<Generation, Features>,
    pub histories: BTreeMap<u32, History>,
    /// Changes when the histories are lost.
    pub epoch: u32,
    /// Critical events that no client has said to have handled.
    pub unacknowledged: BTreeSet<(u32, u64)>,
    /// The acknowledgements of events, in order.
    pub event_acks: Vec<(u32, u64)>,
    /// The messages that the server acted on, in order. A second copy is known by its number.
    pub taken: Vec<u32>,
    /// Messages that are refused with an `error`.
    pub rejects: BTreeSet<u32>,
    pub deaf_to_pings: bool,
    /// `auth` is taken without a word.
    pub silent_about_tokens: bool,
    /// Replays wait for `answer_replays`.
    pub thinks: bool,
    /// Those that wait, with since when.
    pub(super) replays: Vec<(Generation, u32, u64)>,
    /// Events carry numbers even where replay is not spoken.
    pub numbers_anyway: bool,
}

/// What the token provider says to one question.
#[derive(Clone, Debug)]
pub enum Answer {
    Token(&'static str),
    /// One that says how many milliseconds it lasts.
    Lasting(&'static str, f64),
    /// This answer, but so many milliseconds late.
    Late(f64, Box<Answer>),
    Failure,
    Never,
}

impl World {
    /// Sends a frame on every connection, whoever is subscribed.
    pub fn push(&mut self, kind: FrameKind) {
        for generation in self.server.connections.keys().copied().collect::<Vec<_>>() {
            self.later(self.latency, Coming::ToClient { generation, kind });
        }
    }

    /// Sends an event to those who are subscribed, as the server does.
    pub fn emit(&mut self, execution: u32, kind: FrameKind) {
        for (generation, subscriptions) in self.server.connections.clone() {
            if subscriptions.contains(&execution) {
                self.later(self.latency, Coming::ToClient { generation, kind });
            }
        }
    }

    /// From now on every message is lost, until the connections are cut.
    pub fn freeze(&mut self) {
        self.frozen = true;
    }

    /// Closes every connection.
    pub fn cut(&mut self, code: u16, reason: &str) {
        self.frozen = false;
        self.deaf = false;
        self.server.spoken.clear();
        for generation in std::mem::take(&mut self.server.connections).into_keys() {
            let reason = reason.to_owned();
            self.later(
                self.latency,
                Coming::Ended {
                    generation,
                    code,
                    reason,
                },
            );
        }
    }

    /// Closes the connection that the session is connected by.
    pub fn cut_all_but_successor(&mut self, code: u16) {
        let generation = self.open_socket.unwrap();
        self.server.connections.remove(&generation);
        self.server.spoken.remove(&generation);
        let reason = String::new();
        let ended = Coming::Ended {
            generation,
            code,
            reason,
        };
        self.schedule(0.0, ended);
    }

    /// What the server should be sending events of.
    pub fn expected(&self) -> Vec<u32> {
        self.holders
            .keys()
            .copied()
            .filter(|key| !self.finished.contains(key))
            .collect()
    }

    /// The subscriptions that the server holds, of all connections together.
    pub fn subscribed(&self) -> Vec<u32> {
        self.server
            .connections
            .values()
            .flatten()
            .copied()
            .collect()
    }

    pub(super) fn admit(&mut self, generation: Generation, token: Option<String>) {
        self.server.tokens.push(token);
        let admission = self.server.next_admissions.pop_front();
        match admission.unwrap_or_else(|| self.server.admission.clone()) {
            Admission::Refuse => {
                let ended = Coming::Ended {
                    generation,
                    code: 1006,
                    reason: String::new(),
                };
                self.later(self.latency, ended);
            }
            Admission::Stall => {}
            Admission::Silence => self.later(self.latency, Coming::Opened { generation }),
            Admission::Close(code, reason) => {
                self.later(self.latency, Coming::Opened { generation });
                let ended = Coming::Ended {
                    generation,
                    code,
                    reason: reason.to_owned(),
                };
                self.later(self.latency, ended);
            }
            Admission::Welcome => {
                self.server.connections.insert(generation, BTreeSet::new());
                self.later(self.latency, Coming::Opened { generation });
                let kind = FrameKind::Welcome {
                    features: self.server.features,
                };
                self.later(self.latency, Coming::ToClient { generation, kind });
            }
        }
    }

    pub(super) fn serve(
        &mut self,
        generation: Generation,
        message: Outgoing<Payload>,
        epoch: Option<u32>,
    ) {
        let replays = self.speaks(generation, Feature::Replay);
        let confirms = self.speaks(generation, Feature::Ack);
        let Some(subscriptions) = self.server.connections.get_mut(&generation) else {
            return;
        };
        self.server.received.push(message.clone());
        let answer = match message {
            Outgoing::Subscribe { execution: key, .. } if self.server.mute.contains(&key.0) => {
                return;
            }
            Outgoing::Subscribe { execution: key, .. }
                if self.server.forbidden.contains(&key.0) =>
            {
                FrameKind::Error {
                    execution: Some(key),
                    message: None,
                    forbidden: true,
                }
            }
            Outgoing::Subscribe { execution: key, .. }
                if self.server.busy.get(&key.0).is_some_and(|n| *n > 0) =>
            {
                *self.server.busy.get_mut(&key.0).unwrap() -= 1;
                FrameKind::Error {
                    execution: Some(key),
                    message: None,
                    forbidden: false,
                }
            }
            Outgoing::Subscribe {
                execution: key,
                after,
                ..
            } => {
                subscriptions.insert(key.0);
                let limit = self.options.max_subscriptions;
                assert!(
                    subscriptions.len() <= limit || self.broken.contains(&generation),
                    "more subscriptions than the server takes"
                );
                if replays {
                    return self.recover(generation, key.0, after, epoch);
                }
                assert_eq!(after, None, "a baseline server has no history");
                super::acknowledgement(key.0)
            }
            Outgoing::Replay { execution, since } => {
                return self.asked_for_the_past(generation, execution.0, since);
            }
            Outgoing::Unsubscribe(key) => {
                subscriptions.remove(&key.0);
                self.server
                    .replays
                    .retain(|(_, execution, _)| *execution != key.0);
                if self.server.mute.contains(&key.0) {
                    return;
                }
                FrameKind::Unsubscribed(key)
            }
            Outgoing::Hello(features) => return self.greet(generation, features),
            Outgoing::Message { id, confirm, .. } => {
                assert_eq!(confirm, confirms);
                if self.server.rejects.contains(&id.0) {
                    FrameKind::Error {
                        execution: None,
                        message: Some(id),
                        forbidden: false,
                    }
                } else {
                    if !confirms || !self.server.taken.contains(&id.0) {
                        self.server.taken.push(id.0);
                    }
                    if !confirms {
                        return;
                    }
                    FrameKind::Acknowledged(id)
                }
            }
            Outgoing::Ping(id) => {
                assert!(self.speaks(generation, Feature::Ping), "an unexpected ping");
                if self.server.deaf_to_pings {
                    return;
                }
                let on = self.server.connections.get(&generation).cloned();
                let on = on.into_iter().flatten();
                let heads = on.map(|execution| (execution, self.head(execution)));
                let heads = heads.collect();
                let pong = Coming::Pong {
                    generation,
                    id,
                    heads,
                };
                return self.later(self.latency, pong);
            }
            Outgoing::Auth(_) => {
                assert!(
                    self.speaks(generation, Feature::Auth),
                    "an unexpected token"
                );
                if self.server.silent_about_tokens {
                    return;
                }
                FrameKind::Authenticated
            }
        };
        self.later(
            self.latency,
            Coming::ToClient {
                generation,
                kind: answer,
            },
        );
    }
}
