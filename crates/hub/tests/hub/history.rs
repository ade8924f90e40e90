//! What a history keeps, and what happens when it fails.

use std::sync::Arc;

use flowmaestro_hub::{EmitError, History, HistoryError, Hub, MemoryHistory, MemoryLimits, Record};

use crate::support::*;

fn record(seq: u64, bytes: usize) -> Record {
    Record {
        seq,
        timestamp: 1.0,
        critical: seq.is_multiple_of(2),
        text: "x".repeat(bytes).into(),
    }
}

fn history(events: usize, bytes: usize, total_bytes: usize) -> MemoryHistory {
    let limits = MemoryLimits {
        events,
        bytes,
        total_bytes,
    };
    MemoryHistory::new(EPOCH, limits)
}

fn append(history: &mut MemoryHistory, execution_id: &str, count: u64, bytes: usize) {
    for _ in 0..count {
        let seq = history.head(execution_id) + 1;
        history.append(execution_id, record(seq, bytes)).unwrap();
    }
}

fn seqs(history: &MemoryHistory, execution_id: &str, from: u64, limit: usize) -> Vec<u64> {
    let records = history.range(execution_id, from, limit).unwrap();
    records.iter().map(|record| record.seq).collect()
}

#[test]
fn a_range_begins_where_it_is_asked_to() {
    let mut history = history(5, 1_000, 1_000);
    assert_eq!((history.first("e"), history.head("e")), (1, 0));
    append(&mut history, "e", 8, 10);
    assert_eq!((history.first("e"), history.head("e")), (4, 8));
    assert_eq!(seqs(&history, "e", 6, 10), [6, 7, 8]);
    assert_eq!(seqs(&history, "e", 6, 2), [6, 7]);
    assert_eq!(seqs(&history, "e", 1, 2), [4, 5]);
    assert_eq!(seqs(&history, "e", 9, 2), [0; 0]);
    assert_eq!(seqs(&history, "other", 1, 2), [0; 0]);
    let critical = history.critical("e").unwrap();
    assert!(critical.iter().map(|record| record.seq).eq([4, 6, 8]));
}

#[test]
fn the_bytes_of_an_execution_are_bounded_but_its_last_event_stays() {
    let mut history = history(100, 50, 1_000);
    append(&mut history, "e", 8, 10);
    assert_eq!((history.first("e"), history.bytes()), (4, 50));
    append(&mut history, "e", 1, 500);
    assert_eq!((history.first("e"), history.head("e")), (9, 9));
    append(&mut history, "e", 1, 10);
    assert_eq!((history.first("e"), history.bytes()), (10, 10));
}

#[test]
fn over_the_total_the_oldest_events_of_all_go() {
    let mut history = history(100, 1_000, 100);
    append(&mut history, "old", 5, 10);
    append(&mut history, "new", 5, 10);
    append(&mut history, "old", 3, 10);
    assert_eq!((history.first("old"), history.first("new")), (4, 1));
    append(&mut history, "new", 4, 10);
    assert_eq!((history.first("old"), history.first("new")), (6, 3));
    append(&mut history, "new", 1, 500);
    assert_eq!((history.first("old"), history.head("old")), (9, 8));
    assert_eq!((history.first("new"), history.head("new")), (10, 10));
    append(&mut history, "old", 1, 10);
    assert_eq!(history.bytes(), 10);
    history.remove("old");
    history.remove("old");
    history.remove("new");
    assert!(history.is_empty());
    append(&mut history, "old", 20, 10);
    assert_eq!((history.bytes(), history.first("old")), (100, 11));
    history.remove("old");
    append(&mut history, "new", 20, 10);
    assert_eq!((history.bytes(), history.first("new")), (100, 11));
}

#[test]
fn an_execution_over_its_own_limits_is_not_taken_for_the_oldest_any_more() {
    let mut history = history(3, 1_000, 50);
    append(&mut history, "busy", 2, 10);
    append(&mut history, "quiet", 2, 10);
    append(&mut history, "busy", 3, 10);
    assert_eq!((history.first("busy"), history.first("quiet")), (3, 1));
    append(&mut history, "new", 1, 10);
    assert_eq!((history.first("busy"), history.first("quiet")), (3, 2));
    append(&mut history, "new", 2, 10);
    assert_eq!((history.first("busy"), history.first("quiet")), (4, 3));
    history.remove("busy");
    append(&mut history, "quiet", 3, 10);
    assert_eq!((history.first("new"), history.first("quiet")), (2, 3));
}

/// How many events there were is not forgotten with them.
#[test]
fn a_subscription_to_a_run_whose_events_are_all_gone_is_told() {
    let limits = MemoryLimits {
        total_bytes: 1_000,
        ..MemoryLimits::default()
    };
    let mut world = World::with_limits(config(), limits);
    world.register("exec_1", "alice");
    world.register("exec_2", "alice");
    world.stream("exec_1", 3);
    world.emit(stream("exec_2", &"x".repeat(1_000)));
    world.connect_with(1, "alice", &["replay"]);
    world.subscribe(1, "exec_1");
    let frames = world.take_json(1);
    assert_eq!(
        (&frames[0]["head"], &frames[0]["recovered"]),
        (&3.into(), &false.into())
    );
    world.resume(1, "exec_1", 3);
    assert_eq!(world.take_json(1)[0]["recovered"], true);
    world.emit(stream("exec_1", "a"));
    assert_eq!(world.take_seqs(1), [4]);
}

/// A history whose disk is full, or gone.
struct Broken {
    inner: MemoryHistory,
    appends: bool,
    reads: bool,
}

fn no_disk() -> HistoryError {
    HistoryError {
        reason: "no disk".to_owned(),
    }
}

impl History for Broken {
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
        if self.appends && !record.text.contains("unlucky") {
            return self.inner.append(execution_id, record);
        }
        Err(no_disk())
    }

    fn range(
        &self,
        execution_id: &str,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Record>, HistoryError> {
        if self.reads {
            // It has lost the second event.
            let mut records = self.inner.range(execution_id, from, limit)?;
            records.retain(|record| record.seq != 2);
            return Ok(records);
        }
        Err(no_disk())
    }

    fn critical(&self, _: &str) -> Result<Vec<Record>, HistoryError> {
        Err(no_disk())
    }

    fn remove(&mut self, execution_id: &str) {
        self.inner.remove(execution_id);
    }
}

fn broken(appends: bool, reads: bool) -> World<Broken> {
    let broken = Broken {
        inner: history(100, 10_000, 10_000),
        appends,
        reads,
    };
    let mut world = World::with_hub(Hub::new(config(), broken));
    world.register("exec_1", "alice");
    world.connect_with(1, "alice", &["replay", "ack"]);
    world
}

#[test]
fn an_event_that_cannot_be_kept_is_not_sent() {
    let mut world = broken(true, true);
    world.subscribe(1, "exec_1");
    world.take(1);
    world.emit(stream("exec_1", "a"));
    let refused = world.try_emit(stream("exec_1", "unlucky"));
    assert_eq!(refused, Err(EmitError::History(no_disk())));
    assert_eq!(world.emit(stream("exec_1", "b")).seq, Some(2));
    assert_eq!(world.take_seqs(1), [1, 2]);
    assert_eq!(world.hub.counters().history_errors, 1);

    let mut world = broken(false, true);
    assert!(world.try_emit(failed("exec_1")).is_err());
    assert_eq!(world.hub.counts().unacknowledged, 0);
}

#[test]
fn a_reader_of_a_history_that_fails_is_closed_to_come_back_later() {
    let subscribe = r#"{"type":"subscribe","executionId":"exec_1"}"#;
    let replay = r#"{"type":"replay","executionId":"exec_1","since":0}"#;
    for reads in [false, true] {
        for message in [subscribe, replay] {
            let mut world = broken(true, reads);
            world.stream("exec_1", 3);
            world.send(1, message);
            assert_eq!(world.close_code(1), Some(1011), "{message}");
            assert_eq!(world.hub.counters().history_errors, 1);
        }
    }
}

#[test]
fn the_text_is_shared() {
    let mut world = World::new();
    world.register("exec_1", "alice");
    for id in [1, 2] {
        world.connect_with(id, "alice", &["replay"]);
        world.subscribe(id, "exec_1");
        world.block(id);
    }
    world.emit(stream("exec_1", "a"));
    let text = Arc::clone(&world.socket(1).queue[0]);
    assert!(Arc::ptr_eq(&text, &world.socket(2).queue[0]));
    let kept = world.hub.history().range("exec_1", 1, 1).unwrap().remove(0);
    assert!(Arc::ptr_eq(&text, &kept.text));
}
