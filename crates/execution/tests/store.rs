//! Several runs and knowledge bases side by side.

mod common;

use common::{Payload, event, of};
use flowmaestro_execution::{Change, Options, RunStatus, Store};
use flowmaestro_protocol::EventType;

fn store() -> Store<Payload> {
    Store::new(Options::default())
}

#[test]
fn what_nobody_watches_changes_nothing() {
    let mut store = store();
    let started = event(EventType::ExecutionStarted, 1.0);
    assert_eq!(store.apply(7, started.clone()), Change::None);
    store.open_run(7);
    assert_eq!(store.apply(7, started.clone()), Change::Frame);
    assert_eq!(store.apply(8, started), Change::None);
    assert!(store.run(8).is_none());
}

#[test]
fn an_event_goes_to_where_its_type_belongs() {
    let mut store = store();
    store.open_run(1);
    store.open_knowledge_base(1);
    store.apply(1, of(EventType::DocumentProcessing, 1.0, 0));
    assert_eq!(store.run(1).unwrap().status(), RunStatus::Pending);
    assert_eq!(store.knowledge_base(1).unwrap().document_count(), 1);
    assert_eq!(store.next_changed_run(), None);
    assert_eq!(store.next_changed_knowledge_base(), Some(1));
    store.apply(1, of(EventType::NodeStarted, 1.0, 0));
    assert_eq!(store.run(1).unwrap().status(), RunStatus::Running);
    let welcome = event(EventType::ConnectionEstablished, 1.0);
    assert_eq!(store.apply(1, welcome), Change::None);
}

#[test]
fn an_event_of_another_scope_changes_nothing() {
    let mut store = store();
    store.open_run(1);
    store.open_knowledge_base(1);
    let run = store.run_mut(1).unwrap();
    assert_eq!(
        run.apply(of(EventType::DocumentProcessing, 1.0, 0)),
        Change::None
    );
    assert_eq!(run.status(), RunStatus::Pending);
    let base = store.knowledge_base_mut(1).unwrap();
    assert_eq!(base.apply(of(EventType::NodeStarted, 1.0, 0)), Change::None);
    assert_eq!(base.document_count(), 0);
}

#[test]
fn changed_runs_are_found_until_their_changes_are_taken() {
    let mut store = store();
    for key in [9, 2, 5] {
        store.open_run(key);
    }
    for key in [5, 9] {
        store.apply(key, event(EventType::ExecutionStarted, 1.0));
    }
    for changed in [5, 9] {
        assert_eq!(store.next_changed_run(), Some(changed));
        drop(store.run_mut(changed).unwrap().take_changes());
    }
    assert_eq!(store.next_changed_run(), None);
}

#[test]
fn what_is_opened_twice_stays_and_what_is_closed_is_forgotten() {
    let mut store = store();
    store.open_run(3);
    store.apply(3, event(EventType::ExecutionCompleted, 1.0));
    store.open_run(3);
    assert_eq!(store.run(3).unwrap().status(), RunStatus::Completed);
    store.close_run(3);
    assert!(store.run(3).is_none());
    store.open_run(3);
    assert_eq!(store.run(3).unwrap().status(), RunStatus::Pending);
    store.open_knowledge_base(3);
    store.close_knowledge_base(3);
    assert!(store.knowledge_base(3).is_none());
}

#[test]
fn limits_hold_for_what_is_opened_after_they_were_changed() {
    let mut store = store();
    store.open_run(1);
    store.configure(Options {
        max_log: 0,
        ..Options::default()
    });
    store.open_run(2);
    for key in [1, 2] {
        store.apply(key, event(EventType::ExecutionStarted, 1.0));
    }
    assert_eq!(store.run(1).unwrap().log().len(), 1);
    assert_eq!(store.run(2).unwrap().log().len(), 0);
}

#[test]
fn a_gap_is_one_of_every_knowledge_base_that_is_watched() {
    let mut store = store();
    assert_eq!(store.gap_of_knowledge_bases(), Change::None);
    store.open_run(1);
    for key in [4, 6] {
        store.open_knowledge_base(key);
    }
    assert_eq!(store.gap_of_knowledge_bases(), Change::Frame);
    for key in [4, 6] {
        assert!(!store.knowledge_base(key).unwrap().is_complete());
    }
    assert!(store.run(1).unwrap().is_complete());
    assert_eq!(store.gap_of_knowledge_bases(), Change::None);
}

#[test]
fn a_store_is_empty_while_nothing_is_watched() {
    let mut store = store();
    assert!(store.is_empty());
    store.open_run(1);
    assert!(!store.is_empty());
    store.close_run(1);
    store.open_knowledge_base(1);
    assert!(!store.is_empty());
    store.close_knowledge_base(1);
    assert!(store.is_empty());
}
