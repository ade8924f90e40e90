//! The emitter: its 13 methods on the wire, and its listeners.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use flowmaestro_gateway::{
    DEFAULT_MAX_LISTENERS, EmitError, TooManyListeners, WorkflowEventEmitter,
};
use flowmaestro_protocol::{Event, EventType, Json, Record};

use crate::support::{Client, Server};

/// An example of the WebSocket events reference.
macro_rules! example {
    ($name:literal) => {
        include_str!(concat!("../../../protocol/tests/fixtures/", $name, ".json")).trim_end()
    };
}

fn json(text: &str) -> Json {
    Json::parse(text).unwrap()
}

fn now_ms() -> u128 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_millis()
}

/// The text of the `timestamp` of an event.
fn timestamp(text: &str) -> &str {
    let (_, rest) = text.split_once(r#""timestamp":"#).unwrap();
    rest.split_once(',').unwrap().0
}

/// Emits one event of the reference with each method.
fn emit_all(emitter: &WorkflowEventEmitter) -> Vec<String> {
    let exec = "exec_abc123";
    emitter.emit_execution_started(exec, "Customer Onboarding", 8);
    emitter.emit_execution_progress(exec, 3, 8);
    let outputs = Record::from_iter([
        ("customerEmail".to_owned(), json(r#""john@example.com""#)),
        ("accountId".to_owned(), json(r#""acc_xyz789""#)),
        ("welcomeEmailSent".to_owned(), json("true")),
    ]);
    emitter.emit_execution_completed(exec, outputs, 18_000);
    let error = "API request failed: 429 Rate Limit Exceeded";
    emitter.emit_execution_failed(exec, error, Some("node_5"));
    emitter.emit_node_started(exec, "node_3", "Send Welcome Email", "email");
    let output = r#"{"emailId":"msg_xyz123","status":"sent","recipient":"john@example.com"}"#;
    let metadata = r#"{"provider":"sendgrid","retryCount":0}"#;
    emitter.emit_node_completed(exec, "node_3", json(output), 2_500, Some(json(metadata)));
    emitter.emit_node_failed(exec, "node_5", "API request failed: 401 Unauthorized");
    emitter.emit_node_retry(exec, "node_5", 2, 4_000, "Connection timeout");
    emitter.emit_node_stream(exec, "node_7", "The customer's inquiry has been ");
    let prompt = "Please review the generated email and approve or reject";
    let options = json(r#"{"options":["approve","reject","edit"]}"#);
    emitter.emit_user_input_required(exec, "node_6", prompt, "approval", Some(options));
    emitter.emit_document_processing("alice", "kb_123", "doc_456", "product_manual.pdf");
    emitter.emit_document_completed("alice", "kb_123", "doc_456", 47);
    let error = "Failed to extract text from PDF: corrupted file";
    emitter.emit_document_failed("alice", "kb_123", "doc_456", error);

    [
        example!("execution-started"),
        example!("execution-progress"),
        example!("execution-completed"),
        example!("execution-failed"),
        example!("node-started"),
        example!("node-completed"),
        example!("node-failed"),
        example!("node-retry"),
        example!("node-stream"),
        example!("user-input-required"),
        example!("kb-document-processing"),
        example!("kb-document-completed"),
        example!("kb-document-failed"),
    ]
    .map(str::to_owned)
    .into()
}

#[tokio::test]
async fn the_thirteen_methods_send_the_examples_of_the_reference_byte_for_byte() {
    let server = Server::start().await;
    let mut alice = server.subscribe("alice", "exec_abc123").await;
    let before = now_ms();
    let examples = emit_all(server.gateway.emitter());
    let after = now_ms();
    assert_eq!(examples.len(), 13);
    for example in examples {
        let text = alice.text().await;
        let emitted_at = timestamp(&text);
        assert!(
            (before..=after).contains(&emitted_at.parse().unwrap()),
            "{text}"
        );
        let expected = example.replace(timestamp(&example), emitted_at);
        assert_eq!(text, expected);
    }
    alice.silent().await;
}

#[tokio::test]
async fn optional_fields_are_absent_rather_than_null() {
    let server = Server::start().await;
    let mut alice = server.subscribe("alice", "exec_1").await;
    let emitter = server.gateway.emitter();
    emitter.emit_node_completed("exec_1", "n", json("null"), 0, None);
    emitter.emit_user_input_required("exec_1", "n", "Go on?", "approval", None);
    emitter.emit_execution_progress("exec_1", 0, 0);
    emitter.emit_execution_failed("exec_1", "boom", None);
    let received = alice.all_until_now().await;
    let after_id = |index: usize| received[index].split_once(r#""exec_1","#).unwrap().1;
    assert_eq!(after_id(0), r#""nodeId":"n","output":null,"duration":0}"#);
    assert_eq!(
        after_id(1),
        r#""nodeId":"n","prompt":"Go on?","inputType":"approval"}"#
    );
    assert_eq!(after_id(2), r#""completed":0,"total":0,"percentage":0}"#);
    assert_eq!(after_id(3), r#""status":"failed","error":"boom"}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_arrive_in_the_order_of_their_emission_at_every_connection() {
    let server = Server::start().await;
    let mut clients = Vec::new();
    for _ in 0..8 {
        clients.push(server.subscribe("alice", "exec_1").await);
    }
    emit_numbered(server.gateway.emitter(), 1_000);
    for client in &mut clients {
        assert_numbered(client, 1_000).await;
    }
}

/// On the test's single thread no socket's task can run before the last event is emitted.
#[tokio::test]
async fn a_burst_of_thousands_without_a_pause_arrives_whole_and_in_order() {
    let server = Server::start().await;
    let mut alice = server.subscribe("alice", "exec_1").await;
    emit_numbered(server.gateway.emitter(), 5_000);
    assert_numbered(&mut alice, 5_000).await;
    alice.silent().await;
}

fn emit_numbered(emitter: &WorkflowEventEmitter, count: usize) {
    for number in 0..count {
        emitter.emit_node_stream("exec_1", "n", &number.to_string());
    }
}

async fn assert_numbered(client: &mut Client, count: usize) {
    for number in 0..count {
        let text = client.text().await;
        let expected = format!(r#""chunk":"{number}"}}"#);
        assert!(text.ends_with(&expected), "{text}, expected {expected}");
    }
}

#[test]
fn a_hundred_listeners_for_every_type_are_called_in_order() {
    let emitter = WorkflowEventEmitter::new();
    let calls = Arc::new(Mutex::new(Vec::new()));
    for event_type in EventType::ALL {
        for number in 0..DEFAULT_MAX_LISTENERS {
            let calls = Arc::clone(&calls);
            let listener = move |emission: &flowmaestro_gateway::Emission| {
                calls
                    .lock()
                    .unwrap()
                    .push((emission.event().event_type(), number));
            };
            emitter.on(*event_type, listener).unwrap();
        }
    }
    emit_all(&emitter);
    let calls = calls.lock().unwrap();
    assert_eq!(calls.len(), 13 * 100);
    for (index, call) in calls.iter().enumerate() {
        assert_eq!(*call, (calls[index / 100 * 100].0, index % 100));
    }
}

#[tokio::test]
async fn one_listener_too_many_is_a_typed_error() {
    let server = Server::start().await;
    let emitter = server.gateway.emitter();
    for event_type in EventType::ALL {
        // A gateway leaves all of the default to its users.
        for _ in 0..DEFAULT_MAX_LISTENERS {
            emitter.on(*event_type, |_| {}).unwrap();
        }
    }
    let event_type = EventType::UserInputResponse;
    let max = emitter.max_listeners();
    assert_eq!(
        emitter.on(event_type, |_| {}),
        Err(TooManyListeners { event_type, max })
    );
    emitter.set_max_listeners(max + 1);
    let id = emitter.on(event_type, |_| {}).unwrap();
    assert_eq!(emitter.listener_count(event_type), max + 1);
    assert!(emitter.off(id) && !emitter.off(id));
    assert_eq!(emitter.listener_count(event_type), max);
}

#[test]
fn a_listener_may_emit_and_register_and_remove() {
    let emitter = Arc::new(WorkflowEventEmitter::new());
    let streams = Arc::new(AtomicUsize::new(0));
    let own_id = Arc::new(Mutex::new(None));
    let (within, counted, id) = (
        Arc::clone(&emitter),
        Arc::clone(&streams),
        Arc::clone(&own_id),
    );
    let listener = emitter.on(EventType::NodeStarted, move |_| {
        let counted = Arc::clone(&counted);
        let count = move |_: &_| {
            counted.fetch_add(1, Ordering::Relaxed);
        };
        within.on(EventType::NodeStream, count).unwrap();
        within.emit_node_stream("exec_1", "n", "x");
        within.off(id.lock().unwrap().unwrap());
    });
    *own_id.lock().unwrap() = Some(listener.unwrap());
    emitter.emit_node_started("exec_1", "n", "N", "t");
    emitter.emit_node_started("exec_1", "n", "N", "t");
    assert_eq!(streams.load(Ordering::Relaxed), 1, "it had removed itself");
}

#[test]
fn an_event_without_the_owner_that_it_needs_is_refused() {
    let emitter = WorkflowEventEmitter::new();
    let document = Event::decode(example!("kb-document-failed")).unwrap();
    let refused = emitter.emit(document.clone());
    assert_eq!(
        refused,
        Err(EmitError::OwnerRequired(EventType::DocumentFailed))
    );
    assert_eq!(emitter.emit_to_user("alice", document), Ok(()));
    let welcome = Event::decode(example!("connected")).unwrap();
    let refused = emitter.emit_to_user("alice", welcome);
    assert_eq!(
        refused,
        Err(EmitError::ConnectionScoped(
            EventType::ConnectionEstablished
        ))
    );
}
