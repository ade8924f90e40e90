use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use flowmaestro_protocol::{MAX_ID_BYTES, Room};

use crate::Millis;

/// The owner of an execution.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Owner(Arc<str>);

/// A registered execution.
#[derive(Clone, Debug)]
pub struct Execution {
    id: Arc<str>,
    owner: Owner,
    rooms: Vec<Room>,
    /// Its place among the ended ones.
    ended: Option<u64>,
}

/// Why an execution cannot be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegisterError {
    /// Another owner registered the same id.
    OwnedByAnother,
    /// The id is empty or too long.
    InvalidId,
    /// As many executions are running as may be.
    Full {
        /// The limit, in executions.
        max: usize,
    },
    /// The history did not keep it.
    NotKept,
}

/// The known executions, bounded in number and forgotten some time after their end.
#[derive(Debug)]
pub(crate) struct Executions {
    known: BTreeMap<Arc<str>, Execution>,
    /// The ended ones in the order of their end, and when that was.
    ended: BTreeMap<u64, (Millis, Arc<str>)>,
    /// How many have ended so far.
    endings: u64,
    max: usize,
    retention_ms: u64,
}

impl Owner {
    /// A user, by the id that their token carries.
    pub fn user(user_id: impl Into<Arc<str>>) -> Self {
        Self(user_id.into())
    }

    /// The id of the user.
    pub fn user_id(&self) -> &str {
        &self.0
    }

    pub(crate) fn shared_user_id(&self) -> &Arc<str> {
        &self.0
    }
}

impl Execution {
    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Who owns it.
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// The rooms that it was registered in.
    pub fn rooms(&self) -> &[Room] {
        &self.rooms
    }

    pub(crate) fn shared_id(&self) -> &Arc<str> {
        &self.id
    }

    /// Whether its terminal event was emitted.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.is_some()
    }
}

impl Executions {
    pub(crate) fn new(max: usize, retention_ms: u64) -> Self {
        Self {
            known: BTreeMap::new(),
            ended: BTreeMap::new(),
            endings: 0,
            max,
            retention_ms,
        }
    }

    /// Whether an execution may be registered.
    pub(crate) fn admit(&self, execution_id: &str, owner: &Owner) -> Result<(), RegisterError> {
        if execution_id.is_empty() || execution_id.len() > MAX_ID_BYTES {
            return Err(RegisterError::InvalidId);
        }
        match self.known.get(execution_id) {
            Some(known) if known.owner == *owner => Ok(()),
            Some(_) => Err(RegisterError::OwnedByAnother),
            None if self.is_full() && self.ended.is_empty() => {
                Err(RegisterError::Full { max: self.max })
            }
            None => Ok(()),
        }
    }

    /// Whether an execution is registered just so, and running.
    pub(crate) fn is_running(&self, execution_id: &str, rooms: &[Room]) -> bool {
        let known = self.known.get(execution_id);
        known.is_some_and(|known| known.ended.is_none() && known.rooms == rooms)
    }

    /// Binds an admitted execution to its owner and rooms. Returns the one that was forgotten to make
    /// room.
    pub(crate) fn register(
        &mut self,
        execution_id: &str,
        owner: Owner,
        rooms: &[Room],
    ) -> Option<Arc<str>> {
        if let Some(known) = self.known.get_mut(execution_id) {
            known.rooms = rooms.to_vec();
            known.ended.take().map(|ended| self.ended.remove(&ended));
            return None;
        }
        let full = self.is_full();
        let forgotten = full.then(|| self.forget_earliest_ended()).flatten();
        let id: Arc<str> = execution_id.into();
        let execution = Execution {
            id: Arc::clone(&id),
            owner,
            rooms: rooms.to_vec(),
            ended: None,
        };
        self.known.insert(id, execution);
        forgotten
    }

    pub(crate) fn get(&self, execution_id: &str) -> Option<&Execution> {
        self.known.get(execution_id)
    }

    pub(crate) fn remove(&mut self, execution_id: &str) -> Option<Execution> {
        let execution = self.known.remove(execution_id)?;
        execution.ended.map(|ended| self.ended.remove(&ended));
        Some(execution)
    }

    /// Notes the end of an execution. A second end changes nothing.
    pub(crate) fn mark_ended(&mut self, now: Millis, execution_id: &str) {
        let execution = self.known.get_mut(execution_id);
        if let Some(execution) = execution.filter(|execution| execution.ended.is_none()) {
            execution.ended = Some(self.endings);
            let id = Arc::clone(&execution.id);
            self.ended.insert(self.endings, (now, id));
            self.endings += 1;
        }
    }

    /// When the next one is to be forgotten.
    pub(crate) fn next_deadline(&self) -> Option<Millis> {
        let (_, (ended_at, _)) = self.ended.first_key_value()?;
        Some(ended_at.plus(self.retention_ms).plus(1))
    }

    /// Forgets one that ended too long ago.
    pub(crate) fn forget_due(&mut self, now: Millis) -> Option<Arc<str>> {
        if self.next_deadline()? > now {
            return None;
        }
        self.forget_earliest_ended()
    }

    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    fn is_full(&self) -> bool {
        self.known.len() >= self.max
    }

    fn forget_earliest_ended(&mut self) -> Option<Arc<str>> {
        let (_, (_, execution_id)) = self.ended.pop_first()?;
        self.known.remove(&execution_id);
        Some(execution_id)
    }
}

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OwnedByAnother => {
                f.write_str("the execution is registered to another owner: choose another id")
            }
            Self::InvalidId => write!(f, "an execution id has 1 to {MAX_ID_BYTES} bytes"),
            Self::Full { max } => write!(f, "{max} executions are running already: wait"),
            Self::NotKept => f.write_str("the history failed: register the execution again"),
        }
    }
}

impl std::error::Error for RegisterError {}
