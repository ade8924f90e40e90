//! A history that outlives the process, whatever ends it.
//!
//! Reading is the memory's business: a [`MemoryHistory`] holds all that is kept, so nobody waits for
//! the disk to read. The store is written only, and read once, at the start. So both histories trim
//! alike, and a disk that fails costs no reader what is already there.
//!
//! The store is [redb](https://github.com/cberner/redb): one file, pure Rust, maintained, with a
//! stable format and transactions that a crash at any point leaves whole or undone. SQLite would
//! bring a C compiler for one append-only table, RocksDB and LMDB C or C++ as well; sled has had no
//! stable release; a log of our own would have to prove what redb has proven.
//!
//! A commit has reached the disk (fsync) when it returns. What is only tidied away, an event that
//! others have replaced or that was acknowledged, an execution that was forgotten, goes with the next
//! commit: after a crash before it, the next start finds it and tidies it again.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use flowmaestro_hub::{
    History, HistoryError, KeptExecution, MemoryHistory, MemoryLimits, Millis, Owner, Record,
};
use flowmaestro_protocol::Room;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What is true of the whole store.
const META: TableDefinition<'_, &str, &str> = TableDefinition::new("meta");
/// The last `seq` of each execution that has events.
const HEADS: TableDefinition<'_, &str, u64> = TableDefinition::new("heads");
/// The events by execution and `seq`.
const EVENTS: TableDefinition<'_, (&str, u64), StoredEvent<'_>> = TableDefinition::new("events");
/// The registered executions, as JSON.
const EXECUTIONS: TableDefinition<'_, &str, &str> = TableDefinition::new("executions");

/// The place among all events, the bits of the timestamp, whether it is critical, the text.
type StoredEvent<'a> = (u64, u64, bool, &'a str);

const EPOCH: &str = "epoch";
const FORMAT: &str = "format";
/// Raised by a change that earlier versions would misread.
const CURRENT_FORMAT: &str = "1";

/// A [`History`] in a file.
pub(crate) struct DiskHistory {
    store: Database,
    memory: MemoryHistory,
    kept: Vec<KeptExecution>,
    /// What the next commit writes, in order.
    pending: Vec<Change>,
    /// The heads that the next commit makes those of the memory.
    pending_heads: HashMap<Arc<str>, u64>,
    /// How many events were ever appended.
    appended: u64,
}

enum Change {
    Append { id: Arc<str>, record: Record },
    Keep(KeptExecution),
    Acknowledge { id: Arc<str>, seq: u64 },
    Drop { id: Arc<str>, seq: u64 },
    Remove { id: Arc<str> },
}

/// A registered execution as it stands in the store.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct StoredExecution {
    user_id: String,
    rooms: Vec<String>,
    ended_at: Option<u64>,
}

impl DiskHistory {
    /// Opens a store, or creates it. A process has it for itself.
    ///
    /// # Errors
    /// [`HistoryError`] says what is wrong with the file.
    pub(crate) fn open(path: &Path, limits: MemoryLimits) -> Result<Self, HistoryError> {
        let store = Database::create(path).map_err(failed)?;
        let epoch = prepare(&store).map_err(failed)??;
        let mut history = Self {
            store,
            memory: MemoryHistory::new(epoch, limits),
            kept: Vec::new(),
            pending: Vec::new(),
            pending_heads: HashMap::new(),
            appended: 0,
        };
        history.load().map_err(failed)??;
        Ok(history)
    }

    /// Reads what was kept.
    fn load(&mut self) -> Result<Result<(), HistoryError>, redb::Error> {
        let transaction = self.store.begin_read()?;
        let mut by_age = BTreeMap::new();
        for row in transaction.open_table(EVENTS)?.iter()? {
            let (key, value) = row?;
            let ((id, seq), (age, timestamp, critical, text)) = (key.value(), value.value());
            let record = Record {
                seq,
                timestamp: f64::from_bits(timestamp),
                critical,
                text: text.into(),
            };
            by_age.insert(age, (Arc::<str>::from(id), record));
        }
        for (age, (id, record)) in by_age {
            self.appended = age;
            let head = self.memory.head(&id);
            if head > 0 && record.seq != head + 1 {
                return Ok(Err(damaged(&id)));
            }
            self.apply(id, record);
        }
        for row in transaction.open_table(HEADS)?.iter()? {
            let (id, head) = row?;
            match self.memory.head(id.value()) {
                0 => self.memory.restore_head(id.value(), head.value()),
                loaded if loaded == head.value() => {}
                _ => return Ok(Err(damaged(id.value()))),
            }
        }
        for row in transaction.open_table(EXECUTIONS)?.iter()? {
            let (id, execution) = row?;
            match read_execution(id.value(), execution.value()) {
                Some(execution) => self.kept.push(execution),
                None => return Ok(Err(damaged(id.value()))),
            }
        }
        self.kept
            .sort_by_key(|execution| execution.ended_at.unwrap_or(Millis(u64::MAX)));
        Ok(Ok(()))
    }

    /// Puts an event that is in the store into the memory, and notes which ones that drops.
    fn apply(&mut self, id: Arc<str>, record: Record) {
        self.memory.keep(&id, record, |id, seq| {
            let id = id.into();
            self.pending.push(Change::Drop { id, seq });
        });
    }

    fn write(&self) -> Result<(), redb::Error> {
        let transaction = self.store.begin_write()?;
        {
            let mut events = transaction.open_table(EVENTS)?;
            let mut heads = transaction.open_table(HEADS)?;
            let mut executions = transaction.open_table(EXECUTIONS)?;
            let mut age = self.appended;
            for change in &self.pending {
                match change {
                    Change::Append { id, record } => {
                        age += 1;
                        let timestamp = record.timestamp.to_bits();
                        let event = (age, timestamp, record.critical, &*record.text);
                        events.insert((&**id, record.seq), event)?;
                        heads.insert(&**id, record.seq)?;
                    }
                    Change::Keep(execution) => {
                        executions.insert(&*execution.id, &*write_execution(execution))?;
                    }
                    Change::Acknowledge { id, seq } => {
                        if let Some(mut event) = events.get_mut((&**id, *seq))? {
                            let (age, timestamp, _, text) = event.value();
                            let text = text.to_owned();
                            event.insert((age, timestamp, false, &*text))?;
                        }
                    }
                    Change::Drop { id, seq } => drop(events.remove((&**id, *seq))?),
                    Change::Remove { id } => {
                        events.retain_in((&**id, 0)..=(&**id, u64::MAX), |_, _| false)?;
                        heads.remove(&**id)?;
                        executions.remove(&**id)?;
                    }
                }
            }
        }
        transaction.commit()?;
        Ok(())
    }
}

impl History for DiskHistory {
    fn epoch(&self) -> &str {
        self.memory.epoch()
    }

    fn head(&self, execution_id: &str) -> u64 {
        let pending = self.pending_heads.get(execution_id).copied();
        pending.unwrap_or_else(|| self.memory.head(execution_id))
    }

    fn first(&self, execution_id: &str) -> u64 {
        self.memory.first(execution_id)
    }

    fn append(&mut self, execution_id: &str, record: Record) -> Result<(), HistoryError> {
        let id: Arc<str> = execution_id.into();
        self.pending_heads.insert(Arc::clone(&id), record.seq);
        self.pending.push(Change::Append { id, record });
        Ok(())
    }

    fn range(
        &self,
        execution_id: &str,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Record>, HistoryError> {
        self.memory.range(execution_id, from, limit)
    }

    fn critical(&self, execution_id: &str) -> Result<Vec<Record>, HistoryError> {
        self.memory.critical(execution_id)
    }

    fn remove(&mut self, execution_id: &str) {
        self.memory.remove(execution_id);
        let id = execution_id.into();
        self.pending.push(Change::Remove { id });
    }

    fn acknowledge(&mut self, execution_id: &str, seq: u64) {
        let id = execution_id.into();
        self.pending.push(Change::Acknowledge { id, seq });
    }

    fn keep_execution(&mut self, execution: KeptExecution) {
        self.pending.push(Change::Keep(execution));
    }

    fn kept_executions(&self) -> Vec<KeptExecution> {
        self.kept.clone()
    }

    fn commit(&mut self) -> Result<(), HistoryError> {
        let is_new = |change: &Change| matches!(change, Change::Append { .. } | Change::Keep(_));
        if !self.pending.iter().any(is_new) {
            return Ok(());
        }
        let written = self.write();
        self.pending_heads.clear();
        if let Err(error) = written {
            // What was to be tidied away still is.
            self.pending.retain(|change| !is_new(change));
            return Err(failed(error));
        }
        for change in std::mem::take(&mut self.pending) {
            if let Change::Append { id, record } = change {
                self.appended += 1;
                self.apply(id, record);
            }
        }
        Ok(())
    }
}

impl Drop for DiskHistory {
    /// Tidies up before an orderly end.
    fn drop(&mut self) {
        if !self.pending.is_empty()
            && let Err(error) = self.write()
        {
            tracing::warn!(%error, "the history was not tidied up");
        }
    }
}

/// Creates what a new store lacks, and returns its epoch.
fn prepare(store: &Database) -> Result<Result<String, HistoryError>, redb::Error> {
    let transaction = store.begin_write()?;
    let epoch = {
        transaction.open_table(HEADS)?;
        transaction.open_table(EVENTS)?;
        transaction.open_table(EXECUTIONS)?;
        let mut meta = transaction.open_table(META)?;
        let format = meta.get(FORMAT)?.map(|format| format.value().to_owned());
        if let Some(format) = format.filter(|format| format != CURRENT_FORMAT) {
            let reason = format!("its format is {format}, this version reads {CURRENT_FORMAT}");
            return Ok(Err(HistoryError { reason }));
        }
        meta.insert(FORMAT, CURRENT_FORMAT)?;
        let epoch = meta.get(EPOCH)?.map(|epoch| epoch.value().to_owned());
        let epoch = epoch.unwrap_or_else(|| Uuid::new_v4().to_string());
        meta.insert(EPOCH, &*epoch)?;
        epoch
    };
    transaction.commit()?;
    Ok(Ok(epoch))
}

fn write_execution(execution: &KeptExecution) -> String {
    let rooms = execution.rooms.iter().map(|room| room.as_str().to_owned());
    let stored = StoredExecution {
        user_id: execution.owner.user_id().to_owned(),
        rooms: rooms.collect(),
        ended_at: execution.ended_at.map(|at| at.0),
    };
    // Strings and numbers always have a JSON.
    serde_json::to_string(&stored).unwrap_or_default()
}

fn read_execution(id: &str, text: &str) -> Option<KeptExecution> {
    let stored: StoredExecution = serde_json::from_str(text).ok()?;
    Some(KeptExecution {
        id: id.into(),
        owner: Owner::user(stored.user_id),
        rooms: stored
            .rooms
            .into_iter()
            .map(Room::new)
            .collect::<Option<_>>()?,
        ended_at: stored.ended_at.map(Millis),
    })
}

fn damaged(execution_id: &str) -> HistoryError {
    let reason = format!("what is kept of execution {execution_id:?} is damaged");
    HistoryError { reason }
}

fn failed(error: impl Into<redb::Error>) -> HistoryError {
    let reason = error.into().to_string();
    HistoryError { reason }
}
