//! A history that outlives its hub, and one whose commits fail.

use std::collections::BTreeMap;
use std::sync::Arc;

use flowmaestro_hub::{
    EmitError, Execution, History, HistoryError, Hub, KeptExecution, MemoryHistory, MemoryLimits,
    Owner, Record, RegisterError,
};
use flowmaestro_protocol::Room;

use crate::support::*;

/// Keeps executions in memory, and counts its commits.
struct Durable {
    inner: MemoryHistory,
    executions: BTreeMap<Arc<str>, KeptExecution>,
    acknowledged: Vec<(String, u64)>,
    commits: usize,
    fails: bool,
}

impl Durable {
    fn new() -> Self {
        Self {
            inner: MemoryHistory::new(EPOCH, MemoryLimits::default()),
            executions: BTreeMap::new(),
            acknowledged: Vec::new(),
            commits: 0,
            fails: false,
        }
    }
}

impl History for Durable {
    fn epoch(&self) -> &str {
        self.inner.epoch()
    }

    fn head(&self, execution_id: &str) -> u64 {
        self.inner.head(execution_id)
    }

    fn first(&self, execution_id: &str) -> u64 {
        self.inner.first(execution_id)
    }

    fn append(&mut self, execution_id: &str, record: Record) -> Result<(), HistoryError> {
        self.inner.append(execution_id, record)
    }

    fn range(
        &self,
        execution_id: &str,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Record>, HistoryError> {
        self.inner.range(execution_id, from, limit)
    }

    fn critical(&self, execution_id: &str) -> Result<Vec<Record>, HistoryError> {
        self.inner.critical(execution_id)
    }

    fn remove(&mut self, execution_id: &str) {
        self.inner.remove(execution_id);
        self.executions.remove(execution_id);
    }

    fn acknowledge(&mut self, execution_id: &str, seq: u64) {
        self.acknowledged.push((execution_id.to_owned(), seq));
    }

    fn keep_execution(&mut self, execution: KeptExecution) {
        let id = Arc::clone(&execution.id);
        self.executions.insert(id, execution);
    }

    fn kept_executions(&self) -> Vec<KeptExecution> {
        self.executions.values().cloned().collect()
    }

    fn commit(&mut self) -> Result<(), HistoryError> {
        if self.fails {
            let reason = "no space left".to_owned();
            return Err(HistoryError { reason });
        }
        self.commits += 1;
        Ok(())
    }
}

fn world() -> World<Durable> {
    World::with_hub(Hub::new(config(), Durable::new()))
}

/// The same history in a new hub, at the same time.
fn restart(world: World<Durable>) -> World<Durable> {
    let now = world.now;
    let mut world = World::with_hub(Hub::new(config(), world.hub.into_history()));
    world.now = now;
    world
}

#[test]
fn a_new_hub_knows_the_executions_of_its_history() {
    let mut world = world();
    world.register_in("exec_1", "alice", &["workspace:w"]);
    world.register("exec_2", "alice");
    world.stream("exec_1", 2);
    world.emit(failed("exec_2"));
    let mut world = restart(world);

    let execution = world.hub.execution("exec_1").unwrap();
    assert_eq!(execution.owner(), &Owner::user("alice"));
    assert_eq!(execution.rooms(), [Room::new("workspace:w").unwrap()]);
    world.connect_with(1, "alice", &["replay"]);
    world.resume(1, "exec_1", 1);
    assert_eq!(world.take_seqs(1), [0, 2]);
    world.connect_with(2, "bob", &["replay"]);
    world.resume(2, "exec_1", 1);
    assert_eq!(world.take_json(2)[0]["code"], "forbidden");

    // The end counts from when it was, and what still runs is kept.
    world.advance(config().execution_retention_ms + 1);
    assert!(world.hub.execution("exec_2").is_none());
    assert!(world.hub.execution("exec_1").is_some());
    let kept = world.hub.into_history().executions;
    assert_eq!(kept.keys().map(|id| &**id).collect::<Vec<_>>(), ["exec_1"]);
}

#[test]
fn what_the_owner_did_not_acknowledge_is_sent_again_by_a_new_hub() {
    let mut world = world();
    world.register("exec_1", "alice");
    world.emit(question("exec_1"));
    let mut world = restart(world);
    world.connect_with(1, "alice", &["replay", "ack"]);
    world.resume(1, "exec_1", 1);
    let frames = world.take_json(1);
    assert_eq!(frames[1]["type"], "user:input:required");
    let event_id = frames[1]["eventId"].as_str().unwrap();
    world.send(1, &format!(r#"{{"type":"ack","eventId":"{event_id}"}}"#));
    let acknowledged = &world.hub.history().acknowledged;
    assert_eq!(acknowledged, &[("exec_1".to_owned(), 1)]);
}

#[test]
fn nobody_hears_of_what_was_not_committed() {
    let mut world = world();
    world.register("exec_1", "alice");
    let mut history = world.hub.into_history();
    history.fails = true;
    let mut world = World::with_hub(Hub::new(config(), history));
    world.connect_with(1, "alice", &["ack"]);
    world.subscribe(1, "exec_1");
    world.take(1);

    let lost = world.try_emit(question("exec_1"));
    assert!(matches!(lost, Err(EmitError::History(_))), "{lost:?}");
    let registered = world
        .hub
        .register(START, "exec_2", Owner::user("alice"), &[]);
    assert_eq!(registered, Err(RegisterError::NotKept));
    assert!(world.hub.execution("exec_2").is_none());
    world.advance(1_000);
    assert_eq!(world.take(1), [""; 0]);
    assert_eq!(world.hub.counts().unacknowledged, 0);
    assert_eq!(world.hub.counters().history_errors, 2);
}

#[test]
fn several_events_share_a_commit_and_each_has_its_outcome() {
    let mut world = world();
    world.register("exec_1", "alice");
    world.connect_with(1, "alice", &["replay"]);
    world.subscribe(1, "exec_1");
    world.take(1);
    let commits = world.hub.history().commits;
    let events = [
        (stream("exec_1", "a"), None),
        (stream("exec_unknown", "b"), None),
        (document(1), None),
        (document(2), Some("alice".into())),
        (stream("exec_1", "c"), None),
    ];
    let outcomes = world.hub.emit_all(world.now, events);
    assert_eq!(world.hub.history().commits, commits + 1);
    let seqs: Vec<_> = outcomes.iter().map(|it| it.as_ref().ok()?.seq).collect();
    assert_eq!(seqs, [Some(1), None, None, None, Some(2)]);
    assert_eq!(outcomes[1], Err(EmitError::UnregisteredExecution));
    assert!(matches!(outcomes[2], Err(EmitError::OwnerRequired(_))));
    assert_eq!(outcomes[3].as_ref().unwrap().receivers, 1);
    world.advance(0);
    assert_eq!(world.take_seqs(1), [1, 0, 2]);
}

#[test]
fn registering_again_just_so_writes_nothing() {
    let mut world = world();
    world.register("exec_1", "alice");
    let commits = world.hub.history().commits;
    world.register("exec_1", "alice");
    assert_eq!(world.hub.history().commits, commits);
    world.register_in("exec_1", "alice", &["project:p"]);
    assert_eq!(world.hub.history().commits, commits + 1);
    world.emit(failed("exec_1"));
    world.register_in("exec_1", "alice", &["project:p"]);
    assert_eq!(world.hub.history().executions["exec_1"].ended_at, None);
}

/// The compiler's proof that a boxed history is one as well.
#[test]
fn a_hub_takes_a_history_that_is_chosen_at_the_start() {
    let history: Box<dyn History> = Box::new(Durable::new());
    let mut world = World::with_hub(Hub::new(config(), history));
    world.register("exec_1", "alice");
    world.stream("exec_1", 3);
    assert_eq!(world.hub.history().head("exec_1"), 3);
    assert_eq!(world.hub.history().kept_executions().len(), 1);
    assert_eq!(
        world.hub.execution("exec_1").map(Execution::id),
        Some("exec_1")
    );
}
