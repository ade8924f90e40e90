//! A queue in two vectors.

use alloc::vec::Vec;
use core::mem::{swap, take};

/// A queue that is filled, then emptied: what is to be taken waits in reverse, so that both ends are
/// the end of a vector. Less code than a ring, and as fast.
pub(crate) struct Fifo<T> {
    /// The rest of what was turned around, the first at the end.
    front: Vec<T>,
    back: Vec<T>,
}

impl<T> Fifo<T> {
    pub(crate) const fn new() -> Self {
        Self {
            front: Vec::new(),
            back: Vec::new(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.front.is_empty() && self.back.is_empty()
    }

    pub(crate) fn push(&mut self, item: T) {
        self.back.push(item);
    }

    pub(crate) fn pop(&mut self) -> Option<T> {
        if self.front.is_empty() {
            swap(&mut self.front, &mut self.back);
            self.front.reverse();
        }
        self.front.pop()
    }

    /// Keeps only what is to be kept, asked in order.
    pub(crate) fn retain(&mut self, mut is_kept: impl FnMut(&T) -> bool) {
        let mut all = take(self);
        while let Some(item) = all.pop() {
            if is_kept(&item) {
                self.push(item);
            }
        }
    }
}

impl<T> Default for Fifo<T> {
    fn default() -> Self {
        Self::new()
    }
}
