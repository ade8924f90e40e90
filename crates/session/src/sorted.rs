//! A small map in one vector.

use alloc::vec::Vec;

use crate::ExecutionKey;

/// A map that is sorted by its keys. Changing it moves what is behind the key, which is cheap for the
/// few entries that are held here; a B-tree would be a tenth of the client's download.
pub(crate) struct Sorted<K, V> {
    entries: Vec<(K, V)>,
}

impl<K: Copy + Ord, V> Sorted<K, V> {
    pub(crate) const fn new() -> Self {
        Self {
            entries: Vec::new(),
        }
    }

    /// Adds a value, in place of the one that is there under this key.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        match self.position(key) {
            Ok(at) => {
                if let Some(entry) = self.entries.get_mut(at) {
                    entry.1 = value;
                }
            }
            Err(at) => self.entries.insert(at, (key, value)),
        }
    }

    pub(crate) fn remove(&mut self, key: K) -> Option<V> {
        let at = self.position(key).ok()?;
        Some(self.entries.remove(at).1)
    }

    /// Takes the entry with the smallest key.
    pub(crate) fn pop_first(&mut self) -> Option<(K, V)> {
        (!self.is_empty()).then(|| self.entries.remove(0))
    }

    /// Takes the entry with the smallest key, unless that is behind this one.
    pub(crate) fn pop_up_to(&mut self, key: K) -> Option<V> {
        let is_meant = self.entries.first().is_some_and(|entry| entry.0 <= key);
        is_meant.then(|| self.entries.remove(0).1)
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn position(&self, key: K) -> Result<usize, usize> {
        self.entries.binary_search_by_key(&key, |entry| entry.0)
    }
}

/// Where an execution is among what is sorted by executions, or where it would be.
///
/// They are numbered from 0, and the numbers are used again: where most are in use, an execution is
/// often at its number, which is looked at first.
pub(crate) fn position<T>(
    sorted: &[T],
    key: ExecutionKey,
    key_of: impl Fn(&T) -> ExecutionKey,
) -> Result<usize, usize> {
    let number = key.0 as usize;
    if sorted.get(number).is_some_and(|own| key_of(own) == key) {
        return Ok(number);
    }
    sorted.binary_search_by_key(&key, key_of)
}
