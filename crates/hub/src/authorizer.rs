use flowmaestro_protocol::Room;

use crate::{Execution, Identity};

/// Decides what a user may see. Asked for every delivery, so it answers at once, from memory.
pub trait Authorizer {
    /// Whether the user may see the execution: subscribe to it, get its events, answer its
    /// questions.
    fn may_see(&self, identity: &Identity, execution: &Execution) -> bool;

    /// Whether the user may subscribe to the room. In it they get the events of the executions that
    /// they may see.
    fn may_join(&self, identity: &Identity, room: &Room) -> bool;
}

/// An execution is seen by its owner, and by the members of every workspace that it was registered
/// in. Workspaces are open to their members; projects are closed, since no token speaks of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct OwnerAndWorkspaces;

impl Authorizer for OwnerAndWorkspaces {
    fn may_see(&self, identity: &Identity, execution: &Execution) -> bool {
        execution.owner().user_id() == &*identity.user_id
            || execution
                .rooms()
                .iter()
                .any(|room| self.may_join(identity, room))
    }

    fn may_join(&self, identity: &Identity, room: &Room) -> bool {
        room.as_str()
            .strip_prefix("workspace:")
            .is_some_and(|id| identity.workspaces.contains(id))
    }
}
