//! What is cut, and that it is said; what is missing, and that it is said.

mod common;

use common::{Event, Page, Payload, chunk, event, numbered, of, run_of, saying, with};
use flowmaestro_execution::{Change, Gap, KnowledgeBase, NodeStatus, Options, Run, Truncated};
use flowmaestro_protocol::EventType;

fn run_with(options: Options, events: impl IntoIterator<Item = Event>) -> Run<Payload> {
    let mut run = Run::new(options);
    for event in events {
        run.apply(event);
    }
    run
}

#[test]
fn of_a_text_the_end_is_kept_and_what_was_cut_is_counted() {
    let options = Options {
        max_text: 10,
        ..Options::default()
    };
    let mut run = run_with(options, [chunk(1.0, 0, "0123456"), chunk(2.0, 0, "789")]);
    let mut page = Page::told_all(&mut run);
    assert_eq!(page.nodes[&0].text_dropped, 0);
    run.apply(chunk(3.0, 0, "abcd"));
    {
        let changes = run.take_changes();
        let change = changes.text(0).unwrap();
        assert_eq!(change.splice.keep, 4..10);
        assert!(!change.splice.is_append);
        page.tell(&changes);
    }
    assert_eq!(page.text(0), "456789abcd");
    assert_eq!(page.nodes[&0].text_dropped, 4);
    run.apply(chunk(4.0, 0, "one that is longer than all"));
    page.tell(&run.take_changes());
    assert_eq!(page.text(0), "r than all");
}

#[test]
fn a_page_that_was_long_away_gets_the_end_of_the_text() {
    let options = Options {
        max_text: 5,
        reorder_window: 2,
        ..Options::default()
    };
    let mut run = run_with(options, [chunk(1.0, 0, "abc")]);
    let mut page = Page::told_all(&mut run);
    for at in 2..1000 {
        run.apply(chunk(f64::from(at), 0, "xy"));
    }
    run.apply(chunk(1000.0, 0, "z"));
    page.tell(&run.take_changes());
    assert_eq!(page.text(0), "xyxyz");
    assert_eq!(page.nodes[&0].text_dropped, 3 + 998 * 2 + 1 - 5);
}

/// Which of its chunks were before the retry is not known any more.
#[test]
fn a_retry_from_before_the_window_drops_the_settled_text_and_says_so() {
    let options = Options {
        reorder_window: 2,
        ..Options::default()
    };
    let mut run = Run::new(options);
    let mut page = Page::default();
    for at in 1..=9 {
        run.apply(chunk(f64::from(at) * 10.0, 0, &at.to_string()));
        page.tell(&run.take_changes());
    }
    assert_eq!(page.text(0), "123456789");
    run.apply(with([2.0, 0.0, 0.0], of(EventType::NodeRetry, 35.0, 0)));
    run.apply(chunk(100.0, 0, "A"));
    page.tell(&run.take_changes());
    let dropped = page.nodes[&0].text_dropped;
    assert!((5..=7).contains(&dropped), "{dropped} of 9");
    assert_eq!(page.text(0), &"123456789A"[dropped as usize..]);
}

#[test]
fn a_chunk_without_a_number_from_before_the_window_is_not_lost() {
    let options = Options {
        reorder_window: 0,
        ..Options::default()
    };
    let mut run = run_with(options, [chunk(10.0, 0, "a"), chunk(20.0, 0, "b")]);
    let mut page = Page::told_all(&mut run);
    run.apply(chunk(5.0, 0, "c"));
    page.tell(&run.take_changes());
    assert_eq!(page.text(0), "abc");
}

#[test]
fn a_chunk_with_a_number_from_before_the_window_is_a_repetition() {
    let options = Options {
        reorder_window: 0,
        ..Options::default()
    };
    let chunks = [
        numbered(1, chunk(10.0, 0, "a")),
        numbered(2, chunk(10.0, 0, "b")),
    ];
    let mut run = run_with(options, chunks.clone());
    drop(run.take_changes());
    for chunk in chunks {
        assert_eq!(run.apply(chunk), Change::None);
    }
}

#[test]
fn of_the_log_the_latest_is_kept_and_the_rest_counted() {
    let options = Options {
        max_log: 2,
        ..Options::default()
    };
    let entry = |at: f64| of(EventType::NodeCompleted, at, 0);
    let mut run = run_with(options, [entry(1.0), entry(3.0), entry(5.0)]);
    let mut page = Page::told_all(&mut run);
    run.apply(entry(2.0)); // older than all that is kept
    run.apply(entry(4.0));
    run.apply(entry(4.0)); // again
    page.tell(&run.take_changes());
    let times: Vec<f64> = page.log.iter().map(|line| line.at).collect();
    assert_eq!(times, [4.0, 5.0]);
    assert_eq!(page.header.truncated.log, 3);
}

#[test]
fn a_log_that_only_grows_is_appended_to() {
    let mut run = run_of([event(EventType::ExecutionStarted, 1.0)]);
    drop(run.take_changes());
    run.apply(of(EventType::NodeStarted, 2.0, 0));
    let changes = run.take_changes();
    let change = changes.log().unwrap();
    assert!(change.splice.is_append);
    assert_eq!(change.splice.keep, 0..1);
    assert_eq!(change.entries.len(), 1);
}

#[test]
fn a_payload_that_is_too_large_leaves_its_size() {
    let options = Options {
        max_payload: 10,
        max_log_payload: 3,
        ..Options::default()
    };
    let output = |at, text| saying(text, of(EventType::NodeCompleted, at, 0));
    let mut run = run_with(options, [output(1.0, "more than that")]);
    run.apply(output(1.0, "more than that"));
    let node = run.node(0).unwrap();
    assert_eq!(node.status(), NodeStatus::Completed);
    assert_eq!(node.ended().unwrap().payload, None);
    assert_eq!(node.ended().unwrap().size, 14);
    assert_eq!(run.truncated().payloads, 1, "one, which came twice");
    run.apply(output(2.0, "less"));
    let node = run.node(0).unwrap();
    assert_eq!(node.ended().unwrap().payload.as_deref(), Some("less"));
    assert_eq!(run.log()[1].payload, None, "too large for the log");
    assert_eq!(run.truncated().payloads, 1);
}

#[test]
fn nodes_beyond_the_limit_are_refused_and_counted() {
    let options = Options {
        max_nodes: 2,
        ..Options::default()
    };
    let mut run = run_with(options, [of(EventType::NodeStarted, 1.0, 1)]);
    assert_eq!(run.truncated(), Truncated::default());
    assert_eq!(run.apply(of(EventType::NodeStarted, 2.0, 2)), Change::Frame);
    run.apply(chunk(3.0, u32::MAX, "text"));
    run.apply(of(EventType::ExecutionFailed, 4.0, 7));
    assert_eq!(run.node_count(), 2);
    assert_eq!(run.truncated().subjects, 3);
    assert_eq!(run.log().len(), 3, "logged all the same");
}

#[test]
fn documents_beyond_the_limit_are_refused_and_counted() {
    let options = Options {
        max_documents: 1,
        max_payload: 4,
        ..Options::default()
    };
    let mut base = KnowledgeBase::new(options);
    base.apply(saying("large", of(EventType::DocumentProcessing, 1.0, 0)));
    base.apply(of(EventType::DocumentProcessing, 1.0, 1));
    assert_eq!(base.document_count(), 1);
    let expected = Truncated {
        subjects: 1,
        payloads: 1,
        log: 0,
    };
    assert_eq!(base.truncated(), expected);
}

#[test]
fn after_a_gap_a_run_is_incomplete_until_it_is_restored() {
    let mut run = run_of([event(EventType::ExecutionStarted, 1.0)]);
    drop(run.take_changes());
    assert_eq!(run.gap(Gap::Missing), Change::Frame);
    assert!(!run.is_complete());
    assert_eq!(run.gap(Gap::Missing), Change::None, "it is already");
    run.apply(event(EventType::ExecutionCompleted, 9.0));
    assert!(!run.is_complete(), "its nodes are still unknown");
    run.apply(of(EventType::NodeCompleted, 5.0, 0)); // what was missed, from elsewhere
    assert_eq!(run.restored(), Change::Frame);
    assert!(run.is_complete());
    assert!(run.take_changes().header());
}

#[test]
fn a_run_that_is_reset_is_as_new() {
    let question = of(EventType::UserInputRequired, 2.0, 0);
    let mut run = run_of([chunk(1.0, 0, "text"), question]);
    let mut page = Page::told_all(&mut run);
    run.gap(Gap::Missing);
    assert_eq!(run.reset(), Change::Frame);
    assert!(run.is_complete());
    run.apply(chunk(1.0, 0, "all of the text"));
    {
        let changes = run.take_changes();
        assert!(changes.everything());
        page.tell(&changes);
    }
    assert_eq!(page.text(0), "all of the text");
    assert_eq!((page.pending.len(), page.log.len()), (0, 0));
    assert!(!run.take_changes().everything(), "told once");
}

/// The server counts from 1 again: its events are not older than those of the history it lost.
#[test]
fn after_a_restart_of_the_server_numbers_begin_anew() {
    let mut run = run_of([
        numbered(8, of(EventType::NodeStarted, 100.0, 0)),
        numbered(9, chunk(110.0, 0, "a")),
    ]);
    let mut page = Page::told_all(&mut run);
    run.gap(Gap::Restarted);
    run.apply(numbered(1, chunk(120.0, 0, "b")));
    run.apply(numbered(2, of(EventType::NodeCompleted, 130.0, 0)));
    page.tell(&run.take_changes());
    assert_eq!(page.text(0), "ab");
    assert_eq!(page.nodes[&0].status, NodeStatus::Completed);
    assert!(!page.header.is_complete);
}

/// Numbers are right where the clocks of two machines are not.
#[test]
fn numbers_count_for_more_than_times() {
    let mut run = run_of([
        numbered(1, of(EventType::NodeStarted, 130.0, 0)),
        numbered(2, chunk(101.0, 0, "a")),
        numbered(4, of(EventType::NodeCompleted, 102.0, 0)),
        numbered(3, chunk(100.0, 0, "b")),
        numbered(3, chunk(100.0, 0, "b")),
    ]);
    let page = Page::told_all(&mut run);
    assert_eq!(page.nodes[&0].status, NodeStatus::Completed);
    assert_eq!(page.text(0), "ab");
}

#[test]
fn a_knowledge_base_says_what_has_changed_and_what_is_missing() {
    let mut base = KnowledgeBase::new(Options::default());
    base.apply(of(EventType::DocumentProcessing, 1.0, 0));
    base.apply(of(EventType::DocumentProcessing, 1.0, 1));
    {
        let changes = base.take_changes();
        assert_eq!(changes.documents(), [0, 1]);
        assert_eq!(changes.when(), Change::Frame);
        assert_eq!((changes.header(), changes.everything()), (false, false));
    }
    assert_eq!(base.changed(), Change::None);
    base.apply(of(EventType::DocumentFailed, 3.0, 1));
    base.apply(of(EventType::DocumentCompleted, 2.0, 1)); // before it failed
    assert_eq!(base.take_changes().documents(), [1]);
    assert_eq!(base.gap(), Change::Frame);
    assert!(!base.is_complete());
    assert!(base.take_changes().header());
    assert_eq!(base.restored(), Change::Frame);
    assert_eq!(base.reset(), Change::Frame);
    assert!(base.take_changes().everything());
    assert!(base.document(0).is_none());
}

#[test]
fn numbers_that_are_none_count_as_nothing() {
    let broken = |at| {
        with(
            [f64::NAN, f64::INFINITY, -1.0],
            event(EventType::ExecutionProgress, at),
        )
    };
    let run = run_of([broken(f64::NAN), broken(f64::INFINITY), broken(-5.0)]);
    assert_eq!(run.progress().completed, 0.0);
    assert_eq!(run.progress().total, 0.0);
    assert_eq!(run.log()[0].at(), 0.0);
    assert_eq!(run.log().len(), 1, "all of one time, and the same");
}
