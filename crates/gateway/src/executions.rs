//! Who owns which execution, and who may see it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use flowmaestro_protocol::MAX_ID_BYTES;
use parking_lot::RwLock;

/// The owner of an execution: only the owner's connections get its events.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Owner(Arc<str>);

/// Decides whether a user may see an execution: subscribe to it, get its events, answer its
/// questions. Asked for every delivery, so it answers at once, from memory, and without calling the
/// gateway.
pub trait Authorizer: Send + Sync {
    /// Whether the user may see the execution.
    fn may_see(&self, user_id: &str, execution_id: &str) -> bool;
}

/// Why an execution cannot be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// Another owner registered the same id.
    #[error("the execution is registered to another owner: choose another id")]
    OwnedByAnother,
    /// The id is empty or too long.
    #[error("an execution id has 1 to {MAX_ID_BYTES} bytes")]
    InvalidId,
    /// The registry holds as many running executions as it may.
    #[error("{max} executions are running already: wait, or raise --max-executions")]
    Full {
        /// The limit, in executions.
        max: usize,
    },
}

/// The owners of the known executions, bounded in number and forgotten some time after their end.
#[derive(Clone)]
pub struct ExecutionRegistry {
    state: Arc<RwLock<State>>,
    max_executions: usize,
    /// How long an execution is known after it ended.
    retention: Duration,
}

#[derive(Default)]
struct State {
    executions: HashMap<Arc<str>, Execution>,
    /// The executions that have an `ended_at`, the earliest first.
    ended: VecDeque<(Instant, Arc<str>)>,
}

struct Execution {
    owner: Owner,
    ended_at: Option<Instant>,
}

impl Owner {
    /// A user, by the id that their token carries.
    pub fn user(user_id: impl Into<Arc<str>>) -> Self {
        Self(user_id.into())
    }

    /// The id of the user.
    pub fn user_id(&self) -> &str {
        &self.0
    }
}

impl ExecutionRegistry {
    pub(crate) fn new(max_executions: usize, retention: Duration) -> Self {
        Self {
            state: Arc::default(),
            max_executions,
            retention,
        }
    }

    /// Binds an execution to its owner. Doing so again for the same owner changes nothing, except
    /// that an ended execution counts as running again.
    ///
    /// # Errors
    /// [`RegisterError`]; the registry is then as before.
    pub fn register(&self, execution_id: &str, owner: Owner) -> Result<(), RegisterError> {
        self.register_at(Instant::now(), execution_id, owner)
    }

    /// The owner of an execution, unless it is unknown or ended too long ago.
    pub fn owner(&self, execution_id: &str) -> Option<Owner> {
        self.owner_at(Instant::now(), execution_id)
    }

    /// Forgets an execution and says whether it was known.
    pub fn remove(&self, execution_id: &str) -> bool {
        let mut state = self.state.write();
        state.ended.retain(|(_, id)| &**id != execution_id);
        state.executions.remove(execution_id).is_some()
    }

    /// How many executions are known.
    pub fn len(&self) -> usize {
        self.state.read().executions.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Notes the end of an execution: it is forgotten after the configured retention.
    pub(crate) fn mark_ended(&self, execution_id: &str) {
        self.mark_ended_at(Instant::now(), execution_id);
    }

    fn register_at(
        &self,
        now: Instant,
        execution_id: &str,
        owner: Owner,
    ) -> Result<(), RegisterError> {
        if execution_id.is_empty() || execution_id.len() > MAX_ID_BYTES {
            return Err(RegisterError::InvalidId);
        }
        let mut state = self.state.write();
        state.forget_ended_before(now, self.retention);
        if let Some(known) = state.executions.get(execution_id) {
            if known.owner != owner {
                return Err(RegisterError::OwnedByAnother);
            }
            state.run_again(execution_id);
            return Ok(());
        }
        if state.executions.len() >= self.max_executions && !state.forget_earliest_ended() {
            return Err(RegisterError::Full {
                max: self.max_executions,
            });
        }
        state.executions.insert(
            execution_id.into(),
            Execution {
                owner,
                ended_at: None,
            },
        );
        Ok(())
    }

    fn owner_at(&self, now: Instant, execution_id: &str) -> Option<Owner> {
        let state = self.state.read();
        let execution = state.executions.get(execution_id)?;
        let expired = execution
            .ended_at
            .is_some_and(|ended_at| now.duration_since(ended_at) > self.retention);
        (!expired).then(|| execution.owner.clone())
    }

    fn mark_ended_at(&self, now: Instant, execution_id: &str) {
        let mut state = self.state.write();
        state.forget_ended_before(now, self.retention);
        let Some((id, _)) = state.executions.get_key_value(execution_id) else {
            return;
        };
        let id = Arc::clone(id);
        let Some(execution) = state.executions.get_mut(&id) else {
            return;
        };
        if execution.ended_at.is_none() {
            execution.ended_at = Some(now);
            state.ended.push_back((now, id));
        }
    }
}

impl Authorizer for ExecutionRegistry {
    /// The owner may, nobody else.
    fn may_see(&self, user_id: &str, execution_id: &str) -> bool {
        self.owner(execution_id)
            .is_some_and(|owner| owner.user_id() == user_id)
    }
}

impl State {
    fn forget_ended_before(&mut self, now: Instant, retention: Duration) {
        while self
            .ended
            .front()
            .is_some_and(|(at, _)| now.duration_since(*at) > retention)
        {
            self.forget_earliest_ended();
        }
    }

    /// Makes room for a new execution and says whether that was possible.
    fn forget_earliest_ended(&mut self) -> bool {
        let earliest = self.ended.pop_front();
        earliest.is_some_and(|(_, id)| self.executions.remove(&id).is_some())
    }

    fn run_again(&mut self, execution_id: &str) {
        let execution = self.executions.get_mut(execution_id);
        if execution.is_some_and(|execution| execution.ended_at.take().is_some()) {
            self.ended.retain(|(_, id)| &**id != execution_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn alice() -> Owner {
        Owner::user("alice")
    }

    #[test]
    fn registering_again_is_for_the_owner_only() {
        let registry = ExecutionRegistry::new(10, HOUR);
        assert_eq!(registry.register("exec_1", alice()), Ok(()));
        assert_eq!(registry.register("exec_1", alice()), Ok(()));
        let theft = registry.register("exec_1", Owner::user("bob"));
        assert_eq!(theft, Err(RegisterError::OwnedByAnother));
        assert_eq!(registry.owner("exec_1"), Some(alice()));
        assert!(registry.may_see("alice", "exec_1") && !registry.may_see("bob", "exec_1"));
        assert!(!registry.may_see("alice", "exec_2"));
    }

    #[test]
    fn ids_are_bounded() {
        let registry = ExecutionRegistry::new(10, HOUR);
        assert_eq!(
            registry.register("", alice()),
            Err(RegisterError::InvalidId)
        );
        let long = "x".repeat(MAX_ID_BYTES + 1);
        assert_eq!(
            registry.register(&long, alice()),
            Err(RegisterError::InvalidId)
        );
        assert_eq!(registry.register(&long[1..], alice()), Ok(()));
    }

    #[test]
    fn an_ended_execution_is_forgotten_after_the_retention() {
        let registry = ExecutionRegistry::new(10, HOUR);
        let start = Instant::now();
        registry.register_at(start, "exec_1", alice()).unwrap();
        registry.mark_ended_at(start, "exec_1");
        assert_eq!(registry.owner_at(start + HOUR, "exec_1"), Some(alice()));
        let later = start + HOUR + Duration::from_millis(1);
        assert_eq!(registry.owner_at(later, "exec_1"), None);

        registry
            .register_at(later, "exec_2", Owner::user("bob"))
            .unwrap();
        assert_eq!(registry.len(), 1, "the entry itself is gone as well");
    }

    #[test]
    fn an_execution_that_runs_again_is_kept() {
        let registry = ExecutionRegistry::new(10, HOUR);
        let start = Instant::now();
        registry.register_at(start, "exec_1", alice()).unwrap();
        registry.mark_ended_at(start, "exec_1");
        registry.register_at(start, "exec_1", alice()).unwrap();
        assert_eq!(registry.owner_at(start + 2 * HOUR, "exec_1"), Some(alice()));
        registry
            .register_at(start + 2 * HOUR, "exec_2", alice())
            .unwrap();
        assert_eq!(registry.len(), 2);
    }

    #[test]
    fn when_full_the_earliest_ended_makes_room() {
        let registry = ExecutionRegistry::new(2, HOUR);
        registry.register("exec_1", alice()).unwrap();
        registry.register("exec_2", alice()).unwrap();
        let full = registry.register("exec_3", alice());
        assert_eq!(full, Err(RegisterError::Full { max: 2 }));

        registry.mark_ended("exec_2");
        registry.mark_ended("exec_1");
        registry.register("exec_3", alice()).unwrap();
        assert_eq!(registry.owner("exec_2"), None);
        assert_eq!(registry.owner("exec_1"), Some(alice()));
    }

    #[test]
    fn a_removed_execution_is_unknown() {
        let registry = ExecutionRegistry::new(2, HOUR);
        registry.register("exec_1", alice()).unwrap();
        assert!(registry.remove("exec_1") && !registry.remove("exec_1"));
        assert!(registry.is_empty());
    }
}
