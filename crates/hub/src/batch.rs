use std::sync::Arc;

use crate::{Config, Millis};

const PREFIX: &str = r#"{"type":"batch","events":["#;
const SUFFIX: &str = "]}";

/// The events that wait to travel in one frame.
///
/// The first event goes out at once and opens a window; those that come within it are gathered until
/// its end, which opens the next one. So a lone event waits for nothing, and a stream of them costs
/// one frame a window.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    window_ends: Millis,
    events: Vec<Arc<str>>,
    /// What the frame would have, in bytes; 0 without events.
    bytes: usize,
}

/// What is to be done with an event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Added {
    /// It is not gathered: send it now.
    Alone(Arc<str>),
    /// It waits, until then at the latest.
    Gathered { until: Millis },
    /// It waits no longer: the batch is full.
    Full,
}

impl Batch {
    pub(crate) fn add(&mut self, now: Millis, event: Arc<str>, config: &Config) -> Added {
        if self.events.is_empty() {
            if !self.is_open(now, config) {
                self.window_ends = now.plus(config.batch_window_ms);
                return Added::Alone(event);
            }
            self.bytes = PREFIX.len() + SUFFIX.len();
        }
        self.bytes += event.len() + 1;
        self.events.push(event);
        if self.bytes >= config.batch_bytes {
            return Added::Full;
        }
        let until = self.window_ends;
        Added::Gathered { until }
    }

    /// The frame of what was gathered, if anything was: a lone event travels as it is.
    pub(crate) fn take(&mut self, now: Millis, config: &Config) -> Option<Arc<str>> {
        let mut events = std::mem::take(&mut self.events);
        if planted!(BatchReversed) {
            events.reverse();
        }
        let bytes = std::mem::take(&mut self.bytes);
        let (first, rest) = events.split_first()?;
        self.window_ends = now.plus(config.batch_window_ms);
        if rest.is_empty() {
            return Some(Arc::clone(first));
        }
        let mut frame = String::with_capacity(bytes);
        frame.push_str(PREFIX);
        frame.push_str(first);
        for event in rest {
            frame.push(',');
            frame.push_str(event);
        }
        frame.push_str(SUFFIX);
        Some(frame.into())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The clock may have gone back, and the end of the window be far away.
    fn is_open(&self, now: Millis, config: &Config) -> bool {
        now < self.window_ends && self.window_ends <= now.plus(config.batch_window_ms)
    }
}
