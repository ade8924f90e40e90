//! The runs and knowledge bases that somebody watches.

use alloc::vec::Vec;

use flowmaestro_protocol::Scope;

use crate::{Arrival, Change, KnowledgeBase, Options, Run};

/// The states of all runs and knowledge bases that somebody watches, each by the caller's number.
///
/// Events of others change nothing: whoever begins to watch opens a run first.
pub struct Store<V> {
    options: Options,
    runs: Keyed<Run<V>>,
    bases: Keyed<KnowledgeBase<V>>,
}

impl<V: Clone> Store<V> {
    /// A store that watches nothing.
    pub const fn new(options: Options) -> Self {
        Self {
            options,
            runs: Keyed::new(),
            bases: Keyed::new(),
        }
    }

    /// Changes the limits of what is watched from now on.
    pub const fn configure(&mut self, options: Options) {
        self.options = options;
    }

    /// Watches a run, from its next event on. One that is watched already stays as it is.
    pub fn open_run(&mut self, key: u32) {
        self.runs.open(key, || Run::new(self.options));
    }

    /// Forgets a run; the key may be given to another.
    pub fn close_run(&mut self, key: u32) {
        self.runs.close(key);
    }

    /// A run that is watched.
    pub fn run(&self, key: u32) -> Option<&Run<V>> {
        self.runs.get(key)
    }

    /// A run that is watched, to tell it something or take its changes.
    pub fn run_mut(&mut self, key: u32) -> Option<&mut Run<V>> {
        self.runs.get_mut(key)
    }

    /// Watches a knowledge base, from the next event of its documents on. One that is watched
    /// already stays as it is.
    pub fn open_knowledge_base(&mut self, key: u32) {
        self.bases.open(key, || KnowledgeBase::new(self.options));
    }

    /// Forgets a knowledge base; the key may be given to another.
    pub fn close_knowledge_base(&mut self, key: u32) {
        self.bases.close(key);
    }

    /// A knowledge base that is watched.
    pub fn knowledge_base(&self, key: u32) -> Option<&KnowledgeBase<V>> {
        self.bases.get(key)
    }

    /// A knowledge base that is watched, to tell it something or take its changes.
    pub fn knowledge_base_mut(&mut self, key: u32) -> Option<&mut KnowledgeBase<V>> {
        self.bases.get_mut(key)
    }

    /// Takes an event. `key` is that of its execution, or for one of a document of its knowledge
    /// base; which of them, its type tells.
    pub fn apply(&mut self, key: u32, arrival: Arrival<V>) -> Change {
        let change = match arrival.event.scope() {
            Scope::Execution => self.runs.get_mut(key).map(|run| run.apply(arrival)),
            Scope::User => self.bases.get_mut(key).map(|base| base.apply(arrival)),
            Scope::Connection => None,
        };
        change.unwrap_or_default()
    }

    /// Takes note that events of documents [may be missing](KnowledgeBase::gap), of every knowledge
    /// base that is watched.
    pub fn gap_of_knowledge_bases(&mut self) -> Change {
        let bases = self.bases.entries.iter_mut();
        bases.map(|(_, base)| base.gap()).max().unwrap_or_default()
    }

    /// Whether nothing is watched.
    pub const fn is_empty(&self) -> bool {
        self.runs.entries.is_empty() && self.bases.entries.is_empty()
    }

    /// A run of which the page is to be told something.
    pub fn next_changed_run(&self) -> Option<u32> {
        self.runs.find(|run| run.changed() != Change::None)
    }

    /// A knowledge base of which the page is to be told something.
    pub fn next_changed_knowledge_base(&self) -> Option<u32> {
        self.bases.find(|base| base.changed() != Change::None)
    }
}

/// Few things by key: a page watches a handful.
struct Keyed<T> {
    /// Sorted.
    entries: Vec<(u32, T)>,
}

impl<T> Keyed<T> {
    const fn new() -> Self {
        Self {
            entries: Vec::new(),
        }
    }

    fn place(&self, key: u32) -> Result<usize, usize> {
        self.entries.binary_search_by_key(&key, |(key, _)| *key)
    }

    fn get(&self, key: u32) -> Option<&T> {
        let place = self.place(key).ok()?;
        self.entries.get(place).map(|(_, thing)| thing)
    }

    fn get_mut(&mut self, key: u32) -> Option<&mut T> {
        let place = self.place(key).ok()?;
        self.entries.get_mut(place).map(|(_, thing)| thing)
    }

    fn open(&mut self, key: u32, make: impl FnOnce() -> T) {
        if let Err(place) = self.place(key) {
            self.entries.insert(place, (key, make()));
        }
    }

    fn close(&mut self, key: u32) {
        if let Ok(place) = self.place(key) {
            self.entries.remove(place);
        }
    }

    fn find(&self, wanted: impl Fn(&T) -> bool) -> Option<u32> {
        let (key, _) = self.entries.iter().find(|(_, thing)| wanted(thing))?;
        Some(*key)
    }
}
