//! When an event happened, compared with another.

use core::cmp::Ordering;

/// The place of an event among those of its run.
///
/// Not `Ord`, since it is no total order: what is numbered is ordered by its number, and by time
/// only against what is not. Clocks of different machines may disagree with the numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stamp {
    /// In ms since the Unix epoch; finite and not negative.
    pub(crate) at: f64,
    /// The server's number; 0 where it gives none.
    pub(crate) seq: u64,
    /// Which history of the server's numbers it: they begin again when one was lost.
    pub(crate) epoch: u32,
}

impl Stamp {
    pub(crate) fn new(at: f64, seq: Option<u64>, epoch: u32) -> Self {
        let at = if at > 0.0 && at.is_finite() { at } else { 0.0 };
        let seq = seq.unwrap_or_default();
        Self { at, seq, epoch }
    }

    pub(crate) const fn is_numbered(self) -> bool {
        self.seq != 0
    }

    /// Whether both have numbers, and of one history.
    pub(crate) const fn is_numbered_like(self, other: Self) -> bool {
        self.is_numbered() && other.is_numbered() && self.epoch == other.epoch
    }

    pub(crate) fn order(self, other: Self) -> Ordering {
        if self.is_numbered_like(other) {
            self.seq.cmp(&other.seq)
        } else {
            self.at.total_cmp(&other.at)
        }
    }

    /// Strictly: two events of one millisecond without numbers follow neither each other.
    pub(crate) fn is_after(self, other: Self) -> bool {
        self.order(other).is_gt()
    }

    /// Whether it is after `other`, where there is another.
    pub(crate) fn is_after_any(self, other: Option<Self>) -> bool {
        other.is_none_or(|other| self.is_after(other))
    }

    /// Whether `other`, where there is another, is not after it.
    pub(crate) fn is_not_before(self, other: Option<Self>) -> bool {
        other.is_none_or(|other| !other.is_after(self))
    }
}

/// Keeps the later of two.
pub(crate) fn advance(latest: &mut Option<Stamp>, stamp: Stamp) {
    if stamp.is_after_any(*latest) {
        *latest = Some(stamp);
    }
}
