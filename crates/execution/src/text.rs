//! What a node has streamed, and what of it the page has.

use alloc::vec::Vec;
use core::ops::Range;

use crate::Options;
use crate::changes::Splice;
use crate::stamp::Stamp;

/// The text of a node's present attempt.
///
/// The page keeps the text itself: once handed over, a chunk stays here only while another may
/// still have to go before it. Positions are counted from where the attempt's text begins.
///
/// ```text
///   0         base                                                     base + size
///   ├ settled ┼── hidden ──┬───────── handed over ────────┬── new ─────┤
///   └ forgotten            └ start: so much is the limit ──────────────┘
/// ```
pub(crate) struct Text<V> {
    /// In order.
    chunks: Vec<Chunk<V>>,
    /// How much text there is before `chunks`, whose chunks are forgotten.
    base: u64,
    /// How much text `chunks` are.
    size: u64,
    /// The first and the last chunk before `chunks`.
    settled: Option<(Stamp, Stamp)>,
    /// What is before this is not shown, since nobody knows any more which chunks it was.
    lost: u64,
    /// How many of `chunks`, from the first on, are beyond the limit: they have no payload.
    hidden: usize,
    /// How much text these are.
    hidden_size: u64,
    /// How many of `chunks`, from the first on, the page has.
    handed: usize,
    /// Which part of the text the page has.
    page: Range<u64>,
    /// The page has something else.
    is_stale: bool,
    is_changed: bool,
}

struct Chunk<V> {
    stamp: Stamp,
    size: u32,
    payload: Option<V>,
}

/// How the text of a node has changed: the page cuts what it has as `splice` says, and appends
/// `chunks` without their first `skip` units.
pub struct TextChange<'a, V> {
    /// What of the text that the page has stays.
    pub splice: Splice,
    /// How much of the chunks, taken together, is beyond the limit and not to be appended.
    pub skip: u64,
    chunks: &'a [Chunk<V>],
}

impl<'a, V> TextChange<'a, V> {
    /// The chunks to append, in order.
    pub fn chunks(&self) -> impl Iterator<Item = &'a V> + use<'a, V> {
        self.chunks
            .iter()
            .filter_map(|chunk| chunk.payload.as_ref())
    }
}

impl<V> Default for Text<V> {
    fn default() -> Self {
        Self {
            chunks: Vec::new(),
            base: 0,
            size: 0,
            settled: None,
            lost: 0,
            hidden: 0,
            hidden_size: 0,
            handed: 0,
            page: 0..0,
            is_stale: false,
            is_changed: false,
        }
    }
}

impl<V> Text<V> {
    /// Where the part begins that is within the limit.
    pub(crate) fn start(&self, options: &Options) -> u64 {
        self.end()
            .saturating_sub(u64::from(options.max_text))
            .max(self.lost)
    }

    /// Where it ends.
    pub(crate) const fn end(&self) -> u64 {
        self.base + self.size
    }

    /// Puts a chunk in its place; whether it was new.
    pub(crate) fn insert(
        &mut self,
        stamp: Stamp,
        size: u32,
        payload: V,
        options: &Options,
    ) -> bool {
        let before = self
            .chunks
            .iter()
            .rposition(|chunk| !chunk.stamp.is_after(stamp));
        if size == 0 || self.is_repeated(stamp, before) {
            return false;
        }
        let place = before.map_or(0, |before| before + 1);
        let is_hidden = place < self.hidden;
        let payload = (!is_hidden).then_some(payload);
        self.chunks.insert(
            place,
            Chunk {
                stamp,
                size,
                payload,
            },
        );
        self.size += u64::from(size);
        if is_hidden {
            self.hidden += 1;
            self.hidden_size += u64::from(size);
        }
        self.handed = self.handed.min(place);
        self.is_changed = true;
        self.hide(options);
        true
    }

    /// Only a number tells a repetition from the same word said twice. A chunk with a number among
    /// those that are settled is one, or comes too late for its place to be known.
    fn is_repeated(&self, stamp: Stamp, before: Option<usize>) -> bool {
        let before = match before.and_then(|before| self.chunks.get(before)) {
            Some(chunk) => chunk.stamp,
            None => match self.settled {
                Some((_, last)) => last,
                None => return false,
            },
        };
        stamp.is_numbered_like(before) && !stamp.is_after(before)
    }

    /// Lets go of what is beyond the limit.
    fn hide(&mut self, options: &Options) {
        let start = self.start(options);
        while let Some(chunk) = self.chunks.get_mut(self.hidden) {
            let hidden_size = self.hidden_size + u64::from(chunk.size);
            if self.base + hidden_size > start {
                break;
            }
            chunk.payload = None;
            self.hidden += 1;
            self.hidden_size = hidden_size;
        }
        self.settle(self.hidden, options);
    }

    /// Forgets the earliest of the first `count` chunks, in one go for many.
    fn settle(&mut self, count: usize, options: &Options) {
        let window = options.reorder_window as usize;
        if count < window.saturating_mul(2).max(1) {
            return;
        }
        let forgotten = count - window;
        for chunk in self.chunks.drain(..forgotten) {
            let size = u64::from(chunk.size);
            self.base += size;
            self.size -= size;
            if chunk.payload.is_none() {
                self.hidden -= 1;
                self.hidden_size -= size;
            }
            let (first, _) = self.settled.unwrap_or((chunk.stamp, chunk.stamp));
            self.settled = Some((first, chunk.stamp));
        }
        self.handed = self.handed.saturating_sub(forgotten);
    }

    /// Drops what does not belong to the attempt; whether there was something.
    ///
    /// If that ends among the chunks that are forgotten, these are dropped altogether, and count as
    /// cut.
    pub(crate) fn restart(&mut self, belongs: impl Fn(Stamp) -> bool) -> bool {
        let is_settled_right = self.settled.is_none_or(|(first, _)| belongs(first));
        if is_settled_right && self.chunks.iter().all(|chunk| belongs(chunk.stamp)) {
            return false;
        }
        if self.settled.is_some_and(|(_, last)| belongs(last)) {
            self.settled = self.settled.map(|(_, last)| (last, last));
        } else {
            self.base = 0;
            self.settled = None;
        }
        self.lost = self.base;
        self.chunks.retain(|chunk| belongs(chunk.stamp));
        let hidden = self
            .chunks
            .iter()
            .take_while(|chunk| chunk.payload.is_none());
        (self.hidden, self.hidden_size) = hidden.fold((0, 0), |(count, size), chunk| {
            (count + 1, size + u64::from(chunk.size))
        });
        self.size = size_of(&self.chunks);
        self.handed = 0;
        self.page = 0..0;
        self.is_stale = true;
        self.is_changed = true;
        true
    }

    pub(crate) fn change(&self, options: &Options) -> Option<TextChange<'_, V>> {
        if !self.is_changed {
            return None;
        }
        let start = self.start(options);
        let first = self.handed.max(self.hidden);
        let (before, chunks) = self.chunks.split_at_checked(first)?;
        let from = self.base + size_of(before);
        let mut splice = Splice::new(&self.page, start..from);
        splice.is_append &= !self.is_stale;
        let skip = start.saturating_sub(from);
        Some(TextChange {
            splice,
            skip,
            chunks,
        })
    }

    /// The page has the change.
    pub(crate) fn taken(&mut self, options: &Options) {
        if !self.is_changed {
            return;
        }
        self.page = self.start(options)..self.end();
        self.is_stale = false;
        self.is_changed = false;
        self.handed = self.chunks.len();
        self.settle(self.handed, options);
    }
}

fn size_of<V>(chunks: &[Chunk<V>]) -> u64 {
    chunks.iter().map(|chunk| u64::from(chunk.size)).sum()
}
