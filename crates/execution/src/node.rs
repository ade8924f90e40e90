//! One node of a run.
//!
//! What is kept of each kind of event is the latest of it, so that their order of arrival does not
//! matter; all else follows from these.

use flowmaestro_protocol::EventType;

use crate::fact::{Fact, keep_latest};
use crate::stamp::{Stamp, advance};
use crate::text::{Text, TextChange};
use crate::{Arrival, Options};

/// How far a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeStatus {
    /// Nothing is known of it yet.
    Pending,
    /// It runs.
    Running,
    /// An attempt has failed, and the next is announced.
    Retrying,
    /// It waits for a person.
    Waiting,
    /// It has ended well.
    Completed,
    /// It has failed, or the run has, and named it.
    Failed,
    /// The run has ended before it did, as far as is known.
    Stopped,
}

/// What its run's end means for a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndForNode {
    NotYet,
    Over,
    /// It has failed because of this node.
    Blamed,
}

pub(crate) struct Node<V> {
    started: Option<Fact<V>>,
    /// The first start that is known, which unlike later ones begins no new attempt.
    first_started: Option<Stamp>,
    retry: Option<Fact<V>>,
    ended: Option<Fact<V>>,
    question: Option<Fact<V>>,
    /// Questions up to here are answered.
    answered: Option<Stamp>,
    /// When the latest chunk was streamed, of whichever attempt.
    streamed: Option<Stamp>,
    text: Text<V>,
}

impl<V> Default for Node<V> {
    fn default() -> Self {
        Self {
            started: None,
            first_started: None,
            retry: None,
            ended: None,
            question: None,
            answered: None,
            streamed: None,
            text: Text::default(),
        }
    }
}

/// A node as it is now.
pub struct NodeView<'a, V> {
    node: &'a Node<V>,
    end: EndForNode,
    options: &'a Options,
}

impl<'a, V> NodeView<'a, V> {
    pub(crate) const fn new(node: &'a Node<V>, end: EndForNode, options: &'a Options) -> Self {
        Self { node, end, options }
    }

    /// How far it is.
    pub fn status(&self) -> NodeStatus {
        self.node.status(self.end)
    }

    /// Which attempt it is at, or ended with: what the latest `node:retry` announced, else 1; 0
    /// while nothing is known.
    pub fn attempt(&self) -> f64 {
        match &self.node.retry {
            Some(retry) => retry.first_number(),
            None if self.status() == NodeStatus::Pending => 0.0,
            None => 1.0,
        }
    }

    /// Its latest `node:started`.
    pub const fn started(&self) -> Option<&'a Fact<V>> {
        self.node.started.as_ref()
    }

    /// Its `node:completed` or `node:failed`, unless it has begun anew since.
    pub fn ended(&self) -> Option<&'a Fact<V>> {
        self.node.end_in_force()
    }

    /// Its latest `node:retry`, also once the attempt has begun.
    pub const fn retry(&self) -> Option<&'a Fact<V>> {
        self.node.retry.as_ref()
    }

    /// The `user:input:required` that it waits for an answer to.
    pub fn question(&self) -> Option<&'a Fact<V>> {
        let is_open = self.end == EndForNode::NotYet && self.node.is_waiting();
        self.node.question.as_ref().filter(|_| is_open)
    }

    /// When it started last, in ms since the Unix epoch.
    pub fn started_at(&self) -> Option<f64> {
        self.started().map(Fact::at)
    }

    /// When it ended, likewise.
    pub fn ended_at(&self) -> Option<f64> {
        self.ended().map(Fact::at)
    }

    /// How long it ran, in ms: as `node:completed` says, or from its start until it failed.
    pub fn duration(&self) -> Option<f64> {
        duration(self.ended()?, self.started())
    }

    /// How much of its streamed text is kept: the end, in units of [`Arrival::size`].
    pub fn text_length(&self) -> u64 {
        self.node.text.end() - self.node.text.start(self.options)
    }

    /// How much of the text was cut: the beginning, likewise.
    pub fn text_dropped(&self) -> u64 {
        self.node.text.start(self.options)
    }
}

/// How long something ran, in ms: as the event says, or until it failed.
pub(crate) fn duration<V>(ended: &Fact<V>, started: Option<&Fact<V>>) -> Option<f64> {
    match ended.event {
        EventType::NodeCompleted | EventType::ExecutionCompleted => Some(ended.first_number()),
        _ => started
            .map(|started| ended.at() - started.at())
            .filter(|duration| *duration >= 0.0),
    }
}

fn stamp<V>(fact: Option<&Fact<V>>) -> Option<Stamp> {
    fact.map(|fact| fact.stamp)
}

impl<V> Node<V> {
    pub(crate) fn status(&self, end: EndForNode) -> NodeStatus {
        if let Some(ended) = self.end_in_force() {
            return if ended.event == EventType::NodeCompleted {
                NodeStatus::Completed
            } else {
                NodeStatus::Failed
            };
        }
        match (end, self.progress()) {
            (EndForNode::Blamed, _) => NodeStatus::Failed,
            (_, NodeStatus::Pending) => NodeStatus::Pending,
            (EndForNode::Over, _) => NodeStatus::Stopped,
            (EndForNode::NotYet, progress) => progress,
        }
    }

    /// The end, unless a start or a retry came later.
    ///
    /// Of the same millisecond, without numbers, the end counts as the later, since a short node
    /// starts and ends within one. But a failure and its retry are told in one breath, in that
    /// order.
    fn end_in_force(&self) -> Option<&Fact<V>> {
        let ended = self.ended.as_ref()?;
        let is_failure = ended.event == EventType::NodeFailed;
        let is_restarted = self
            .started
            .as_ref()
            .is_some_and(|started| started.stamp.is_after(ended.stamp));
        let is_retried = self.retry.as_ref().is_some_and(|retry| {
            if is_failure {
                !ended.stamp.is_after(retry.stamp)
            } else {
                retry.stamp.is_after(ended.stamp)
            }
        });
        (!is_restarted && !is_retried).then_some(ended)
    }

    /// The status of one that has not ended.
    fn progress(&self) -> NodeStatus {
        if self.is_waiting() {
            NodeStatus::Waiting
        } else if self.is_retrying() {
            NodeStatus::Retrying
        } else if self.is_known() {
            NodeStatus::Running
        } else {
            NodeStatus::Pending
        }
    }

    fn is_known(&self) -> bool {
        self.started.is_some()
            || self.retry.is_some()
            || self.question.is_some()
            || self.answered.is_some()
            || self.streamed.is_some()
    }

    /// It has asked in its present attempt, and nobody has answered.
    fn is_waiting(&self) -> bool {
        let Some(question) = &self.question else {
            return false;
        };
        let asked = question.stamp;
        asked.is_after_any(self.answered)
            && asked.is_not_before(stamp(self.started.as_ref()))
            && asked.is_not_before(stamp(self.retry.as_ref()))
            && self.end_in_force().is_none()
    }

    /// Nothing shows yet that the announced attempt has begun.
    fn is_retrying(&self) -> bool {
        let Some(retry) = &self.retry else {
            return false;
        };
        let signs = [
            stamp(self.started.as_ref()),
            stamp(self.question.as_ref()),
            self.streamed,
        ];
        !signs
            .into_iter()
            .flatten()
            .any(|sign| sign.is_after(retry.stamp))
    }

    /// Takes an event other than `node:stream`; whether the node may look different now.
    pub(crate) fn apply(&mut self, fact: Fact<V>, end: EndForNode) -> bool {
        let before = self.status(end);
        let is_seen = match fact.event {
            EventType::NodeStarted => self.start(fact),
            EventType::NodeRetry => self.announce_attempt(fact),
            EventType::NodeCompleted | EventType::NodeFailed => {
                keep_latest(&mut self.ended, fact) && self.end_in_force().is_some()
            }
            EventType::UserInputRequired => {
                keep_latest(&mut self.question, fact) && self.status(end) == NodeStatus::Waiting
            }
            EventType::UserInputResponse => {
                self.answer(fact.stamp);
                false
            }
            _ => false,
        };
        is_seen || self.status(end) != before
    }

    fn start(&mut self, fact: Fact<V>) -> bool {
        let stamp = fact.stamp;
        let is_first = self.first_started.is_none_or(|first| first.is_after(stamp));
        if is_first {
            self.first_started = Some(stamp);
        }
        let is_latest = keep_latest(&mut self.started, fact);
        // A start before all others makes those a new attempt's.
        let is_text_cut = (is_first || is_latest) && self.restart_text();
        is_latest || is_text_cut
    }

    fn announce_attempt(&mut self, fact: Fact<V>) -> bool {
        let is_latest = keep_latest(&mut self.retry, fact);
        if is_latest {
            self.restart_text();
        }
        is_latest
    }

    /// An answer bears the number of no event, and the time of another clock than the server's: so
    /// it answers what was asked when it comes. If nothing was ever asked, the question is yet to
    /// come, and all that is left is to compare the times.
    fn answer(&mut self, stamp: Stamp) {
        match &self.question {
            Some(question) if !stamp.is_numbered() => {
                if question.stamp.is_after_any(self.answered) {
                    self.answered = Some(question.stamp);
                }
            }
            _ => advance(&mut self.answered, stamp),
        }
    }

    /// Takes a chunk; whether the node may look different now.
    pub(crate) fn stream(
        &mut self,
        stamp: Stamp,
        arrival: Arrival<V>,
        end: EndForNode,
        options: &Options,
    ) -> bool {
        let before = self.status(end);
        advance(&mut self.streamed, stamp);
        let is_new = Attempt::of(self).has(stamp)
            && self
                .text
                .insert(stamp, arrival.size, arrival.payload, options);
        is_new || self.status(end) != before
    }

    /// Drops all text; whether there was any.
    pub(crate) fn forget_text(&mut self) -> bool {
        self.text.restart(|_| false)
    }

    /// Drops the text of earlier attempts; whether there was any.
    fn restart_text(&mut self) -> bool {
        let attempt = Attempt::of(self);
        self.text.restart(|chunk| attempt.has(chunk))
    }

    pub(crate) fn text_change(&self, options: &Options) -> Option<TextChange<'_, V>> {
        self.text.change(options)
    }

    pub(crate) fn taken(&mut self, options: &Options) {
        self.text.taken(options);
    }
}

/// Where the present attempt begins, as far as text goes.
#[derive(Clone, Copy)]
struct Attempt {
    retry: Option<Stamp>,
    restart: Option<Stamp>,
}

impl Attempt {
    fn of<V>(node: &Node<V>) -> Self {
        let restart = stamp(node.started.as_ref()).filter(|s| s.is_after_any(node.first_started));
        Self {
            retry: stamp(node.retry.as_ref()),
            restart,
        }
    }

    /// Whether a chunk was streamed in it. In the millisecond of a retry the failed attempt was
    /// still at it, in that of a start the new one is. Before a first start there is no other
    /// attempt: the clocks of two machines disagree.
    fn has(self, chunk: Stamp) -> bool {
        chunk.is_after_any(self.retry) && chunk.is_not_before(self.restart)
    }
}
