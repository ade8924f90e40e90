use std::sync::Arc;

use flowmaestro_protocol::Subscribe;

/// A connection's subscription to one execution.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) progress: Progress,
    pub(crate) presence: Presence,
}

/// How far a subscription has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Events are sent as they are emitted.
    Live,
    /// Events are read from the history, as fast as the socket takes them.
    CatchingUp {
        /// The `seq` of the next one.
        next: u64,
    },
}

/// What a subscription is told of the others who watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    Unwanted,
    /// It was told this.
    Told(Arc<str>),
}

/// From where on a subscription gets events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) next: u64,
    /// Whether nothing that the client asked for is missing.
    pub(crate) recovered: bool,
}

impl Start {
    /// Decides from what the client has, and what the history has: the numbers `first..=head`.
    ///
    /// A client that names no epoch is believed to mean this one. A position after the head cannot
    /// be of this epoch.
    pub(crate) fn new(subscribe: &Subscribe, epoch: &str, first: u64, head: u64) -> Self {
        let after = subscribe.after.unwrap_or_default();
        let of_this_epoch = subscribe
            .epoch
            .as_deref()
            .is_none_or(|named| named == epoch);
        let of_this_epoch = of_this_epoch || planted!(EpochNotCompared);
        let recovered = of_this_epoch && after <= head && after >= first - 1;
        let next = if recovered { after + 1 } else { first };
        let next = next + u64::from(planted!(ReplaySkipsOne) && next < head);
        Self { next, recovered }
    }
}
