use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};

use crate::ConnectionId;

/// Connections by what they have in common. A key without connections has no entry.
#[derive(Debug)]
pub(crate) struct Index<K> {
    entries: BTreeMap<K, BTreeSet<ConnectionId>>,
}

impl<K: Ord> Index<K> {
    pub(crate) fn add(&mut self, key: K, id: ConnectionId) {
        self.entries.entry(key).or_default().insert(id);
    }

    pub(crate) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q, id: ConnectionId)
    where
        K: Borrow<Q>,
    {
        if let Some(ids) = self.entries.get_mut(key) {
            ids.remove(&id);
            if ids.is_empty() {
                self.entries.remove(key);
            }
        }
    }

    pub(crate) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> impl Iterator<Item = ConnectionId>
    where
        K: Borrow<Q>,
    {
        self.entries.get(key).into_iter().flatten().copied()
    }

    pub(crate) fn count<Q: Ord + ?Sized>(&self, key: &Q) -> usize
    where
        K: Borrow<Q>,
    {
        self.entries.get(key).map_or(0, BTreeSet::len)
    }

    /// How many keys have connections.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

impl<K> Default for Index<K> {
    fn default() -> Self {
        let entries = BTreeMap::new();
        Self { entries }
    }
}
