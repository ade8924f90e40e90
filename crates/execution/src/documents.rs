//! The documents of one knowledge base.

use flowmaestro_protocol::{EventType, Scope};

use crate::changes::Change;
use crate::fact::{Arrival, Fact, keep_latest};
use crate::stamp::Stamp;
use crate::table::Table;
use crate::{Options, Truncated};

/// How far a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentStatus {
    /// Nothing is known of it.
    Pending,
    /// It is being processed.
    Processing,
    /// It has been processed.
    Completed,
    /// It could not be processed.
    Failed,
}

/// One document of a knowledge base.
pub struct Document<V> {
    started: Option<Fact<V>>,
    ended: Option<Fact<V>>,
}

impl<V> Default for Document<V> {
    fn default() -> Self {
        Self {
            started: None,
            ended: None,
        }
    }
}

impl<V> Document<V> {
    /// How far it is.
    pub fn status(&self) -> DocumentStatus {
        match (self.ended(), &self.started) {
            (Some(ended), _) if ended.event == EventType::DocumentCompleted => {
                DocumentStatus::Completed
            }
            (Some(_), _) => DocumentStatus::Failed,
            (None, Some(_)) => DocumentStatus::Processing,
            (None, None) => DocumentStatus::Pending,
        }
    }

    /// Its latest `kb:document:processing`.
    pub const fn started(&self) -> Option<&Fact<V>> {
        self.started.as_ref()
    }

    /// Its `kb:document:completed` or `kb:document:failed`, unless it is being processed anew.
    pub fn ended(&self) -> Option<&Fact<V>> {
        self.ended.as_ref().filter(|ended| {
            let started = self.started.as_ref();
            started.is_none_or(|started| !started.stamp.is_after(ended.stamp))
        })
    }

    /// When its processing started last, in ms since the Unix epoch.
    pub fn started_at(&self) -> Option<f64> {
        self.started().map(Fact::at)
    }

    /// When its processing ended, likewise.
    pub fn ended_at(&self) -> Option<f64> {
        self.ended().map(Fact::at)
    }

    /// Into how many pieces it was split, once it is processed.
    pub fn chunk_count(&self) -> Option<f64> {
        let ended = self.ended()?;
        (ended.event == EventType::DocumentCompleted).then(|| ended.first_number())
    }

    /// Takes an event; whether the document may look different now.
    fn apply(&mut self, fact: Fact<V>) -> bool {
        if fact.event == EventType::DocumentProcessing {
            return keep_latest(&mut self.started, fact);
        }
        keep_latest(&mut self.ended, fact) && self.ended().is_some()
    }
}

/// The state of one knowledge base's documents, from their events.
pub struct KnowledgeBase<V> {
    options: Options,
    documents: Table<Document<V>>,
    is_complete: bool,
    truncated: Truncated,
    changed: Changed,
}

#[derive(Default)]
struct Changed {
    when: Change,
    everything: bool,
    header: bool,
}

impl<V> KnowledgeBase<V> {
    /// A knowledge base of whose documents nothing is known.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            documents: Table::new(),
            is_complete: true,
            truncated: Truncated::default(),
            changed: Changed::default(),
        }
    }

    /// Takes an event of one of its documents. One that is scoped to something else changes
    /// nothing.
    pub fn apply(&mut self, arrival: Arrival<V>) -> Change {
        let Some(id) = arrival.subject else {
            return Change::None;
        };
        if arrival.event.scope() != Scope::User {
            return Change::None;
        }
        let Some(document) = self.documents.entry(id, self.options.max_documents) else {
            self.truncated.subjects += 1;
            return self.change_header();
        };
        let stamp = Stamp::new(arrival.at, arrival.seq, 0);
        let fact = Fact::new(arrival, stamp, self.options.max_payload);
        let is_cut = fact.payload.is_none();
        if !document.apply(fact) {
            return Change::None;
        }
        self.documents.mark(id);
        if is_cut {
            self.truncated.payloads += 1;
            self.change_header();
        }
        self.note(Change::Frame)
    }

    /// Takes note that events may be missing: the server sends those of documents to whoever is
    /// connected, and never again. The state is incomplete from now on.
    pub fn gap(&mut self) -> Change {
        self.set_complete(false)
    }

    /// What was missed has been fetched and applied: the state is complete again.
    pub fn restored(&mut self) -> Change {
        self.set_complete(true)
    }

    /// Forgets everything, to be told it anew.
    pub fn reset(&mut self) -> Change {
        *self = Self::new(self.options);
        self.changed.everything = true;
        self.change_header()
    }

    fn set_complete(&mut self, is_complete: bool) -> Change {
        if self.is_complete == is_complete {
            return Change::None;
        }
        self.is_complete = is_complete;
        self.change_header()
    }

    fn change_header(&mut self) -> Change {
        self.changed.header = true;
        self.note(Change::Frame)
    }

    fn note(&mut self, change: Change) -> Change {
        self.changed.when = self.changed.when.max(change);
        change
    }

    /// A document, by the caller's number; `None` for one of which no event told.
    pub fn document(&self, id: u32) -> Option<&Document<V>> {
        self.documents.get(id)
    }

    /// How many documents there are: one more than the highest number of which an event told.
    pub fn document_count(&self) -> usize {
        self.documents.len()
    }

    /// Whether nothing is known to be missing.
    pub const fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// What was cut.
    pub const fn truncated(&self) -> Truncated {
        self.truncated
    }

    /// Whether the page is to be told something, and when.
    pub const fn changed(&self) -> Change {
        self.changed.when
    }

    /// What has changed since the page was told last. It counts as told once this is dropped.
    pub const fn take_changes(&mut self) -> DocumentChanges<'_, V> {
        DocumentChanges { base: self }
    }
}

/// What of a knowledge base has changed. Once this is dropped, all of it counts as told.
pub struct DocumentChanges<'a, V> {
    base: &'a mut KnowledgeBase<V>,
}

impl<V> DocumentChanges<'_, V> {
    /// The knowledge base itself, to read what has changed.
    pub const fn knowledge_base(&self) -> &KnowledgeBase<V> {
        self.base
    }

    /// When the page is to be told.
    pub const fn when(&self) -> Change {
        self.base.changed.when
    }

    /// Everything was forgotten: so must be what the page has.
    pub const fn everything(&self) -> bool {
        self.base.changed.everything
    }

    /// What is of no document.
    pub const fn header(&self) -> bool {
        self.base.changed.header
    }

    /// These documents, each once.
    pub fn documents(&self) -> &[u32] {
        self.base.documents.marked()
    }
}

impl<V> Drop for DocumentChanges<'_, V> {
    fn drop(&mut self) {
        self.base.documents.clear_marks(|_| {});
        self.base.changed = Changed::default();
    }
}
