//! What backends in other languages call, and what operators read.

use flowmaestro_gateway::Limits;
use serde_json::{Value, json};

use crate::support::{SERVICE_TOKEN, Server, development, within};

const STREAM: &str = include_str!("../../../protocol/tests/fixtures/node-stream.json");
const DOCUMENT: &str = include_str!("../../../protocol/tests/fixtures/kb-document-completed.json");

/// Posts events and expects an error of a status, a code and a part of the message.
async fn refused(server: &Server, body: &str, status: u16, code: &str, part: &str) {
    let (actual, text) = server.post("/api/events", body.to_owned()).await;
    assert_eq!(actual, status, "{body:.200}: {text}");
    let error: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(error["error"]["code"], code, "{body:.200}: {text}");
    assert!(
        error["error"]["message"].as_str().unwrap().contains(part),
        "{body:.200}: {text}"
    );
}

async fn register(server: &Server, execution_id: &str, user_id: &str) -> (u16, String) {
    let body = json!({"executionId": execution_id, "userId": user_id}).to_string();
    server.post("/api/executions", body).await
}

#[tokio::test]
async fn a_backend_registers_and_emits() {
    let server = Server::start().await;
    let (status, body) = register(&server, "exec_abc123", "alice").await;
    assert_eq!(
        (status, body.as_str()),
        (200, r#"{"executionId":"exec_abc123","userId":"alice"}"#)
    );
    let mut alice = server.connect("alice").await;
    alice.subscribe("exec_abc123").await;

    let stream = STREAM.trim_end();
    let wrapped = format!(r#"{{"userId":"alice","event":{DOCUMENT}}}"#);
    for body in [
        stream.to_owned(),
        format!("[{stream},{wrapped}]"),
        wrapped.clone(),
    ] {
        assert_eq!(server.post("/api/events", body).await.0, 202);
    }
    let (status, body) = server.post("/api/events", "[]").await;
    assert_eq!((status, body.as_str()), (202, r#"{"accepted":0}"#));

    let document = DOCUMENT.trim_end();
    assert_eq!(
        alice.all_until_now().await,
        [stream, stream, document, document]
    );
}

#[tokio::test]
async fn unknown_fields_are_handed_on_and_the_owner_may_be_named() {
    let server = Server::start().await;
    register(&server, "exec_abc123", "alice").await;
    let mut alice = server.connect("alice").await;
    alice.subscribe("exec_abc123").await;
    let event = STREAM
        .trim_end()
        .replace("\"chunk\"", "\"extra\":{\"b\":1,\"a\":2},\"chunk\"");
    let named = |user: &str| format!(r#"{{"userId":"{user}","event":{event}}}"#);
    assert_eq!(server.post("/api/events", named("alice")).await.0, 202);
    let text = alice.text().await;
    assert!(text.ends_with(r#""extra":{"b":1,"a":2}}"#), "{text}");
    refused(
        &server,
        &named("bob"),
        404,
        "unregistered_execution",
        "not registered",
    )
    .await;
    // Nor after one that was.
    let both = format!("[{},{}]", named("alice"), named("bob"));
    refused(&server, &both, 404, "unregistered_execution", "[1] ").await;
    let both = format!("[{event},{}]", event.replace("exec_abc123", "exec_2"));
    refused(&server, &both, 404, "unregistered_execution", "[1] ").await;
    alice.silent().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_array_longer_than_a_queue_arrives_whole() {
    let limits = Limits {
        queue_frames: 64,
        ..Limits::default()
    };
    let server = Server::with_limits(limits).await;
    register(&server, "exec_abc123", "alice").await;
    let mut alice = server.connect("alice").await;
    alice.subscribe("exec_abc123").await;
    let count = 1_000;
    let events: Vec<String> = (0..count)
        .map(|number| {
            STREAM
                .trim_end()
                .replace("1698765440000", &number.to_string())
        })
        .collect();
    let (status, body) = server
        .post("/api/events", format!("[{}]", events.join(",")))
        .await;
    assert_eq!((status, body), (202, format!(r#"{{"accepted":{count}}}"#)));
    for expected in events {
        assert_eq!(alice.text().await, expected);
    }
}

#[tokio::test]
async fn errors_name_the_field_and_nothing_is_emitted() {
    let server = Server::start().await;
    register(&server, "exec_abc123", "alice").await;
    let mut alice = server.connect("alice").await;
    alice.subscribe("exec_abc123").await;

    let invalid = |body, part| refused(&server, body, 400, "invalid_event", part);
    let wrong_type = STREAM.replace(r#""The customer's inquiry has been ""#, "7");
    invalid(
        &wrong_type,
        "node:stream.chunk: expected string, found number",
    )
    .await;
    invalid("", "not valid JSON").await;
    invalid("7", "expected an object, found number").await;
    invalid("{}", "type: missing").await;
    invalid(r#"{"type":"nonsense"}"#, "type: unknown message type").await;
    invalid(r#"{"type":"node:stream"}"#, "node:stream.").await;
    invalid("[1", "EOF").await;
    invalid(DOCUMENT, r#"{"userId":"…","event":{…}}"#).await;
    let welcome = include_str!("../../../protocol/tests/fixtures/connected.json");
    invalid(welcome, "sent by the gateway itself").await;
    let answer = include_str!("../../../protocol/tests/fixtures/user-input-response.json");
    invalid(answer, "comes from clients").await;
    let second = format!("[{STREAM},{wrong_type}]");
    invalid(&second, "[1] node:stream.chunk: expected string").await;
    let deep = format!(
        r#"{{"type":"node:completed","timestamp":1,"executionId":"e","nodeId":"n","output":{}{}}}"#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    invalid(&deep, "recursion limit").await;

    let unregistered = STREAM.replace("exec_abc123", "exec_other");
    let second = format!("[{STREAM},{unregistered}]");
    refused(
        &server,
        &unregistered,
        404,
        "unregistered_execution",
        "POST /api/executions",
    )
    .await;
    refused(&server, &second, 404, "unregistered_execution", "[1]").await;
    alice.silent().await;
}

#[tokio::test]
async fn bodies_are_bounded_and_text() {
    let server = Server::start().await;
    let large = format!("[{}]", " ".repeat(1024 * 1024));
    refused(&server, &large, 413, "too_large", "limit").await;
    let (status, _) = server.post("/api/events", vec![0xff, 0xfe]).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn the_service_token_is_required() {
    let server = Server::start().await;
    let almost = format!("{SERVICE_TOKEN}x");
    let user = server.token("alice");
    for path in ["/api/events", "/api/executions"] {
        for token in [
            None,
            Some(""),
            Some(&SERVICE_TOKEN[1..]),
            Some(&almost),
            Some(&user),
        ] {
            let mut request = reqwest::Client::new().post(server.url(path)).body("[]");
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            let response = within(request.send()).await.unwrap();
            assert_eq!(response.status(), 401, "{path} {token:?}");
            assert_eq!(response.headers()["www-authenticate"], "Bearer");
        }
    }
}

#[tokio::test]
async fn without_a_service_token_the_api_is_off() {
    let config = flowmaestro_gateway::Config {
        service_token: None,
        ..development()
    };
    let server = Server::with(config).await;
    assert_eq!(server.post("/api/events", "[]").await.0, 401);
}

#[tokio::test]
async fn an_execution_has_one_owner() {
    let server = Server::start().await;
    assert_eq!(register(&server, "exec_1", "alice").await.0, 200);
    assert_eq!(register(&server, "exec_1", "alice").await.0, 200);
    let (status, body) = register(&server, "exec_1", "bob").await;
    assert_eq!(status, 409, "{body}");
    assert!(!body.contains("alice"), "{body}");
    assert_eq!(register(&server, &"x".repeat(129), "alice").await.0, 400);
    assert_eq!(register(&server, "", "alice").await.0, 400);
    assert_eq!(register(&server, "exec_2", "").await.0, 400);
    for body in ["", "{}", "[]", r#"{"executionId":1,"userId":"a"}"#] {
        assert_eq!(server.post("/api/executions", body).await.0, 400, "{body}");
    }
}

#[tokio::test]
async fn health_says_ok() {
    let server = Server::start().await;
    let _alice = server.connect("alice").await;
    let response = within(reqwest::get(server.url("/health"))).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(
        response.text().await.unwrap(),
        r#"{"status":"ok","connections":1}"#
    );
}

#[tokio::test]
async fn metrics_count_what_happens() {
    let server = Server::start().await;
    let mut alice = server.subscribe("alice", "exec_1").await;
    let mut other = server.connect("alice").await;
    other.subscribe("exec_1").await;
    let delivered = server.metric("flowmaestro_frames_delivered_total").await;
    let bytes = server.metric("flowmaestro_delivered_bytes_total").await;
    server
        .gateway
        .emitter()
        .emit_node_stream("exec_1", "n", "x");
    let length = alice.text().await.len() + other.text().await.len();

    let counted = server
        .metric(r#"flowmaestro_events_emitted_total{type="node:stream"}"#)
        .await;
    assert_eq!(counted, 1);
    assert_eq!(
        server.metric("flowmaestro_frames_delivered_total").await,
        delivered + 2
    );
    assert_eq!(
        server.metric("flowmaestro_delivered_bytes_total").await,
        bytes + length as u64
    );
    assert_eq!(server.metric("flowmaestro_connections").await, 2);
    assert_eq!(server.metric("flowmaestro_subscriptions").await, 2);

    let response = reqwest::get(server.url("/metrics")).await.unwrap();
    let content_type = response.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        content_type.starts_with("application/openmetrics-text"),
        "{content_type}"
    );
    let text = response.text().await.unwrap();
    assert!(text.ends_with("# EOF\n"));
    assert!(
        !text.contains("alice") && !text.contains("exec_1"),
        "{text}"
    );
}
