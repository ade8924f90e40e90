use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::{History, HistoryError, Record};

/// What a [`MemoryHistory`] keeps at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryLimits {
    /// Events of one execution.
    pub events: usize,
    /// Bytes of text of one execution.
    pub bytes: usize,
    /// Bytes of text of all executions.
    pub total_bytes: usize,
}

/// A [`History`] in memory: it is lost with the process, so each process names its own epoch.
///
/// The oldest events go first: those of an execution over its own limits, those of any execution
/// over the total. The last event of an execution stays, however large it is.
#[derive(Debug)]
pub struct MemoryHistory {
    epoch: Arc<str>,
    limits: MemoryLimits,
    logs: BTreeMap<Arc<str>, Log>,
    /// The executions by the age of their oldest event, or of an older one that has been dropped: it
    /// is put right when it comes first.
    by_age: BTreeMap<u64, Arc<str>>,
    /// How many events were ever appended.
    appended: u64,
    bytes: usize,
}

/// The events of one execution.
#[derive(Debug, Default)]
struct Log {
    /// Consecutive events up to the head.
    entries: VecDeque<Entry>,
    head: u64,
    bytes: usize,
    /// Its key in `by_age`, while it has events.
    place: u64,
}

#[derive(Debug)]
struct Entry {
    /// How many events of any execution came before.
    age: u64,
    record: Record,
}

impl Default for MemoryLimits {
    fn default() -> Self {
        Self {
            events: 10_000,
            bytes: 8 * 1024 * 1024,
            total_bytes: 256 * 1024 * 1024,
        }
    }
}

impl MemoryHistory {
    /// An empty history of a new epoch.
    pub fn new(epoch: impl Into<Arc<str>>, limits: MemoryLimits) -> Self {
        Self {
            epoch: epoch.into(),
            limits,
            logs: BTreeMap::new(),
            by_age: BTreeMap::new(),
            appended: 0,
            bytes: 0,
        }
    }

    /// How many executions it knows.
    pub fn len(&self) -> usize {
        self.logs.len()
    }

    /// Whether it knows none.
    pub fn is_empty(&self) -> bool {
        self.logs.is_empty()
    }

    /// How much text it keeps, in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Keeps an event, and says of each one that it drops instead which that is: its execution and
    /// its `seq`.
    pub fn keep(&mut self, execution_id: &str, record: Record, mut dropped: impl FnMut(&str, u64)) {
        self.appended += 1;
        let age = self.appended;
        if !self.logs.contains_key(execution_id) {
            self.logs.insert(execution_id.into(), Log::default());
        }
        let Some(log) = self.logs.get_mut(execution_id) else {
            return;
        };
        if log.entries.is_empty() {
            log.place = age;
            self.by_age.insert(age, execution_id.into());
        }
        self.bytes += record.text.len();
        log.push(Entry { age, record });
        while log.is_over(&self.limits)
            && let Some(record) = log.pop()
        {
            self.bytes -= record.text.len();
            dropped(execution_id, record.seq);
        }
        self.trim_total(dropped);
    }

    /// Takes over the head of an execution from an earlier history. Its events, if any are left,
    /// follow, the last of them with this `seq`.
    pub fn restore_head(&mut self, execution_id: &str, head: u64) {
        let log = self.logs.entry(execution_id.into()).or_default();
        log.head = head;
    }

    fn trim_total(&mut self, mut dropped: impl FnMut(&str, u64)) {
        while self.bytes > self.limits.total_bytes
            && let Some((place, execution_id)) = self.by_age.pop_first()
        {
            let Some(log) = self.logs.get_mut(&execution_id) else {
                continue;
            };
            let is_newest = place == self.appended;
            if log.age() == Some(place)
                && !is_newest
                && let Some(record) = log.pop()
            {
                self.bytes -= record.text.len();
                dropped(&execution_id, record.seq);
            }
            if let Some(age) = log.age() {
                log.place = age;
                self.by_age.insert(age, execution_id);
            }
            if is_newest {
                return;
            }
        }
    }
}

impl History for MemoryHistory {
    fn epoch(&self) -> &str {
        &self.epoch
    }

    fn head(&self, execution_id: &str) -> u64 {
        self.logs.get(execution_id).map_or(0, |log| log.head)
    }

    fn first(&self, execution_id: &str) -> u64 {
        self.logs.get(execution_id).map_or(1, Log::first)
    }

    fn append(&mut self, execution_id: &str, record: Record) -> Result<(), HistoryError> {
        self.keep(execution_id, record, |_, _| {});
        Ok(())
    }

    fn range(
        &self,
        execution_id: &str,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Record>, HistoryError> {
        let Some(log) = self.logs.get(execution_id) else {
            return Ok(Vec::new());
        };
        let skipped = usize::try_from(from.saturating_sub(log.first())).unwrap_or(usize::MAX);
        let entries = log.entries.range(skipped.min(log.entries.len())..);
        Ok(entries
            .take(limit)
            .map(|entry| entry.record.clone())
            .collect())
    }

    fn critical(&self, execution_id: &str) -> Result<Vec<Record>, HistoryError> {
        let entries = self.logs.get(execution_id).map(|log| log.entries.iter());
        Ok(entries
            .into_iter()
            .flatten()
            .filter(|entry| entry.record.critical)
            .map(|entry| entry.record.clone())
            .collect())
    }

    fn remove(&mut self, execution_id: &str) {
        if let Some(log) = self.logs.remove(execution_id) {
            self.bytes -= log.bytes;
            self.by_age.remove(&log.place);
        }
    }
}

impl Log {
    fn push(&mut self, entry: Entry) {
        self.head = entry.record.seq;
        self.bytes += entry.record.text.len();
        self.entries.push_back(entry);
    }

    /// Takes the oldest event out.
    fn pop(&mut self) -> Option<Record> {
        let Entry { record, .. } = self.entries.pop_front()?;
        self.bytes -= record.text.len();
        Some(record)
    }

    fn is_over(&self, limits: &MemoryLimits) -> bool {
        self.entries.len() > limits.events.max(1)
            || self.bytes > limits.bytes && self.entries.len() > 1
    }

    fn first(&self) -> u64 {
        self.head + 1 - self.entries.len() as u64
    }

    /// The age of the oldest event.
    fn age(&self) -> Option<u64> {
        self.entries.front().map(|entry| entry.age)
    }
}
