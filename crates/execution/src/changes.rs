//! What the page is to be told, and when.

use core::ops::Range;

/// Whether the page is to be told of a change, and when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Nothing has changed.
    #[default]
    None,
    /// At the next animation frame is soon enough.
    Frame,
    /// At once: the run has ended, or waits for a person. Animation frames stop in a page that is
    /// not visible, and these are what somebody who looks elsewhere wants to hear of.
    Now,
}

/// How a sequence that the page has becomes the present one: cut it to `keep`, then append.
///
/// What it appends is with the change that this is part of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Splice {
    /// Which part of what the page has stays; often all of it. In the page's units: characters of a
    /// text as [`Arrival::size`](crate::Arrival::size) counts them, or entries of the log.
    pub keep: Range<u64>,
    /// Whether all of it stays: then appending is enough.
    pub is_append: bool,
}

impl Splice {
    /// `page` is what the page has and `stays` what of it is to stay, both counted from where the
    /// sequence once began.
    pub(crate) fn new(page: &Range<u64>, stays: Range<u64>) -> Self {
        let start = stays.start.max(page.start);
        let end = stays.end.min(page.end);
        let keep = if start < end {
            start - page.start..end - page.start
        } else {
            0..0
        };
        let is_append = keep == (0..page.end - page.start);
        Self { keep, is_append }
    }
}
