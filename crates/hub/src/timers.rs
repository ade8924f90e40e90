use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::{ConnectionId, Millis};

/// What is to be done at some time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// The connection's batch is complete.
    Batch(ConnectionId),
    /// The connection's token ends soon.
    Expiring(ConnectionId),
    /// The connection's token has ended.
    Expired(ConnectionId),
    /// Those who watch the execution are told of each other.
    Presence(Arc<str>),
    /// The user's oldest `messageId` is forgotten.
    MessageIds(Arc<str>),
}

/// The deadlines, each timer at most once.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    by_time: BTreeSet<(Millis, Timer)>,
    by_timer: BTreeMap<Timer, Millis>,
}

impl Timer {
    /// Whether it only gathers what could be sent at once.
    fn is_gathering(&self) -> bool {
        matches!(self, Self::Batch(_) | Self::Presence(_))
    }
}

impl Timers {
    pub(crate) fn set(&mut self, at: Millis, timer: Timer) {
        self.cancel(&timer);
        self.by_time.insert((at, timer.clone()));
        self.by_timer.insert(timer, at);
    }

    /// Sets a timer that is not set yet.
    pub(crate) fn set_once(&mut self, at: Millis, timer: Timer) {
        if !self.by_timer.contains_key(&timer) {
            self.set(at, timer);
        }
    }

    pub(crate) fn cancel(&mut self, timer: &Timer) {
        if let Some((timer, at)) = self.by_timer.remove_entry(timer) {
            self.by_time.remove(&(at, timer));
        }
    }

    pub(crate) fn next(&self) -> Option<Millis> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Takes the earliest timer that is due.
    pub(crate) fn take_due(&mut self, now: Millis) -> Option<Timer> {
        if self.next()? > now {
            return None;
        }
        let (_, timer) = self.by_time.pop_first()?;
        self.by_timer.remove(&timer);
        Some(timer)
    }

    /// Makes what is gathered due. Called when the clock went back, since nobody waits for what is
    /// then far away.
    pub(crate) fn hurry(&mut self, now: Millis) {
        let gathering = |timer: &&Timer| timer.is_gathering();
        let timers: Vec<_> = self.by_timer.keys().filter(gathering).cloned().collect();
        for timer in timers {
            self.set(now, timer);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.by_time.len()
    }
}
