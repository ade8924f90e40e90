use std::collections::BTreeMap;
use std::sync::Arc;

use flowmaestro_protocol::{ServerMessage, Viewer};

use crate::Millis;

/// Who watches which execution: the users with a subscription to it.
#[derive(Debug, Default)]
pub(crate) struct Viewers {
    by_execution: BTreeMap<Arc<str>, BTreeMap<Arc<str>, Viewing>>,
}

#[derive(Debug)]
struct Viewing {
    connections: u32,
    since: Millis,
}

impl Viewers {
    /// Counts one more connection of a user.
    pub(crate) fn add(&mut self, now: Millis, execution_id: &Arc<str>, user_id: &Arc<str>) {
        let viewers = self.by_execution.entry(Arc::clone(execution_id));
        let viewing = viewers.or_default().entry(Arc::clone(user_id));
        let viewing = viewing.or_insert(Viewing {
            connections: 0,
            since: now,
        });
        viewing.connections += 1;
    }

    /// Counts one connection of a user less.
    pub(crate) fn remove(&mut self, execution_id: &str, user_id: &str) {
        let Some(viewers) = self.by_execution.get_mut(execution_id) else {
            return;
        };
        if let Some(viewing) = viewers.get_mut(user_id) {
            viewing.connections -= 1;
            if viewing.connections == 0 {
                viewers.remove(user_id);
            }
        }
        if viewers.is_empty() {
            self.by_execution.remove(execution_id);
        }
    }

    /// The text frame that lists them, sorted by user.
    pub(crate) fn message(&self, execution_id: &str) -> Arc<str> {
        let viewers = self.by_execution.get(execution_id).into_iter().flatten();
        let viewers = viewers.map(|(user_id, viewing)| Viewer {
            user_id: user_id.to_string(),
            connections: viewing.connections,
            since: viewing.since.into(),
        });
        ServerMessage::Presence {
            execution_id: execution_id.to_owned(),
            viewers: viewers.collect(),
        }
        .encode()
        .into()
    }

    pub(crate) fn len(&self) -> usize {
        self.by_execution.len()
    }
}
