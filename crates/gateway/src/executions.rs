//! Who owns which execution, as the hub knows it.

use std::sync::Arc;

use flowmaestro_hub::{Execution, Owner, RegisterError};
use flowmaestro_protocol::Room;

use crate::manager::WebSocketManager;

/// The owners of the known executions, bounded in number and forgotten some time after their end.
#[derive(Clone)]
pub struct ExecutionRegistry {
    manager: Arc<WebSocketManager>,
}

impl ExecutionRegistry {
    pub(crate) fn new(manager: Arc<WebSocketManager>) -> Self {
        Self { manager }
    }

    /// Binds an execution to its owner, in no room. Doing so again for the same owner changes
    /// nothing else, except that an ended execution counts as running again.
    ///
    /// # Errors
    /// [`RegisterError`]; the registry is then as before.
    pub fn register(&self, execution_id: &str, owner: Owner) -> Result<(), RegisterError> {
        self.register_in_rooms(execution_id, owner, &[])
    }

    /// The same, in rooms, in place of those that it may have been in. Their subscribers get its
    /// events as far as they may see it.
    ///
    /// # Errors
    /// [`RegisterError`]; the registry is then as before.
    pub fn register_in_rooms(
        &self,
        execution_id: &str,
        owner: Owner,
        rooms: &[Room],
    ) -> Result<(), RegisterError> {
        self.manager
            .act(|hub, now| hub.register(now, execution_id, owner, rooms))
    }

    /// The owner of an execution, unless it is unknown or ended too long ago.
    pub fn owner(&self, execution_id: &str) -> Option<Owner> {
        self.manager.act(|hub, now| {
            hub.tick(now);
            hub.execution(execution_id).map(Execution::owner).cloned()
        })
    }

    /// Forgets an execution, its history with it, and says whether it was known.
    pub fn remove(&self, execution_id: &str) -> bool {
        self.manager
            .act(|hub, now| hub.remove_execution(now, execution_id))
    }

    /// How many executions are known.
    pub fn len(&self) -> usize {
        self.manager.act(|hub, _| hub.counts().executions)
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
