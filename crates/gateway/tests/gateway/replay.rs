//! What was missed comes again, or is said to be gone.

use flowmaestro_gateway::Limits;
use serde_json::{Value, json};

use crate::support::{Client, Server};

/// Subscribes after a `seq`, and returns the answer.
async fn resume(client: &mut Client, after: Option<u64>, epoch: Option<&str>) -> Value {
    let mut subscribe = json!({"type": "subscribe", "executionId": "exec_1"});
    if let Some(after) = after {
        subscribe["after"] = after.into();
    }
    if let Some(epoch) = epoch {
        subscribe["epoch"] = epoch.into();
    }
    client.send_json(subscribe).await;
    client.json().await
}

#[tokio::test]
async fn a_client_that_comes_back_gets_what_it_missed() {
    let server = Server::start().await;
    server.register("exec_1", "alice");
    let mut alice = server.connect_with("alice", &["replay"]).await;
    let epoch = resume(&mut alice, None, None).await["epoch"].clone();
    server.stream("exec_1", 0..3);
    assert_eq!(alice.seqs().await, [1, 2, 3]);
    drop(alice);
    server.stream("exec_1", 3..6);

    let mut alice = server.connect_with("alice", &["replay"]).await;
    let answer = resume(&mut alice, Some(3), epoch.as_str()).await;
    let expected = json!({
        "type": "subscribed", "executionId": "exec_1", "epoch": epoch, "head": 6, "recovered": true
    });
    assert_eq!(answer, expected);
    server.stream("exec_1", 6..7);
    assert_eq!(alice.seqs().await, [4, 5, 6, 7]);
    let recovered = server
        .metric("flowmaestro_subscriptions_recovered_total")
        .await;
    assert_eq!(recovered, 2);
    assert_eq!(server.metric("flowmaestro_events_replayed_total").await, 3);
}

#[tokio::test]
async fn who_joins_late_gets_everything() {
    let server = Server::start().await;
    server.register("exec_1", "alice");
    server.stream("exec_1", 0..300);
    let mut alice = server.connect_with("alice", &["replay"]).await;
    let answer = resume(&mut alice, None, None).await;
    assert_eq!(
        (&answer["head"], &answer["recovered"]),
        (&json!(300), &json!(true))
    );
    server.stream("exec_1", 300..301);
    assert!(alice.seqs().await.into_iter().eq(1..=301));
}

#[tokio::test]
async fn a_gap_is_told_where_the_history_was_trimmed() {
    let limits = Limits {
        history_events: 10,
        ..Limits::default()
    };
    let server = Server::with_limits(limits).await;
    server.register("exec_1", "alice");
    server.stream("exec_1", 0..25);
    let mut alice = server.connect_with("alice", &["replay"]).await;
    let answer = resume(&mut alice, Some(5), None).await;
    assert_eq!(
        (&answer["head"], &answer["recovered"]),
        (&json!(25), &json!(false))
    );
    assert!(alice.seqs().await.into_iter().eq(16..=25));
    assert_eq!(server.metric("flowmaestro_gaps_told_total").await, 1);
}

#[tokio::test]
async fn another_epoch_is_a_gap() {
    let (before, after) = (Server::start().await, Server::start().await);
    let mut epochs = Vec::new();
    for server in [&before, &after] {
        server.register("exec_1", "alice");
        server.stream("exec_1", 0..2);
        let mut alice = server.connect_with("alice", &["replay"]).await;
        let old = epochs.first().and_then(Value::as_str);
        let answer = resume(&mut alice, Some(2), old).await;
        assert_eq!(answer["recovered"], json!(old.is_none()));
        let missed = if old.is_none() { vec![] } else { vec![1, 2] };
        assert_eq!(alice.seqs().await, missed);
        epochs.push(answer["epoch"].clone());
    }
    assert_ne!(epochs[0], epochs[1], "a restart loses what is in memory");
}

#[tokio::test]
async fn a_replay_answers_with_the_events_since_then() {
    let server = Server::start().await;
    server.register("exec_1", "alice");
    for timestamp in [10, 20, 30, 40] {
        let event = json!({
            "type": "node:stream", "timestamp": timestamp, "executionId": "exec_1",
            "nodeId": "n", "chunk": "x"
        });
        assert_eq!(server.post("/api/events", event.to_string()).await.0, 202);
    }
    let mut alice = server.connect_with("alice", &["replay"]).await;
    let replay = json!({"type": "replay", "executionId": "exec_1", "since": 25});
    alice.send_json(replay.clone()).await;
    for timestamp in [30, 40] {
        assert_eq!(alice.json().await["timestamp"], timestamp);
    }
    let replayed = json!({
        "type": "replayed", "executionId": "exec_1", "since": 25, "count": 2, "complete": true
    });
    assert_eq!(alice.json().await, replayed);

    let mut bob = server.connect_with("bob", &["replay"]).await;
    bob.send_json(replay).await;
    assert_eq!(bob.json().await["code"], "forbidden");
}

/// Far more than a queue holds, in large events: the reader is given them as it reads.
#[tokio::test(flavor = "multi_thread")]
async fn a_history_larger_than_the_queue_arrives_whole() {
    let limits = Limits {
        queue_frames: 16,
        queue_bytes: 64 * 1024,
        ..Limits::default()
    };
    let server = Server::with_limits(limits).await;
    server.register("exec_1", "alice");
    let chunk = "x".repeat(8 * 1024);
    for _ in 0..500 {
        let emitter = server.gateway.emitter();
        emitter.emit_node_stream("exec_1", "n", &chunk);
    }
    let mut alice = server.connect_with("alice", &["replay"]).await;
    assert_eq!(resume(&mut alice, None, None).await["head"], 500);
    for seq in 1..=500 {
        assert_eq!(alice.json().await["seq"], seq);
    }
}
