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
    /// The executions by the age of their oldest event.
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

    /// Keeps an event, and returns those that it drops instead, by their executions and `seq`s.
    pub fn keep(&mut self, execution_id: &str, record: Record) -> Vec<(Arc<str>, u64)> {
        self.appended += 1;
        let age = self.appended;
        if !self.logs.contains_key(execution_id) {
            self.logs.insert(execution_id.into(), Log::default());
        }
        let bytes = record.text.len();
        if let Some(log) = self.logs.get_mut(execution_id) {
            if log.entries.is_empty() {
                self.by_age.insert(age, execution_id.into());
            }
            log.head = record.seq;
            log.bytes += bytes;
            log.entries.push_back(Entry { age, record });
            self.bytes += bytes;
        }
        let mut dropped = Vec::new();
        self.trim_log(execution_id, &mut dropped);
        self.trim_total(&mut dropped);
        dropped
    }

    /// Takes over the head of an execution from an earlier history. Its events, if any are left,
    /// follow, the last of them with this `seq`.
    pub fn restore_head(&mut self, execution_id: &str, head: u64) {
        let log = self.logs.entry(execution_id.into()).or_default();
        log.head = head;
    }

    fn trim_log(&mut self, execution_id: &str, dropped: &mut Vec<(Arc<str>, u64)>) {
        while self.logs.get(execution_id).is_some_and(|log| {
            log.entries.len() > self.limits.events.max(1)
                || log.bytes > self.limits.bytes && log.entries.len() > 1
        }) {
            dropped.extend(self.drop_oldest(execution_id));
        }
    }

    fn trim_total(&mut self, dropped: &mut Vec<(Arc<str>, u64)>) {
        while self.bytes > self.limits.total_bytes {
            let newest = self.appended;
            let oldest = self.by_age.first_key_value();
            let Some((_, execution_id)) = oldest.filter(|(age, _)| **age != newest) else {
                return;
            };
            let execution_id = Arc::clone(execution_id);
            dropped.extend(self.drop_oldest(&execution_id));
        }
    }

    fn drop_oldest(&mut self, execution_id: &str) -> Option<(Arc<str>, u64)> {
        let (execution_id, _) = self.logs.get_key_value(execution_id)?;
        let execution_id = Arc::clone(execution_id);
        let log = self.logs.get_mut(&execution_id)?;
        let Entry { age, record } = log.entries.pop_front()?;
        log.bytes -= record.text.len();
        self.bytes -= record.text.len();
        self.by_age.remove(&age);
        let next_age = log.age();
        next_age.map(|age| self.by_age.insert(age, Arc::clone(&execution_id)));
        Some((execution_id, record.seq))
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
        self.keep(execution_id, record);
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
            log.age().map(|age| self.by_age.remove(&age));
        }
    }
}

impl Log {
    fn first(&self) -> u64 {
        self.head + 1 - self.entries.len() as u64
    }

    /// The age of the oldest event.
    fn age(&self) -> Option<u64> {
        self.entries.front().map(|entry| entry.age)
    }
}
