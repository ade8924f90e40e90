//! The program killed under load: what it had accepted is there after the restart.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use tokio::process::Child;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::authentication::{SECRET, claims, sign};
use crate::program::{SERVICE_TOKEN, gateway, start};
use crate::support::within;

const EMITTERS: usize = 4;

struct Program {
    child: Child,
    address: String,
}

impl Program {
    async fn start(history: &[&str]) -> Self {
        let mut command = gateway(&["--port", "0", "--log-level", "error"]);
        command
            .args(history)
            .env("JWT_SECRET", SECRET)
            .env("SERVICE_TOKEN", SERVICE_TOKEN)
            .stderr(std::process::Stdio::inherit());
        let (child, _lines, address) = start(command).await;
        Self { child, address }
    }

    /// SIGKILL: nothing of the program runs any more.
    async fn kill(mut self) {
        within(self.child.kill()).await.unwrap();
    }

    /// A backend's request; `None` when there was no answer.
    async fn post(&self, path: &str, body: Value) -> Option<u16> {
        post(&self.address, path, body).await
    }

    async fn register(&self, execution_id: &str) -> Option<u16> {
        let body = json!({"executionId": execution_id, "userId": "alice"});
        self.post("/api/executions", body).await
    }

    /// What a user gets who subscribes after a `seq`, up to the answer to a ping: the answer, then
    /// the events.
    async fn resume(&self, user_id: &str, execution_id: &str, after: u64) -> Vec<Value> {
        use futures_util::{SinkExt, StreamExt};

        let mut request = format!("ws://{}/ws", self.address)
            .into_client_request()
            .unwrap();
        let token = sign(&claims(json!({"userId": user_id})));
        let authorization = format!("Bearer {token}").parse().unwrap();
        request.headers_mut().insert("authorization", authorization);
        let (mut socket, _) = within(connect_async(request)).await.unwrap();
        for message in [
            json!({"type": "hello", "features": ["replay", "ack", "ping"]}),
            json!({"type": "subscribe", "executionId": execution_id, "after": after}),
            json!({"type": "ping", "id": 1}),
        ] {
            let message = Message::text(message.to_string());
            within(socket.send(message)).await.unwrap();
        }
        let mut received = Vec::new();
        let mut head = None;
        loop {
            let frame = within(socket.next()).await.unwrap().unwrap();
            let frame: Value = serde_json::from_str(frame.to_text().unwrap()).unwrap();
            if frame["type"] == "subscribed" {
                head = frame["head"].as_u64();
            }
            // What waits for room in the queue comes after the pong.
            let is_pong = frame["type"] == "pong";
            if !is_pong && frame["type"] != "connected" {
                received.push(frame);
            }
            let last = received.last().and_then(|frame| frame["seq"].as_u64());
            if is_pong && head.is_none_or(|head| head <= after) || head.is_some() && last == head {
                return received;
            }
        }
    }
}

async fn post(address: &str, path: &str, body: Value) -> Option<u16> {
    let request = reqwest::Client::new()
        .post(format!("http://{address}{path}"))
        .bearer_auth(SERVICE_TOKEN)
        .body(body.to_string());
    Some(within(request.send()).await.ok()?.status().as_u16())
}

fn stream(execution_id: &str, number: u64) -> Value {
    json!({
        "type": "node:stream", "timestamp": 1, "executionId": execution_id, "nodeId": "n",
        "chunk": number.to_string()
    })
}

fn question(execution_id: &str) -> Value {
    json!({
        "type": "user:input:required", "timestamp": 1, "executionId": execution_id, "nodeId": "n",
        "prompt": "?", "inputType": "text"
    })
}

/// Emits one event after the other until the program is gone, and returns how many it accepted.
async fn emit_until_killed(address: String, execution_id: String, total: Arc<AtomicU64>) -> u64 {
    let mut accepted = 0;
    while post(&address, "/api/events", stream(&execution_id, accepted + 1)).await == Some(202) {
        accepted += 1;
        total.fetch_add(1, Ordering::Relaxed);
    }
    accepted
}

fn disk(file: &Path) -> [&str; 4] {
    [
        "--history",
        "disk",
        "--history-file",
        file.to_str().unwrap(),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_accepted_is_lost_by_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.redb");
    let program = Program::start(&disk(&file)).await;
    assert_eq!(program.register("exec_ask").await, Some(200));
    let asked = program.post("/api/events", question("exec_ask")).await;
    assert_eq!(asked, Some(202));
    let epoch = program.resume("alice", "exec_ask", 0).await[0]["epoch"].clone();

    let total = Arc::new(AtomicU64::new(0));
    let mut emitters = Vec::new();
    for number in 0..EMITTERS {
        let execution_id = format!("exec_{number}");
        assert_eq!(program.register(&execution_id).await, Some(200));
        let address = program.address.clone();
        let emitting = emit_until_killed(address, execution_id, Arc::clone(&total));
        emitters.push(tokio::spawn(emitting));
    }
    crate::support::until(|| total.load(Ordering::Relaxed) >= 100).await;
    program.kill().await;

    let program = Program::start(&disk(&file)).await;
    for (number, emitter) in emitters.into_iter().enumerate() {
        let accepted = within(emitter).await.unwrap();
        let execution_id = format!("exec_{number}");
        let received = program.resume("alice", &execution_id, 0).await;
        let (subscribed, events) = received.split_first().unwrap();
        assert_eq!(subscribed["epoch"], epoch);
        assert_eq!(subscribed["recovered"], true);
        let head = subscribed["head"].as_u64().unwrap();
        // The one that was under way may have been kept, too.
        assert!(
            (accepted..=accepted + 1).contains(&head),
            "{head} of {accepted}"
        );
        assert_eq!(events.len() as u64, head);
        for (seq, event) in (1..).zip(events) {
            assert_eq!(
                (event["seq"].as_u64(), &event["chunk"]),
                (Some(seq), &json!(seq.to_string()))
            );
        }

        assert_eq!(
            program.post("/api/events", stream(&execution_id, 0)).await,
            Some(202)
        );
        let next = program.resume("alice", &execution_id, head).await;
        assert_eq!(next[1]["seq"], head + 1, "numbering goes on");
        let eve = program.resume("eve", &execution_id, 0).await;
        assert_eq!(eve[0]["code"], "forbidden", "the owner is known");
    }

    let again = program.resume("alice", "exec_ask", 1).await;
    assert_eq!(
        again[1]["type"], "user:input:required",
        "nobody acknowledged it"
    );
}

#[tokio::test]
async fn a_history_in_memory_is_lost_and_its_epoch_with_it() {
    let mut epochs = Vec::new();
    for _ in 0..2 {
        let program = Program::start(&["--history", "memory"]).await;
        assert_eq!(program.register("exec_1").await, Some(200));
        assert_eq!(
            program.post("/api/events", stream("exec_1", 1)).await,
            Some(202)
        );
        epochs.push(program.resume("alice", "exec_1", 0).await[0]["epoch"].clone());
        program.kill().await;
    }
    assert_ne!(epochs[0], epochs[1]);
}

#[tokio::test]
async fn a_file_that_is_no_history_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.redb");
    std::fs::write(&file, "nonsense").unwrap();
    let mut command = gateway(&["--port", "0", "--dev"]);
    let output = within(command.args(disk(&file)).output()).await.unwrap();
    assert!(!output.status.success());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("--history-file"), "{error}");
}
