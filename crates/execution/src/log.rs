//! What has happened, in order: the latest of it.

use alloc::vec::Vec;
use core::ops::Range;

use crate::Fact;
use crate::changes::Splice;
use crate::stamp::{Stamp, advance};

pub(crate) struct Log<V> {
    /// Evicted ones, whose payloads are gone, and from `head` on those that are kept, in order.
    entries: Vec<Fact<V>>,
    head: usize,
    /// How many were evicted.
    evicted: u64,
    /// How many came when what is kept was later already.
    too_old: u64,
    /// Up to where entries were dropped.
    dropped_to: Option<Stamp>,
    /// From where on the page does not have what is here, counted from the first entry ever.
    changed_from: Option<u64>,
    /// Which entries the page has, likewise.
    page: Range<u64>,
}

/// How the log has changed: the page cuts its list as `splice` says, and appends `entries`.
pub struct LogChange<'a, V> {
    /// What of the list that the page has stays.
    pub splice: Splice,
    /// The entries to append, in order.
    pub entries: &'a [Fact<V>],
}

/// What became of an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Logged {
    New,
    Repeated,
    /// It is older than all that is kept: it was dropped.
    TooOld,
}

impl<V: Clone> Log<V> {
    pub(crate) const fn new() -> Self {
        Self {
            entries: Vec::new(),
            head: 0,
            evicted: 0,
            too_old: 0,
            dropped_to: None,
            changed_from: None,
            page: 0..0,
        }
    }

    pub(crate) fn entries(&self) -> &[Fact<V>] {
        self.entries.get(self.head..).unwrap_or_default()
    }

    /// How many entries were dropped. One that is dropped and comes again counts again.
    pub(crate) const fn dropped(&self) -> u64 {
        self.evicted + self.too_old
    }

    /// Puts an entry in its place. Those of one time are in the order of their arrival.
    pub(crate) fn insert(&mut self, fact: &Fact<V>, max: usize, max_payload: u32) -> Logged {
        if self.dropped_to.is_some() && !fact.stamp.is_after_any(self.dropped_to) {
            return self.drop_one(fact.stamp);
        }
        let place = self
            .entries()
            .iter()
            .rposition(|entry| !entry.stamp.is_after(fact.stamp))
            .map_or(0, |before| before + 1);
        if self.is_repeated(fact, place) {
            return Logged::Repeated;
        }
        if self.entries().len() >= max {
            if place == 0 {
                return self.drop_one(fact.stamp);
            }
            self.evict();
            self.put(fact, place - 1, max_payload);
        } else {
            self.put(fact, place, max_payload);
        }
        Logged::New
    }

    /// Whether it is among the entries of its time, which end at `place`.
    fn is_repeated(&self, fact: &Fact<V>, place: usize) -> bool {
        let before = self.entries().get(..place).unwrap_or_default();
        before
            .iter()
            .rev()
            .take_while(|entry| !fact.stamp.is_after(entry.stamp))
            .any(|entry| entry.is_same_event(fact))
    }

    fn put(&mut self, fact: &Fact<V>, place: usize, max_payload: u32) {
        let payload = fact
            .payload
            .as_ref()
            .filter(|_| fact.size <= max_payload)
            .cloned();
        let entry = Fact { payload, ..*fact };
        self.entries.insert(self.head + place, entry);
        let position = self.evicted + place as u64;
        let changed_from = self.changed_from.unwrap_or(position);
        self.changed_from = Some(changed_from.min(position));
    }

    /// Drops the first entry. Its place is made free once there are as many as are kept.
    fn evict(&mut self) {
        let kept = self.entries().len();
        if let Some(entry) = self.entries.get_mut(self.head) {
            entry.payload = None;
            advance(&mut self.dropped_to, entry.stamp);
            self.head += 1;
            self.evicted += 1;
        }
        if self.head >= kept {
            self.entries.drain(..self.head);
            self.head = 0;
        }
    }

    fn drop_one(&mut self, stamp: Stamp) -> Logged {
        advance(&mut self.dropped_to, stamp);
        self.too_old += 1;
        Logged::TooOld
    }

    pub(crate) fn change(&self) -> Option<LogChange<'_, V>> {
        let from = self.changed_from?.max(self.evicted);
        let splice = Splice::new(&self.page, self.evicted..from);
        let index = usize::try_from(from - self.evicted).ok()?;
        let entries = self.entries().get(index..).unwrap_or_default();
        Some(LogChange { splice, entries })
    }

    /// The page has the change.
    pub(crate) fn taken(&mut self) {
        if self.changed_from.take().is_some() {
            self.page = self.evicted..self.evicted + self.entries().len() as u64;
        }
    }
}
