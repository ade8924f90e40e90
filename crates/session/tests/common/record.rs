//! What was recorded, in the shapes that tests compare.

use flowmaestro_session::{Effect, Gap, Outgoing, Problem, ReplayError, SendError, State};

use super::{Payload, World};

/// How many events a replay brought and whether these are all, or why it did not.
pub type Replayed = Result<(u64, bool), ReplayError>;

impl World {
    pub fn states(&self) -> Vec<State> {
        self.collect(|effect| match effect {
            Effect::StateChanged(state) => Some(state.clone()),
            _ => None,
        })
    }

    /// The messages on the socket, in order.
    pub fn transmitted(&self) -> Vec<Outgoing<Payload>> {
        self.collect(|effect| match effect {
            Effect::Transmit { message, .. } => Some(message.clone()),
            _ => None,
        })
    }

    /// The executions whose events were delivered, in order.
    pub fn delivered(&self) -> Vec<u32> {
        self.collect(|effect| match effect {
            Effect::Deliver {
                execution: Some(key),
                ..
            } => Some(key.0),
            _ => None,
        })
    }

    /// The numbers of an execution's events that were delivered, in order.
    pub fn seqs(&self, execution: u32) -> Vec<u64> {
        self.collect(|effect| match effect {
            Effect::Deliver {
                execution: Some(key),
                payload,
                ..
            } if key.0 == execution => super::numbers(payload).map(|(_, seq)| seq),
            _ => None,
        })
    }

    /// What became of the replays, in the order in which it was said.
    pub fn replays(&self) -> Vec<(u32, Replayed)> {
        self.collect(|effect| match *effect {
            Effect::Replayed {
                id,
                count,
                complete,
            } => Some((id.0, Ok((count, complete)))),
            Effect::ReplayFailed { id, error } => Some((id.0, Err(error))),
            _ => None,
        })
    }

    /// The gaps that were told.
    pub fn gaps(&self) -> Vec<(u32, Gap)> {
        self.collect(|effect| match effect {
            Effect::Gap { execution, gap } => Some((execution.0, *gap)),
            _ => None,
        })
    }

    /// From where the server was asked to go on, each time that it was asked about an execution.
    pub fn asked(&self, execution: u32) -> Vec<Option<u64>> {
        self.collect(|effect| match effect {
            Effect::Transmit {
                message:
                    Outgoing::Subscribe {
                        execution: key,
                        after,
                        ..
                    },
                ..
            } if key.0 == execution => Some(*after),
            _ => None,
        })
    }

    pub fn pings(&self) -> Vec<(f64, u32)> {
        let ping = |(at, effect): &(f64, Effect<_>)| match effect {
            Effect::Transmit {
                message: Outgoing::Ping(id),
                ..
            } => Some((*at, *id)),
            _ => None,
        };
        self.effects.iter().filter_map(ping).collect()
    }

    pub fn released(&self) -> Vec<u32> {
        self.collect(|effect| match effect {
            Effect::Released(key) => Some(key.0),
            _ => None,
        })
    }

    /// The acknowledged executions, with whether they were resumed.
    pub fn acknowledged(&self) -> Vec<(u32, bool)> {
        self.collect(|effect| match effect {
            Effect::Subscribed {
                execution, resumed, ..
            } => Some((execution.0, *resumed)),
            _ => None,
        })
    }

    pub fn problems(&self) -> Vec<Problem<Payload>> {
        self.collect(|effect| match effect {
            Effect::Reported { problem } => Some(problem.clone()),
            _ => None,
        })
    }

    pub fn sent(&self) -> Vec<u32> {
        self.collect(|effect| match effect {
            Effect::Sent { id } => Some(id.0),
            _ => None,
        })
    }

    pub fn failed_sends(&self) -> Vec<(u32, SendError)> {
        self.collect(|effect| match effect {
            Effect::SendFailed { id, error } => Some((id.0, *error)),
            _ => None,
        })
    }

    pub fn close_codes(&self) -> Vec<u16> {
        self.collect(|effect| match effect {
            Effect::CloseSocket { code, .. } => Some(*code),
            _ => None,
        })
    }

    pub fn token_requests(&self) -> usize {
        self.collect(|effect| matches!(effect, Effect::RequestToken { .. }).then_some(()))
            .len()
    }

    /// When sockets were opened.
    pub fn dial_times(&self) -> Vec<f64> {
        let opened = |effect: &Effect<_>| matches!(effect, Effect::OpenSocket { .. });
        self.effects
            .iter()
            .filter(|(_, effect)| opened(effect))
            .map(|(at, _)| *at)
            .collect()
    }

    /// The delays that the session announced while waiting, in milliseconds.
    pub fn delays(&self) -> Vec<f64> {
        let delay = |(at, effect): &(f64, Effect<_>)| match effect {
            Effect::StateChanged(State::Waiting { retry_at, .. }) => Some(retry_at.0 - at),
            _ => None,
        };
        self.effects.iter().filter_map(delay).collect()
    }

    fn collect<T>(&self, pick: impl Fn(&Effect<Payload>) -> Option<T>) -> Vec<T> {
        self.effects
            .iter()
            .filter_map(|(_, effect)| pick(effect))
            .collect()
    }

    pub fn is_connected(&self) -> bool {
        self.session.state() == &State::Connected
    }
}
