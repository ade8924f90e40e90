//! One run: its header, its nodes, its log.

use alloc::vec::Vec;

use flowmaestro_protocol::{EventType, Scope};

use crate::changes::Change;
use crate::fact::{Arrival, Fact, keep_earliest, keep_latest};
use crate::log::{Log, LogChange, Logged};
use crate::node::{EndForNode, Node, NodeView, duration};
use crate::stamp::Stamp;
use crate::table::Table;
use crate::text::TextChange;
use crate::{NodeStatus, Options};

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunStatus {
    /// Nothing is known of it yet.
    Pending,
    /// It runs; if something is [pending](Run::pending), it waits for a person.
    Running,
    /// It has ended well. This is final.
    Completed,
    /// It has failed. This is final.
    Failed,
}

/// How much of a run is done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// How many nodes are done, as the latest `execution:progress` says.
    pub completed: f64,
    /// How many nodes there are, as it says, or before it `execution:started`; 0 if neither did.
    pub total: f64,
    /// The part that is done, in percent. 100 once the run has ended well: nothing is left then,
    /// even if branches were not taken, or the last `execution:progress` did not come.
    pub percentage: f64,
}

/// Events are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// The server did not keep them, or keeps none.
    Missing,
    /// The server has lost its history, and counts its events from 1 again.
    Restarted,
}

/// What was cut, since there was more of it than [`Options`] allow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Truncated {
    /// Events that told of nodes (or documents) beyond the limit, and chunks of such nodes.
    pub subjects: u64,
    /// Entries of the log.
    pub log: u64,
    /// Payloads that were too large. [`Fact::size`] says how large.
    pub payloads: u64,
}

/// The state of one run, from its events.
pub struct Run<V> {
    options: Options,
    started: Option<Fact<V>>,
    progress: Option<Fact<V>>,
    ended: Option<Fact<V>>,
    is_known: bool,
    is_complete: bool,
    epoch: u32,
    truncated: Truncated,
    nodes: Table<Node<V>>,
    log: Log<V>,
    /// The nodes that wait for a person, in the order in which they asked.
    pending: Vec<u32>,
    changed: Changed,
    /// What the event that is being applied has changed.
    change: Change,
}

/// What has changed since the page was told.
#[derive(Default)]
struct Changed {
    when: Change,
    everything: bool,
    header: bool,
    pending: bool,
}

impl<V: Clone> Run<V> {
    /// A run of which nothing is known.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            started: None,
            progress: None,
            ended: None,
            is_known: false,
            is_complete: true,
            epoch: 0,
            truncated: Truncated::default(),
            nodes: Table::new(),
            log: Log::new(),
            pending: Vec::new(),
            changed: Changed::default(),
            change: Change::None,
        }
    }

    // --- what happens ----------------------------------------------------------------------------

    /// Takes one of the run's events. One that is scoped to something else changes nothing.
    pub fn apply(&mut self, arrival: Arrival<V>) -> Change {
        self.change = Change::None;
        if arrival.event.scope() == Scope::Execution {
            self.learn();
            let stamp = Stamp::new(arrival.at, arrival.seq, self.epoch);
            if arrival.event == EventType::NodeStream {
                self.stream(stamp, arrival);
            } else {
                let fact = Fact::new(arrival, stamp, self.options.max_payload);
                self.record(fact);
            }
        }
        self.change
    }

    /// Takes note that events of the run are missing (`connection:gap`, or a first subscription of
    /// which the server says that it is not `recovered`): the state is incomplete from now on.
    pub fn gap(&mut self, gap: Gap) -> Change {
        self.change = Change::None;
        if gap == Gap::Restarted {
            self.epoch = self.epoch.wrapping_add(1);
        }
        self.set_complete(false);
        self.change
    }

    /// What was missed has been fetched and applied: the state is complete again. Chunks of text
    /// that were missed may [have lost their place](crate#what-the-order-cannot-change); where they
    /// matter, [`reset`](Self::reset) the run and apply everything.
    pub fn restored(&mut self) -> Change {
        self.change = Change::None;
        self.set_complete(true);
        self.change
    }

    /// Forgets what every node has streamed, to be told it anew: for chunks without numbers, of which
    /// nothing else says which of them came before.
    pub fn forget_texts(&mut self) -> Change {
        self.change = Change::None;
        for id in 0..self.nodes.len() as u32 {
            if self.nodes.get_mut(id).is_some_and(Node::forget_text) {
                self.change_node(id);
            }
        }
        self.change
    }

    /// Forgets everything, to be told it anew: the state is that of a new run, and complete.
    pub fn reset(&mut self) -> Change {
        *self = Self::new(self.options);
        self.changed.everything = true;
        self.change_header();
        self.change
    }

    fn learn(&mut self) {
        if !self.is_known {
            self.is_known = true;
            self.change_header();
        }
    }

    fn set_complete(&mut self, is_complete: bool) {
        if self.is_complete != is_complete {
            self.is_complete = is_complete;
            self.change_header();
        }
    }

    fn stream(&mut self, stamp: Stamp, arrival: Arrival<V>) {
        let Some(id) = arrival.subject else { return };
        let end = self.end_for(id);
        match self.nodes.entry(id, self.options.max_nodes) {
            Some(node) => {
                if node.stream(stamp, arrival, end, &self.options) {
                    self.change_node(id);
                }
            }
            None => self.refuse_subject(),
        }
    }

    fn record(&mut self, fact: Fact<V>) {
        let logged = self.write(&fact);
        if logged != Logged::Repeated {
            self.count_cuts(&fact);
        }
        match fact.event {
            EventType::ExecutionStarted => {
                if keep_earliest(&mut self.started, fact) {
                    self.change_header();
                }
            }
            EventType::ExecutionProgress => {
                let before = self.progress();
                if keep_latest(&mut self.progress, fact) && self.progress() != before {
                    self.change_header();
                }
            }
            EventType::ExecutionCompleted | EventType::ExecutionFailed => self.end(fact),
            _ => self.record_of_node(fact),
        }
    }

    fn count_cuts(&mut self, fact: &Fact<V>) {
        if fact.payload.is_none() {
            self.truncated.payloads += 1;
            self.change_header();
        }
        if fact.subject.is_some_and(|id| id >= self.options.max_nodes) {
            self.refuse_subject();
        }
    }

    fn write(&mut self, fact: &Fact<V>) -> Logged {
        let Options {
            max_log,
            max_log_payload,
            ..
        } = self.options;
        let logged = self.log.insert(fact, max_log as usize, max_log_payload);
        if logged == Logged::New {
            self.note(Change::Frame);
        }
        if self.log.dropped() != self.truncated.log {
            self.truncated.log = self.log.dropped();
            self.change_header();
        }
        logged
    }

    fn record_of_node(&mut self, fact: Fact<V>) {
        let Some(id) = fact.subject else { return };
        let end = self.end_for(id);
        let is_question = fact.event == EventType::UserInputRequired;
        let Some(node) = self.nodes.entry(id, self.options.max_nodes) else {
            return;
        };
        if node.apply(fact, end) {
            self.change_node(id);
            self.update_pending(id, is_question);
        }
    }

    /// The first end is the end: nothing follows it.
    fn end(&mut self, fact: Fact<V>) {
        let before = RunEnd::of(self.ended.as_ref());
        if !keep_earliest(&mut self.ended, fact) {
            return;
        }
        let after = RunEnd::of(self.ended.as_ref());
        self.change_header();
        self.note(Change::Now);
        if !self.pending.is_empty() {
            self.pending.clear();
            self.changed.pending = true;
        }
        if let Some(id) = self.failed_node() {
            // The one that is named may be unknown.
            let _ = self.nodes.entry(id, self.options.max_nodes);
        }
        for id in 0..self.nodes.len() as u32 {
            let status = |end: RunEnd| Some(self.nodes.get(id)?.status(end.for_node(id)));
            if status(before) != status(after) {
                self.change_node(id);
            }
        }
    }

    fn update_pending(&mut self, id: u32, has_asked: bool) {
        let place = self.pending.iter().position(|pending| *pending == id);
        let is_waiting = self
            .node(id)
            .is_some_and(|node| node.status() == NodeStatus::Waiting);
        if place.is_some() == is_waiting && !(is_waiting && has_asked) {
            return;
        }
        if let Some(place) = place {
            self.pending.remove(place);
        }
        if is_waiting {
            let place = self.place_in_pending(id);
            self.pending.insert(place, id);
            self.note(Change::Now);
        }
        self.changed.pending = true;
    }

    /// By time; of one millisecond, by number.
    fn place_in_pending(&self, id: u32) -> usize {
        let asked = |id| self.node(id)?.question().map(|question| question.stamp);
        let is_before = |other: &u32| match (asked(*other), asked(id)) {
            (Some(other_asked), Some(asked)) => {
                other_asked.order(asked).then(other.cmp(&id)).is_lt()
            }
            _ => false,
        };
        self.pending
            .iter()
            .rposition(is_before)
            .map_or(0, |before| before + 1)
    }

    fn refuse_subject(&mut self) {
        self.truncated.subjects += 1;
        self.change_header();
    }

    fn change_header(&mut self) {
        self.changed.header = true;
        self.note(Change::Frame);
    }

    fn change_node(&mut self, id: u32) {
        self.nodes.mark(id);
        self.note(Change::Frame);
    }

    fn note(&mut self, change: Change) {
        self.change = self.change.max(change);
        self.changed.when = self.changed.when.max(change);
    }

    /// What has changed since the page was told last. It counts as told once this is dropped.
    pub const fn take_changes(&mut self) -> Changes<'_, V> {
        Changes { run: self }
    }
}

impl<V> Run<V> {
    // --- how it is -------------------------------------------------------------------------------

    /// How far it is.
    pub fn status(&self) -> RunStatus {
        match &self.ended {
            Some(ended) if ended.event == EventType::ExecutionCompleted => RunStatus::Completed,
            Some(_) => RunStatus::Failed,
            None if self.is_known => RunStatus::Running,
            None => RunStatus::Pending,
        }
    }

    /// How much is done.
    pub fn progress(&self) -> Progress {
        let [completed, total, percentage] = match &self.progress {
            Some(progress) => progress.numbers,
            None => [
                0.0,
                self.started.as_ref().map_or(0.0, Fact::first_number),
                0.0,
            ],
        };
        let is_done = self.status() == RunStatus::Completed;
        Progress {
            completed,
            total,
            percentage: if is_done { 100.0 } else { percentage },
        }
    }

    /// Its `execution:started`.
    pub const fn started(&self) -> Option<&Fact<V>> {
        self.started.as_ref()
    }

    /// Its `execution:completed` or `execution:failed`.
    pub const fn ended(&self) -> Option<&Fact<V>> {
        self.ended.as_ref()
    }

    /// The node that `execution:failed` names.
    pub fn failed_node(&self) -> Option<u32> {
        self.ended.as_ref()?.subject
    }

    /// When it started, in ms since the Unix epoch.
    pub fn started_at(&self) -> Option<f64> {
        self.started().map(Fact::at)
    }

    /// When it ended, likewise.
    pub fn ended_at(&self) -> Option<f64> {
        self.ended().map(Fact::at)
    }

    /// How long it ran, in ms: as `execution:completed` says, or from its start until it failed.
    pub fn duration(&self) -> Option<f64> {
        duration(self.ended()?, self.started())
    }

    /// A node, by the caller's number; `None` for one of which no event told.
    pub fn node(&self, id: u32) -> Option<NodeView<'_, V>> {
        let node = self.nodes.get(id)?;
        Some(NodeView::new(node, self.end_for(id), &self.options))
    }

    /// How many nodes there are: one more than the highest number of which an event told.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// The nodes that wait for a person, in the order in which they asked. What they ask is their
    /// [`question`](NodeView::question).
    pub fn pending(&self) -> &[u32] {
        &self.pending
    }

    /// Whether nothing is known to be missing.
    pub const fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// What was cut. What was cut of a text, its node says.
    pub const fn truncated(&self) -> Truncated {
        self.truncated
    }

    /// Whether the page is to be told something, and when.
    pub const fn changed(&self) -> Change {
        self.changed.when
    }

    fn end_for(&self, id: u32) -> EndForNode {
        RunEnd::of(self.ended.as_ref()).for_node(id)
    }
}

/// What of a run's end concerns its nodes.
#[derive(Clone, Copy)]
enum RunEnd {
    NotYet,
    Over { failed_node: Option<u32> },
}

impl RunEnd {
    fn of<V>(ended: Option<&Fact<V>>) -> Self {
        ended.map_or(Self::NotYet, |ended| Self::Over {
            failed_node: ended.subject,
        })
    }

    fn for_node(self, id: u32) -> EndForNode {
        match self {
            Self::NotYet => EndForNode::NotYet,
            Self::Over { failed_node } if failed_node == Some(id) => EndForNode::Blamed,
            Self::Over { .. } => EndForNode::Over,
        }
    }
}

impl<V: Clone> Run<V> {
    /// What has happened, in order: the latest of it. All events but `node:stream` are logged.
    pub fn log(&self) -> &[Fact<V>] {
        self.log.entries()
    }
}

/// What of a run has changed. Once this is dropped, all of it counts as told.
///
/// What is not named here is as it was: the page may go on using the object that it has for it.
pub struct Changes<'a, V: Clone> {
    run: &'a mut Run<V>,
}

impl<V: Clone> Changes<'_, V> {
    /// The run itself, to read what has changed.
    pub const fn run(&self) -> &Run<V> {
        self.run
    }

    /// When the page is to be told.
    pub const fn when(&self) -> Change {
        self.run.changed.when
    }

    /// Everything was forgotten: so must be what the page has, texts and log among it.
    pub const fn everything(&self) -> bool {
        self.run.changed.everything
    }

    /// What is neither of a node, nor in the log, nor pending.
    pub const fn header(&self) -> bool {
        self.run.changed.header
    }

    /// Which nodes wait for a person, or what for.
    pub const fn pending(&self) -> bool {
        self.run.changed.pending
    }

    /// These nodes, each once.
    pub fn nodes(&self) -> &[u32] {
        self.run.nodes.marked()
    }

    /// The text of one of these nodes.
    pub fn text(&self, id: u32) -> Option<TextChange<'_, V>> {
        self.run.nodes.get(id)?.text_change(&self.run.options)
    }

    /// The log.
    pub fn log(&self) -> Option<LogChange<'_, V>> {
        self.run.log.change()
    }
}

impl<V: Clone> Drop for Changes<'_, V> {
    fn drop(&mut self) {
        let options = &self.run.options;
        self.run.nodes.clear_marks(|node| node.taken(options));
        self.run.log.taken();
        self.run.changed = Changed::default();
    }
}
