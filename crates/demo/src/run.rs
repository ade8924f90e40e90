//! One run: its journal, and the state that follows from the journal's events.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use flowmaestro_gateway::Gateway;
use flowmaestro_protocol::{Event, Json, Number};
use serde::Serialize;
use serde_json::Value;

use crate::clock::now_ms;
use crate::journal::{Entry, Journal, JournalError, RunInfo};
use crate::nodes::Outputs;

/// Where a run stands, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// It works.
    Running,
    /// It waits for its owner's answer.
    Waiting,
    /// It has ended well.
    Completed,
    /// It has failed.
    Failed,
}

/// A run that is under way or has ended.
pub struct Run {
    info: RunInfo,
    gateway: Gateway,
    /// The lock is held from the journal's write to the end of the emission: the order of the
    /// journal is the order in which clients see the events.
    recorded: Mutex<Recorded>,
}

struct Recorded {
    journal: Journal,
    state: RunState,
}

/// What follows from the events so far.
#[derive(Debug, Default)]
pub struct RunState {
    /// When the run started.
    pub started_at: Option<Number>,
    /// What the nodes did that have started.
    pub nodes: HashMap<String, NodeState>,
    /// The whole outputs of the completed nodes, and the facts about the run itself.
    pub outputs: Outputs,
    /// How many nodes the last `execution:progress` counted.
    pub reported: Option<Number>,
    /// The node that failed, and why.
    pub failure: Option<(String, String)>,
    /// How the run ended.
    pub ended: Option<RunStatus>,
    last_timestamp: Number,
}

/// What a node did since it started.
#[derive(Clone, Debug, Default)]
pub struct NodeState {
    /// When it started.
    pub started_at: Number,
    /// How many pieces of text it has streamed.
    pub streamed: usize,
    /// The valid answer that it was given.
    pub answer: Option<Json>,
    waiting: bool,
}

impl Run {
    /// Begins a new run, with a journal in `path`.
    ///
    /// # Errors
    ///
    /// [`JournalError`] when the journal cannot be written.
    pub fn create(path: PathBuf, info: RunInfo, gateway: Gateway) -> Result<Self, JournalError> {
        let journal = Journal::create(path, &info)?;
        let recorded = Mutex::new(Recorded {
            journal,
            state: RunState::default(),
        });
        Ok(Self {
            info,
            gateway,
            recorded,
        })
    }

    /// Takes up a run from its journal.
    ///
    /// # Errors
    ///
    /// [`JournalError`] when the journal cannot be read.
    pub fn open(path: PathBuf, gateway: Gateway) -> Result<Self, JournalError> {
        let (journal, info, entries) = Journal::open(path)?;
        let mut state = RunState::default();
        for Entry { event, output } in entries {
            state.apply(&event, output);
        }
        Ok(Self {
            info,
            gateway,
            recorded: Mutex::new(Recorded { journal, state }),
        })
    }

    /// Whose run of what this is.
    pub fn info(&self) -> &RunInfo {
        &self.info
    }

    /// The journal's file.
    pub fn journal_path(&self) -> PathBuf {
        self.recorded().journal.path().to_owned()
    }

    /// Where it stands.
    pub fn status(&self) -> RunStatus {
        self.recorded().state.status()
    }

    /// Reads something of the state.
    pub fn state<T>(&self, read: impl FnOnce(&RunState) -> T) -> T {
        read(&self.recorded().state)
    }

    /// Adds to the outputs that nodes may read, without an event.
    pub fn set_output(&self, id: &str, output: Value) {
        self.recorded().state.outputs.insert(id.to_owned(), output);
    }

    /// Journals an event, then emits it. `event` makes it for a timestamp.
    ///
    /// # Errors
    ///
    /// [`JournalError`] when it cannot be journaled; it is not emitted then.
    pub fn emit<E: Into<Event>>(
        &self,
        event: impl FnOnce(Number) -> E,
    ) -> Result<(), JournalError> {
        self.record(event, None, true)
    }

    /// Like [`emit`](Self::emit), for a `node:completed` that shows only a part of `output`.
    ///
    /// # Errors
    ///
    /// [`JournalError`] when it cannot be journaled; it is not emitted then.
    pub fn emit_with_output<E: Into<Event>>(
        &self,
        event: impl FnOnce(Number) -> E,
        output: Value,
    ) -> Result<(), JournalError> {
        self.record(event, Some(output), true)
    }

    /// Journals an event that came from a client, and was emitted by the gateway.
    ///
    /// # Errors
    ///
    /// [`JournalError`] when it cannot be journaled.
    pub fn note<E: Into<Event>>(
        &self,
        event: impl FnOnce(Number) -> E,
    ) -> Result<(), JournalError> {
        self.record(event, None, false)
    }

    fn record<E: Into<Event>>(
        &self,
        event: impl FnOnce(Number) -> E,
        output: Option<Value>,
        emit: bool,
    ) -> Result<(), JournalError> {
        let mut recorded = self.recorded();
        let event = event(recorded.state.next_timestamp()).into();
        recorded.journal.append(&event, output.as_ref())?;
        recorded.state.apply(&event, output);
        if emit && let Err(error) = self.gateway.emitter().emit(event) {
            tracing::error!(%error, "an event of a run was not emitted");
        }
        Ok(())
    }

    /// A poisoned lock is taken all the same: the state is only changed after all that can fail.
    fn recorded(&self) -> MutexGuard<'_, Recorded> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RunState {
    /// Where the run stands.
    pub fn status(&self) -> RunStatus {
        match self.ended {
            Some(ended) => ended,
            None if self.nodes.values().any(|node| node.waiting) => RunStatus::Waiting,
            None => RunStatus::Running,
        }
    }

    /// Never earlier than the last one, even if the machine's clock was set back: a client may
    /// order events by their timestamps.
    fn next_timestamp(&self) -> Number {
        let now = Number::from_integer(now_ms());
        if now < self.last_timestamp {
            self.last_timestamp
        } else {
            now
        }
    }

    fn apply(&mut self, event: &Event, output: Option<Value>) {
        match event {
            Event::ExecutionStarted(event) => {
                self.started_at = Some(event.timestamp);
                self.last_timestamp = event.timestamp;
            }
            Event::ExecutionProgress(event) => {
                self.reported = Some(event.completed);
                self.last_timestamp = event.timestamp;
            }
            Event::ExecutionCompleted(event) => self.end(event.timestamp, RunStatus::Completed),
            Event::ExecutionFailed(event) => self.end(event.timestamp, RunStatus::Failed),
            Event::NodeStarted(event) => {
                self.node(&event.node_id, event.timestamp).started_at = event.timestamp;
            }
            Event::NodeCompleted(event) => {
                self.node(&event.node_id, event.timestamp).waiting = false;
                let shown = || event.output.deserialize().unwrap_or_default();
                self.outputs
                    .insert(event.node_id.clone(), output.unwrap_or_else(shown));
            }
            Event::NodeFailed(event) => {
                self.node(&event.node_id, event.timestamp).waiting = false;
                self.failure = Some((event.node_id.clone(), event.error.clone()));
            }
            Event::NodeStream(event) => self.node(&event.node_id, event.timestamp).streamed += 1,
            Event::UserInputRequired(event) => {
                self.node(&event.node_id, event.timestamp).waiting = true;
            }
            Event::UserInputResponse(event) => {
                let node = self.node(&event.node_id, event.timestamp);
                node.waiting = false;
                node.answer = Some(event.value.clone());
            }
            Event::NodeRetry(event) => self.last_timestamp = event.timestamp,
            // A run emits no others.
            Event::ConnectionEstablished(_)
            | Event::DocumentProcessing(_)
            | Event::DocumentCompleted(_)
            | Event::DocumentFailed(_) => {}
        }
    }

    fn node(&mut self, node_id: &str, timestamp: Number) -> &mut NodeState {
        self.last_timestamp = timestamp;
        self.nodes.entry(node_id.to_owned()).or_default()
    }

    /// What only the rest of the run needed is given back: many ended runs are kept.
    fn end(&mut self, timestamp: Number, status: RunStatus) {
        self.last_timestamp = timestamp;
        self.ended = Some(status);
        self.outputs = Outputs::default();
        self.nodes = HashMap::new();
    }
}
