use std::fmt;
use std::sync::Arc;

use flowmaestro_protocol::Room;

use crate::{Millis, Owner};

/// Where the events of executions are kept, so that what a client missed can be sent again.
///
/// The hub is the only writer, and numbers the events of an execution from 1 without gaps. A history
/// may forget the oldest events of an execution, but not how many there were: not until
/// [`remove`](Self::remove), which comes some time after the execution's end.
///
/// A history that outlives its hub also keeps the executions themselves: without their owners nobody
/// could ask for their events. What it was given counts as kept with the next
/// [`commit`](Self::commit); nobody hears of it before.
pub trait History {
    /// Changes when the history was lost, and is kept together with it. At most
    /// [`MAX_ID_BYTES`](flowmaestro_protocol::MAX_ID_BYTES) long.
    fn epoch(&self) -> &str;

    /// The last `seq` of an execution, 0 before the first.
    fn head(&self, execution_id: &str) -> u64;

    /// The oldest `seq` that is still there; one after the head, if there is none.
    fn first(&self, execution_id: &str) -> u64;

    /// Keeps an event, with the next commit. Its `seq` is one after the head, and the head from now
    /// on.
    ///
    /// # Errors
    /// [`HistoryError`], and the event counts as never emitted: nobody gets it.
    fn append(&mut self, execution_id: &str, record: Record) -> Result<(), HistoryError>;

    /// The events from a `seq` on, in order, at most `limit` of them, at least one unless there is
    /// none.
    ///
    /// # Errors
    /// [`HistoryError`], and the connection that waits for them is closed, to come back later.
    fn range(
        &self,
        execution_id: &str,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Record>, HistoryError>;

    /// The critical events that are still there, in order. Asked when an execution is registered: a
    /// history that outlived its hub says here what may never have been acknowledged.
    ///
    /// # Errors
    /// [`HistoryError`], and none are sent again.
    fn critical(&self, execution_id: &str) -> Result<Vec<Record>, HistoryError>;

    /// Forgets an execution. What is left of it after a crash does no harm, so this needs no commit.
    fn remove(&mut self, execution_id: &str);

    /// The owner of an execution has acknowledged a critical event: it is critical no more. What a
    /// crash undoes is sent once more, so this needs no commit.
    fn acknowledge(&mut self, _execution_id: &str, _seq: u64) {}

    /// Keeps an execution, with the next commit, in place of what was known of it.
    fn keep_execution(&mut self, _execution: KeptExecution) {}

    /// The executions that it kept, the earliest end first. Asked once, by a new hub.
    fn kept_executions(&self) -> Vec<KeptExecution> {
        Vec::new()
    }

    /// Keeps for good what came since the last commit.
    ///
    /// # Errors
    /// [`HistoryError`], and nothing of it was kept: heads are as they were.
    fn commit(&mut self) -> Result<(), HistoryError> {
        Ok(())
    }
}

/// An execution as a [`History`] keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptExecution {
    /// Its id.
    pub id: Arc<str>,
    /// Who owns it.
    pub owner: Owner,
    /// Its rooms.
    pub rooms: Vec<Room>,
    /// When it ended, if it has.
    pub ended_at: Option<Millis>,
}

/// An event as a [`History`] keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its number in its execution, from 1.
    pub seq: u64,
    /// The event's own `timestamp`, in ms since the Unix epoch.
    pub timestamp: f64,
    /// Whether it is sent until somebody acknowledges it.
    pub critical: bool,
    /// The text frame.
    pub text: Arc<str>,
}

/// A history cannot keep or read events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryError {
    /// Why, for logs.
    pub reason: String,
}

/// So that a server can choose its history at the start.
impl<H: History + ?Sized> History for Box<H> {
    fn epoch(&self) -> &str {
        (**self).epoch()
    }

    fn head(&self, execution_id: &str) -> u64 {
        (**self).head(execution_id)
    }

    fn first(&self, execution_id: &str) -> u64 {
        (**self).first(execution_id)
    }

    fn append(&mut self, execution_id: &str, record: Record) -> Result<(), HistoryError> {
        (**self).append(execution_id, record)
    }

    fn range(
        &self,
        execution_id: &str,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Record>, HistoryError> {
        (**self).range(execution_id, from, limit)
    }

    fn critical(&self, execution_id: &str) -> Result<Vec<Record>, HistoryError> {
        (**self).critical(execution_id)
    }

    fn remove(&mut self, execution_id: &str) {
        (**self).remove(execution_id);
    }

    fn acknowledge(&mut self, execution_id: &str, seq: u64) {
        (**self).acknowledge(execution_id, seq);
    }

    fn keep_execution(&mut self, execution: KeptExecution) {
        (**self).keep_execution(execution);
    }

    fn kept_executions(&self) -> Vec<KeptExecution> {
        (**self).kept_executions()
    }

    fn commit(&mut self) -> Result<(), HistoryError> {
        (**self).commit()
    }
}

impl fmt::Display for HistoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the history failed: {}", self.reason)
    }
}

impl std::error::Error for HistoryError {}
