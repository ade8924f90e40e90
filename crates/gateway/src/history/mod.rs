//! Where the history is kept.

use flowmaestro_hub::{History, MemoryHistory, MemoryLimits};
use uuid::Uuid;

use crate::config::Config;

/// The history that the configuration asks for.
pub(crate) fn open(config: &Config) -> Box<dyn History + Send> {
    let limits = MemoryLimits {
        events: config.limits.history_events,
        bytes: config.limits.history_bytes,
        total_bytes: config.limits.history_total_bytes,
    };
    Box::new(MemoryHistory::new(Uuid::new_v4().to_string(), limits))
}
