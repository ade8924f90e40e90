use std::collections::VecDeque;

use crate::timers::Timers;
use crate::{Config, ConnectionId, Counters, Effect, Millis};

/// What every part of the hub reads and writes.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) config: Config,
    /// The time of the current call.
    pub(crate) now: Millis,
    pub(crate) effects: VecDeque<Effect>,
    pub(crate) timers: Timers,
    pub(crate) counters: Counters,
    /// The connections that were closed in the current call: their subscriptions end with it.
    pub(crate) closed: Vec<ConnectionId>,
}
