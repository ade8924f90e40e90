//! Records by small numbers, and which of them have changed.

use alloc::vec::Vec;

/// Records, from number 0 on.
pub(crate) struct Table<T> {
    records: Vec<Record<T>>,
    marked: Vec<u32>,
}

#[derive(Default)]
struct Record<T> {
    is_marked: bool,
    content: T,
}

impl<T: Default> Table<T> {
    pub(crate) const fn new() -> Self {
        Self {
            records: Vec::new(),
            marked: Vec::new(),
        }
    }

    pub(crate) fn get(&self, id: u32) -> Option<&T> {
        let record = self.records.get(id as usize)?;
        Some(&record.content)
    }

    pub(crate) fn get_mut(&mut self, id: u32) -> Option<&mut T> {
        let record = self.records.get_mut(id as usize)?;
        Some(&mut record.content)
    }

    /// The record, made if there is none; `None` if its number is not below `max`.
    pub(crate) fn entry(&mut self, id: u32, max: u32) -> Option<&mut T> {
        if id >= max {
            return None;
        }
        if self.records.len() <= id as usize {
            self.records.resize_with(id as usize + 1, Record::default);
        }
        self.get_mut(id)
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// Notes that the record has changed.
    pub(crate) fn mark(&mut self, id: u32) {
        if let Some(record) = self.records.get_mut(id as usize)
            && !record.is_marked
        {
            record.is_marked = true;
            self.marked.push(id);
        }
    }

    /// The records that have changed, each once.
    pub(crate) fn marked(&self) -> &[u32] {
        &self.marked
    }

    /// Forgets the marks, with a last look at each record that has one.
    pub(crate) fn clear_marks(&mut self, mut look: impl FnMut(&mut T)) {
        for id in self.marked.drain(..) {
            if let Some(record) = self.records.get_mut(id as usize) {
                record.is_marked = false;
                look(&mut record.content);
            }
        }
    }
}
