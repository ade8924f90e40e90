//! Each event of the reference, with its example there, and what a page makes of it.

#![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

mod common;

use common::{Event, Page, chunk, event, of, run_of, saying, with};
use flowmaestro_execution::{
    Change, DocumentStatus, KnowledgeBase, NodeStatus, Options, Progress, Run, RunStatus,
};
use flowmaestro_protocol::{EventType, FieldKind, Scope};

const STARTED_AT: f64 = 1_698_765_432_000.0;

fn started() -> Event {
    let event = event(EventType::ExecutionStarted, STARTED_AT);
    with([8.0, 0.0, 0.0], saying("Customer Onboarding", event))
}

fn progressed() -> Event {
    let event = event(EventType::ExecutionProgress, 1_698_765_435_000.0);
    with([3.0, 8.0, 37.5], event)
}

fn completed() -> Event {
    let event = event(EventType::ExecutionCompleted, 1_698_765_450_000.0);
    with([18_000.0, 0.0, 0.0], saying("outputs", event))
}

fn failed() -> Event {
    let event = of(EventType::ExecutionFailed, 1_698_765_445_000.0, 5);
    saying("API request failed: 429 Rate Limit Exceeded", event)
}

fn node_started() -> Event {
    let event = of(EventType::NodeStarted, 1_698_765_433_000.0, 3);
    saying("Send Welcome Email", event)
}

fn node_completed() -> Event {
    let event = of(EventType::NodeCompleted, 1_698_765_435_000.0, 3);
    with([2500.0, 0.0, 0.0], saying("msg_xyz123", event))
}

fn node_failed() -> Event {
    let event = of(EventType::NodeFailed, 1_698_765_437_000.0, 5);
    saying("API request failed: 401 Unauthorized", event)
}

fn retried() -> Event {
    let event = of(EventType::NodeRetry, 1_698_765_438_000.0, 5);
    with([2.0, 4000.0, 0.0], saying("Connection timeout", event))
}

fn asked() -> Event {
    let event = of(EventType::UserInputRequired, 1_698_765_442_000.0, 6);
    saying("Please review the generated email", event)
}

fn answered() -> Event {
    let event = of(EventType::UserInputResponse, 1_698_765_445_000.0, 6);
    saying("approve", event)
}

fn status(run: &Run<common::Payload>, node: u32) -> NodeStatus {
    run.node(node).unwrap().status()
}

#[test]
fn a_run_of_which_nothing_is_known_is_pending() {
    let run = run_of([]);
    assert_eq!(run.status(), RunStatus::Pending);
    assert_eq!(run.changed(), Change::None);
    assert!(run.node(0).is_none());
    assert!(run.is_complete());
}

#[test]
fn execution_started_begins_the_run_and_names_it() {
    let run = run_of([started()]);
    assert_eq!(run.status(), RunStatus::Running);
    assert_eq!(run.started_at(), Some(STARTED_AT));
    let name = run.started().unwrap().payload.as_deref();
    assert_eq!(name, Some("Customer Onboarding"));
    assert_eq!(run.progress().total, 8.0);
    assert_eq!(run.changed(), Change::Frame);
}

#[test]
fn execution_progress_says_how_much_is_done() {
    let run = run_of([progressed(), started()]);
    let expected = Progress {
        completed: 3.0,
        total: 8.0,
        percentage: 37.5,
    };
    assert_eq!(run.progress(), expected);
}

#[test]
fn progress_that_comes_late_does_not_go_back() {
    let late = event(EventType::ExecutionProgress, 1_698_765_434_000.0);
    let mut run = run_of([progressed()]);
    assert_eq!(Page::told_all(&mut run).header.progress.completed, 3.0);
    run.apply(with([2.0, 8.0, 25.0], late));
    assert_eq!(run.progress().completed, 3.0);
    assert!(!run.take_changes().header());
}

#[test]
fn progress_that_says_nothing_new_changes_the_log_alone() {
    let mut run = run_of([progressed()]);
    drop(run.take_changes());
    let later = event(EventType::ExecutionProgress, 1_698_765_436_000.0);
    assert_eq!(run.apply(with([3.0, 8.0, 37.5], later)), Change::Frame);
    let changes = run.take_changes();
    assert!(!changes.header());
    assert!(changes.log().is_some());
}

#[test]
fn execution_completed_is_the_end_and_everything_is_done() {
    let mut run = run_of([started(), progressed()]);
    assert_eq!(run.apply(completed()), Change::Now);
    assert_eq!(run.status(), RunStatus::Completed);
    assert_eq!(run.ended_at(), Some(1_698_765_450_000.0));
    assert_eq!(run.duration(), Some(18_000.0));
    assert_eq!(run.progress().percentage, 100.0);
    let outputs = run.ended().unwrap().payload.as_deref();
    assert_eq!(outputs, Some("outputs"));
    assert_eq!(run.apply(completed()), Change::None, "told once");
}

#[test]
fn execution_failed_blames_its_node() {
    let mut run = run_of([started(), of(EventType::NodeStarted, STARTED_AT, 4)]);
    assert_eq!(run.apply(failed()), Change::Now);
    assert_eq!(run.status(), RunStatus::Failed);
    assert_eq!(run.failed_node(), Some(5));
    assert_eq!(run.duration(), Some(13_000.0));
    assert_eq!(status(&run, 5), NodeStatus::Failed, "though nothing came");
    assert_eq!(status(&run, 4), NodeStatus::Stopped, "and this one is over");
}

#[test]
fn nothing_follows_the_end_of_a_run() {
    let again = event(EventType::ExecutionFailed, 1_698_765_460_000.0);
    let run = run_of([completed(), again, progressed(), started()]);
    assert_eq!(run.status(), RunStatus::Completed);
    assert_eq!(run.progress().percentage, 100.0);
    assert_eq!(
        run.started_at(),
        Some(STARTED_AT),
        "which was not known yet"
    );
}

#[test]
fn an_end_that_comes_late_is_still_the_first() {
    let later = event(EventType::ExecutionFailed, 1_698_765_460_000.0);
    let run = run_of([later, completed()]);
    assert_eq!(run.status(), RunStatus::Completed);
}

#[test]
fn a_node_runs_and_completes() {
    let mut run = run_of([node_started()]);
    assert_eq!(status(&run, 3), NodeStatus::Running);
    assert_eq!(run.apply(node_completed()), Change::Frame);
    let node = run.node(3).unwrap();
    assert_eq!(node.status(), NodeStatus::Completed);
    assert_eq!(node.started_at(), Some(1_698_765_433_000.0));
    assert_eq!(node.ended_at(), Some(1_698_765_435_000.0));
    assert_eq!(node.duration(), Some(2500.0));
    assert_eq!(node.attempt(), 1.0);
    let output = node.ended().unwrap().payload.as_deref();
    assert_eq!(output, Some("msg_xyz123"));
}

#[test]
fn a_start_that_comes_late_fills_in_when_and_no_more() {
    let mut run = run_of([node_completed()]);
    assert_eq!(run.node(3).unwrap().started_at(), None);
    assert_eq!(run.apply(node_started()), Change::Frame);
    let node = run.node(3).unwrap();
    assert_eq!(node.status(), NodeStatus::Completed);
    assert_eq!(node.started_at(), Some(1_698_765_433_000.0));
}

#[test]
fn a_node_that_starts_and_ends_in_one_millisecond_has_ended() {
    for order in [[0, 1], [1, 0]] {
        let events = [
            of(EventType::NodeStarted, 5.0, 0),
            of(EventType::NodeCompleted, 5.0, 0),
        ];
        let run = run_of(order.map(|place| events[place].clone()));
        assert_eq!(status(&run, 0), NodeStatus::Completed);
    }
}

#[test]
fn a_node_that_starts_once_more_runs_again() {
    let again = of(EventType::NodeStarted, 1_698_765_436_000.0, 3);
    let run = run_of([node_started(), node_completed(), again]);
    let node = run.node(3).unwrap();
    assert_eq!(node.status(), NodeStatus::Running);
    assert_eq!(node.ended_at(), None);
    assert_eq!(node.duration(), None);
}

#[test]
fn a_node_fails() {
    let run = run_of([
        of(EventType::NodeStarted, 1_698_765_436_000.0, 5),
        node_failed(),
    ]);
    let node = run.node(5).unwrap();
    assert_eq!(node.status(), NodeStatus::Failed);
    assert_eq!(node.duration(), Some(1000.0));
    let error = node.ended().unwrap().payload.as_deref();
    assert_eq!(error, Some("API request failed: 401 Unauthorized"));
}

#[test]
fn a_retry_announces_an_attempt_and_says_why() {
    let run = run_of([node_failed(), retried()]);
    let node = run.node(5).unwrap();
    assert_eq!(node.status(), NodeStatus::Retrying);
    assert_eq!(node.attempt(), 2.0);
    assert!(node.ended().is_none());
    let retry = node.retry().unwrap();
    assert_eq!(retry.numbers[1], 4000.0);
    assert_eq!(retry.payload.as_deref(), Some("Connection timeout"));
}

#[test]
fn a_failure_and_its_retry_are_told_in_one_breath() {
    for order in [[0, 1], [1, 0]] {
        let events = [
            of(EventType::NodeFailed, 5.0, 0),
            with([2.0, 9.0, 0.0], of(EventType::NodeRetry, 5.0, 0)),
        ];
        let mut run = run_of(order.map(|place| events[place].clone()));
        assert_eq!(status(&run, 0), NodeStatus::Retrying);
        run.apply(of(EventType::NodeCompleted, 20.0, 0));
        assert_eq!(status(&run, 0), NodeStatus::Completed);
        assert_eq!(run.node(0).unwrap().attempt(), 2.0, "it stays known");
    }
}

#[test]
fn an_announced_attempt_has_begun_with_its_first_sign() {
    let at = 1_698_765_442_000.0;
    for sign in [of(EventType::NodeStarted, at, 5), chunk(at, 5, "Once more")] {
        let run = run_of([retried(), sign]);
        assert_eq!(status(&run, 5), NodeStatus::Running);
    }
}

#[test]
fn streamed_chunks_become_text() {
    let at = 1_698_765_440_000.0;
    let mut run = run_of([chunk(at, 7, "The customer's inquiry has been ")]);
    let mut page = Page::told_all(&mut run);
    assert_eq!(page.nodes[&7].status, NodeStatus::Running);
    run.apply(chunk(at, 7, "resolved."));
    {
        let changes = run.take_changes();
        let change = changes.text(7).unwrap();
        assert!(change.splice.is_append);
        let appended: Vec<&str> = change.chunks().map(AsRef::as_ref).collect();
        assert_eq!(appended, ["resolved."], "and not the text before");
        page.tell(&changes);
    }
    assert_eq!(page.text(7), "The customer's inquiry has been resolved.");
    assert!(page.log.is_empty(), "text is not logged");
}

#[test]
fn a_chunk_that_comes_late_goes_to_its_place() {
    let mut run = run_of([chunk(1.0, 0, "a"), chunk(2.0, 0, "b"), chunk(4.0, 0, "d")]);
    let mut page = Page::told_all(&mut run);
    run.apply(chunk(3.0, 0, "c"));
    let changes = run.take_changes();
    assert_eq!(changes.text(0).unwrap().splice.keep, 0..2);
    page.tell(&changes);
    assert_eq!(page.text(0), "abcd");
}

#[test]
fn a_retry_begins_the_text_anew() {
    let mut run = run_of([chunk(1.0, 0, "Dear Sir")]);
    let mut page = Page::told_all(&mut run);
    run.apply(with([2.0, 0.0, 0.0], of(EventType::NodeRetry, 2.0, 0)));
    run.apply(chunk(3.0, 0, "Dear Madam"));
    page.tell(&run.take_changes());
    assert_eq!(page.text(0), "Dear Madam");
    run.apply(chunk(1.5, 0, " or"));
    page.tell(&run.take_changes());
    assert_eq!(page.text(0), "Dear Madam", "that was the failed attempt's");
}

#[test]
fn forgotten_texts_are_told_anew_and_all_else_stays() {
    let mut run = run_of([
        of(EventType::NodeStarted, 1.0, 0),
        chunk(2.0, 0, "lo"),
        of(EventType::NodeStarted, 2.0, 1),
    ]);
    let mut page = Page::told_all(&mut run);
    assert_eq!(run.forget_texts(), Change::Frame);
    assert_eq!(run.forget_texts(), Change::None, "there is none left");
    page.tell(&run.take_changes());
    assert_eq!(page.text(0), "");
    for part in ["Hel", "lo"] {
        run.apply(chunk(2.0, 0, part));
    }
    page.tell(&run.take_changes());
    assert_eq!(page.text(0), "Hello");
    assert_eq!(run.node_count(), 2);
    assert_eq!(run.node(1).unwrap().status(), NodeStatus::Running);
}

#[test]
fn a_first_start_drops_no_text_and_a_second_does() {
    let mut run = run_of([chunk(1.0, 0, "early "), of(EventType::NodeStarted, 2.0, 0)]);
    let mut page = Page::told_all(&mut run);
    assert_eq!(page.text(0), "early ", "clocks disagree");
    run.apply(of(EventType::NodeStarted, 3.0, 0));
    run.apply(chunk(3.0, 0, "again"));
    page.tell(&run.take_changes());
    assert_eq!(page.text(0), "again");
}

#[test]
fn a_chunk_that_comes_after_the_end_leaves_the_node_ended() {
    let mut run = run_of([of(EventType::NodeCompleted, 1.0, 0), chunk(2.0, 0, "late")]);
    let page = Page::told_all(&mut run);
    assert_eq!(page.nodes[&0].status, NodeStatus::Completed);
    assert_eq!(page.text(0), "late");
}

#[test]
fn a_question_is_pending_until_it_is_answered() {
    let mut run = run_of([started()]);
    assert_eq!(run.apply(asked()), Change::Now);
    assert_eq!(run.pending(), [6]);
    assert_eq!(status(&run, 6), NodeStatus::Waiting);
    let question = run.node(6).unwrap().question().unwrap();
    let prompt = question.payload.as_deref();
    assert_eq!(prompt, Some("Please review the generated email"));
    assert_eq!(run.apply(answered()), Change::Frame);
    assert_eq!(run.pending(), [] as [u32; 0]);
    assert_eq!(status(&run, 6), NodeStatus::Running);
}

#[test]
fn a_question_is_pending_until_its_node_or_the_run_is_elsewhere() {
    let at = 1_698_765_444_000.0;
    for other in [
        of(EventType::NodeCompleted, at, 6),
        of(EventType::NodeFailed, at, 6),
        of(EventType::NodeRetry, at, 6),
        of(EventType::NodeStarted, at, 6),
        completed(),
        failed(),
    ] {
        for order in [[0, 1], [1, 0]] {
            let events = [asked(), other.clone()];
            let run = run_of(order.map(|place| events[place].clone()));
            assert_eq!(run.pending(), [] as [u32; 0], "{:?}", other.event);
            assert!(run.node(6).unwrap().question().is_none());
        }
    }
}

#[test]
fn questions_are_pending_in_the_order_in_which_they_were_asked() {
    let question = |at, node| of(EventType::UserInputRequired, at, node);
    let mut run = run_of([question(3.0, 0), question(1.0, 1), question(2.0, 2)]);
    assert_eq!(run.pending(), [1, 2, 0]);
    run.apply(question(4.0, 1));
    assert_eq!(run.pending(), [2, 0, 1], "asked once more");
}

/// The answer bears the clock of the browser, which may be minutes off.
#[test]
fn an_answer_is_to_what_is_pending_whatever_its_clock_says() {
    let question = |at| of(EventType::UserInputRequired, at, 0);
    let answer = |at| of(EventType::UserInputResponse, at, 0);
    for wrong in [1.0, 1_000_000.0] {
        let mut run = run_of([question(500.0), answer(wrong)]);
        assert_eq!(run.pending(), [] as [u32; 0]);
        run.apply(answer(wrong)); // twice, impatiently
        run.apply(question(600.0));
        assert_eq!(run.pending(), [0], "the next one is not answered yet");
    }
    let run = run_of([answer(600.0), question(500.0)]);
    assert_eq!(run.pending(), [] as [u32; 0], "it came late");
    let failed = of(EventType::NodeFailed, 100.0, 0);
    let mut run = run_of([failed, question(500.0), answer(600.0)]);
    run.apply(of(EventType::NodeRetry, 200.0, 0));
    assert_eq!(
        run.pending(),
        [] as [u32; 0],
        "though the node seemed to have failed"
    );
}

/// Of the reference: `onNodeComplete`, `onNodeFail` and the others add to the log.
#[test]
fn the_log_has_what_the_handlers_of_the_reference_log() {
    let run = run_of([
        completed(),
        node_failed(),
        node_completed(),
        progressed(),
        started(),
        node_failed(),
    ]);
    let log: Vec<EventType> = run.log().iter().map(|entry| entry.event).collect();
    let expected = [
        EventType::ExecutionStarted,
        EventType::NodeCompleted, // of one millisecond with the next: as they came
        EventType::ExecutionProgress,
        EventType::NodeFailed,
        EventType::ExecutionCompleted,
    ];
    assert_eq!(log, expected);
    assert_eq!(run.log()[3].subject, Some(5));
    let error = run.log()[3].payload.as_deref();
    assert_eq!(error, Some("API request failed: 401 Unauthorized"));
}

#[test]
fn documents_are_processed_and_complete_or_fail() {
    let at = 1_698_765_430_000.0;
    let processing = saying(
        "product_manual.pdf",
        of(EventType::DocumentProcessing, at, 0),
    );
    let completed = of(EventType::DocumentCompleted, at + 30_000.0, 0);
    let completed = with([47.0, 0.0, 0.0], completed);
    let failed = of(EventType::DocumentFailed, at + 25_000.0, 1);
    let failed = saying("Failed to extract text from PDF: corrupted file", failed);

    let mut base = KnowledgeBase::new(Options::default());
    assert_eq!(base.apply(processing.clone()), Change::Frame);
    let document = base.document(0).unwrap();
    assert_eq!(document.status(), DocumentStatus::Processing);
    assert_eq!(document.started_at(), Some(at));
    let name = document.started().unwrap().payload.as_deref();
    assert_eq!(name, Some("product_manual.pdf"));

    base.apply(completed);
    base.apply(failed);
    let document = base.document(0).unwrap();
    assert_eq!(document.status(), DocumentStatus::Completed);
    assert_eq!(document.chunk_count(), Some(47.0));
    assert_eq!(document.ended_at(), Some(at + 30_000.0));
    let document = base.document(1).unwrap();
    assert_eq!(document.status(), DocumentStatus::Failed);
    assert_eq!(document.chunk_count(), None);
    assert_eq!(base.apply(processing.clone()), Change::None, "it is known");

    let again = at + 90_000.0;
    base.apply(Event {
        at: again,
        ..processing
    });
    let document = base.document(0).unwrap();
    assert_eq!(document.status(), DocumentStatus::Processing);
    assert_eq!((document.ended_at(), document.chunk_count()), (None, None));
}

/// What an [`Arrival`](flowmaestro_execution::Arrival) carries follows from the field tables, so
/// that a decoder can collect it from them.
#[test]
fn the_values_of_an_arrival_are_those_of_the_field_table() {
    let documented = include_str!("../src/fact.rs");
    for event_type in EventType::ALL {
        if event_type.scope() == Scope::Connection {
            continue;
        }
        let fields = event_type.fields();
        let numbers: Vec<&str> = fields
            .iter()
            .filter(|field| field.kind == FieldKind::Number && field.name != "timestamp")
            .map(|field| field.name)
            .collect();
        assert!(numbers.len() <= 3);
        let subjects: Vec<&str> = fields
            .iter()
            .map(|field| field.name)
            .filter(|name| ["nodeId", "failedNodeId", "documentId"].contains(name))
            .collect();
        let row = documented
            .lines()
            .find(|line| line.contains(&format!("`{}`", event_type.as_str())))
            .unwrap_or_else(|| panic!("{} is documented", event_type.as_str()));
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let named = |cell: &str| -> Vec<String> {
            let names = cell.split(", ").filter(|name| !name.is_empty());
            names.map(|name| name.replace('`', "")).collect()
        };
        assert_eq!(named(cells[2]), subjects, "{row}");
        assert_eq!(named(cells[3]), numbers, "{row}");
    }
}
