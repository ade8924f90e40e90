use std::collections::VecDeque;

use crate::Config;

/// How many frames an empty queue keeps memory for: a burst must not cost its memory for as long as
/// the connection lasts.
const RETAINED_FRAMES: usize = 64;

/// The sizes of the frames that wait for one socket, the oldest first. The frames themselves are the
/// caller's.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    frames: VecDeque<usize>,
    bytes: usize,
}

impl Outbox {
    /// Counts a frame and says whether it fits. An empty queue takes a frame of any size, or a large
    /// one could never be sent.
    pub(crate) fn push(&mut self, bytes: usize, config: &Config) -> bool {
        let fits = self.frames.len() < config.queue_frames
            && self.bytes.saturating_add(bytes) <= config.queue_bytes;
        if !fits && !self.frames.is_empty() && !planted!(UnboundedOutbox) {
            return false;
        }
        self.bytes += bytes;
        self.frames.push_back(bytes);
        true
    }

    /// Counts frames as gone.
    pub(crate) fn written(&mut self, frames: usize) {
        let gone = self.frames.drain(..frames.min(self.frames.len()));
        self.bytes -= gone.sum::<usize>();
        if self.frames.is_empty() {
            self.frames.shrink_to(RETAINED_FRAMES);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    pub(crate) fn frames(&self) -> usize {
        self.frames.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}
