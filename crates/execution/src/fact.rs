//! An event as it comes in, and what is kept of it.

use core::cmp::Ordering;

use flowmaestro_protocol::EventType;

use crate::stamp::Stamp;

/// An event, as the few values that decide something, and a payload that decides nothing.
///
/// Both lists follow from the event's field table: `numbers` are its number fields but `timestamp`,
/// in the order of their declaration, and `subject` stands for its `nodeId`, `failedNodeId` or
/// `documentId`.
///
/// | event | `subject` | `numbers` |
/// |---|---|---|
/// | `execution:started` | | `totalNodes` |
/// | `execution:progress` | | `completed`, `total`, `percentage` |
/// | `execution:completed` | | `duration` |
/// | `execution:failed` | `failedNodeId` | |
/// | `node:started`, `node:failed`, `node:stream` | `nodeId` | |
/// | `node:completed` | `nodeId` | `duration` |
/// | `node:retry` | `nodeId` | `attempt`, `nextRetryIn` |
/// | `user:input:required`, `user:input:response` | `nodeId` | |
/// | `kb:document:processing`, `kb:document:failed` | `documentId` | |
/// | `kb:document:completed` | `documentId` | `chunkCount` |
#[derive(Clone, Debug, PartialEq)]
pub struct Arrival<V> {
    /// Its type.
    pub event: EventType,
    /// Its `timestamp`, in ms since the Unix epoch.
    pub at: f64,
    /// Its `seq`, where the server numbers its events.
    pub seq: Option<u64>,
    /// The caller's number of the node or document: from 0, without holes.
    pub subject: Option<u32>,
    /// Its numbers; 0 where it has fewer.
    pub numbers: [f64; 3],
    /// For `node:stream` the `chunk`; else what the page wants to show, such as the whole event.
    pub payload: V,
    /// How large the payload is, in the unit of the limits in [`Options`](crate::Options). For a
    /// chunk, its length in the unit by which the page cuts text: in JavaScript, UTF-16 code units.
    pub size: u32,
}

/// What is kept of an event.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact<V> {
    pub(crate) stamp: Stamp,
    /// The event's type.
    pub event: EventType,
    /// The node or document.
    pub subject: Option<u32>,
    /// The event's numbers, as in [`Arrival`]; each is finite.
    pub numbers: [f64; 3],
    /// How large the payload is, also where it was too large to be kept.
    pub size: u32,
    /// The payload, unless it was larger than the limit.
    pub payload: Option<V>,
}

impl<V> Fact<V> {
    pub(crate) fn new(arrival: Arrival<V>, stamp: Stamp, max_size: u32) -> Self {
        let is_kept = arrival.size <= max_size;
        Self {
            stamp,
            event: arrival.event,
            subject: arrival.subject,
            numbers: arrival.numbers.map(finite),
            size: arrival.size,
            payload: is_kept.then_some(arrival.payload),
        }
    }

    /// When it was emitted, in ms since the Unix epoch.
    pub const fn at(&self) -> f64 {
        self.stamp.at
    }

    /// The event's number, where the server numbers them.
    pub fn seq(&self) -> Option<u64> {
        self.stamp.is_numbered().then_some(self.stamp.seq)
    }

    /// Whether it says more than `other`, of the same register: it is later, or of the same time
    /// and further. Of two that differ in nothing of that, neither does.
    pub(crate) fn supersedes(&self, other: &Self) -> bool {
        self.stamp
            .order(other.stamp)
            .then_with(|| self.rank(other))
            .is_gt()
    }

    /// Whether it happened earlier than `other`, or at the same time and says more.
    pub(crate) fn precedes(&self, other: &Self) -> bool {
        other
            .stamp
            .order(self.stamp)
            .then_with(|| self.rank(other))
            .is_gt()
    }

    /// Whether both tell of one event, as far as that can be known.
    pub(crate) fn is_same_event(&self, other: &Self) -> bool {
        self.stamp.order(other.stamp).is_eq()
            && self.rank(other).is_eq()
            && self.subject == other.subject
    }

    /// Failed counts for more than completed: a failure is not to be hidden by chance.
    fn rank(&self, other: &Self) -> Ordering {
        let [number, ..] = self.numbers;
        let [other_number, ..] = other.numbers;
        self.event
            .cmp(&other.event)
            .then_with(|| number.total_cmp(&other_number))
    }

    pub(crate) const fn first_number(&self) -> f64 {
        let [number, ..] = self.numbers;
        number
    }
}

/// Keeps the later of two facts; whether that is the new one.
pub(crate) fn keep_latest<V>(register: &mut Option<Fact<V>>, fact: Fact<V>) -> bool {
    let wins = register.as_ref().is_none_or(|held| fact.supersedes(held));
    if wins {
        *register = Some(fact);
    }
    wins
}

/// Keeps the earlier of two facts; whether that is the new one.
pub(crate) fn keep_earliest<V>(register: &mut Option<Fact<V>>, fact: Fact<V>) -> bool {
    let wins = register.as_ref().is_none_or(|held| fact.precedes(held));
    if wins {
        *register = Some(fact);
    }
    wins
}

/// JSON has no other numbers; whoever hands one over anyway spoils no sum by it.
const fn finite(number: f64) -> f64 {
    if number.is_finite() { number } else { 0.0 }
}
