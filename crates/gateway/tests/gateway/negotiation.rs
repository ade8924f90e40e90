//! Features are on for those who switched them on, and for nobody else.

use flowmaestro_gateway::{Config, Features};
use serde_json::json;

use crate::support::{Server, development};

const BASELINE: [&str; 4] = [
    r#"{"type":"subscribed","executionId":"exec_1"}"#,
    r#"{"type":"node:stream","timestamp":1,"executionId":"exec_1","nodeId":"n","chunk":"a"}"#,
    r#"{"type":"user:input:required","timestamp":2,"executionId":"exec_1","nodeId":"n","prompt":"?","inputType":"text"}"#,
    r#"{"type":"execution:failed","timestamp":3,"executionId":"exec_1","status":"failed","error":"e"}"#,
];

/// Emits the events above over HTTP, and returns what a client gets that subscribed before.
async fn conversation(server: &Server, hello: Option<&[&str]>) -> Vec<String> {
    server.register("exec_1", "alice");
    let authorization = format!("Bearer {}", server.token("alice"));
    let headers = [("authorization", authorization.as_str())];
    let mut client = server.open("/ws", &headers).await.unwrap();
    assert!(client.text().await.starts_with(r#"{"type":"connected""#));
    if let Some(features) = hello {
        client.hello_with(features).await;
    }
    client
        .send(r#"{"type":"subscribe","executionId":"exec_1"}"#)
        .await;
    let mut received = client.all_until_now().await;
    for event in &BASELINE[1..] {
        assert_eq!(server.post("/api/events", *event).await.0, 202);
    }
    received.extend(client.all_until_now().await);
    received
}

fn without_features() -> Config {
    Config {
        features: Features::NONE,
        ..development()
    }
}

#[tokio::test]
async fn a_baseline_client_gets_the_baseline_from_a_gateway_with_features() {
    let received = conversation(&Server::start().await, None).await;
    assert_eq!(received, BASELINE);
}

#[tokio::test]
async fn a_baseline_client_gets_the_baseline_from_a_gateway_without() {
    let received = conversation(&Server::with(without_features()).await, None).await;
    assert_eq!(received, BASELINE);
}

#[tokio::test]
async fn a_client_with_features_gets_the_baseline_from_a_gateway_without() {
    let server = Server::with(without_features()).await;
    let received = conversation(&server, Some(&["replay", "ack", "batch"])).await;
    assert_eq!(received, BASELINE);
}

#[tokio::test]
async fn a_client_with_features_gets_numbers_from_a_gateway_with_them() {
    let server = Server::start().await;
    let received = conversation(&server, Some(&["replay"])).await;
    let subscribed: serde_json::Value = serde_json::from_str(&received[0]).unwrap();
    assert_eq!(subscribed["head"], 0);
    assert_eq!(subscribed["recovered"], true);
    assert!(!subscribed["epoch"].as_str().unwrap().is_empty());
    assert_eq!(received.len(), 4);
    for (index, text) in received.iter().enumerate().skip(1) {
        let baseline = BASELINE[index].strip_suffix('}').unwrap();
        let rest = text.strip_prefix(baseline).expect("fields are added only");
        assert!(rest.starts_with(r#","eventId":""#), "{rest}");
        assert!(rest.contains(&format!(r#","seq":{index}"#)), "{rest}");
        assert_eq!(rest.ends_with(r#","ack":true}"#), index > 1, "{rest}");
    }
}

#[tokio::test]
async fn the_welcome_names_what_the_gateway_offers() {
    let config = Config {
        features: Features::from_names(["ping", "replay"]),
        ..development()
    };
    for (config, end) in [
        (without_features(), r#","features":[]}"#),
        (
            config,
            r#","features":["replay","ping"],"heartbeatMs":25000}"#,
        ),
    ] {
        let server = Server::with(config).await;
        let authorization = format!("Bearer {}", server.token("alice"));
        let headers = [("authorization", authorization.as_str())];
        let mut client = server.open("/ws", &headers).await.unwrap();
        let welcome = client.text().await;
        assert!(welcome.ends_with(end), "{welcome}");
    }
}

#[tokio::test]
async fn a_pong_carries_the_heads_of_the_subscriptions() {
    let server = Server::start().await;
    server.register("exec_1", "alice");
    server.register("exec_2", "alice");
    server.stream("exec_1", 0..3);
    server.stream("exec_2", 0..5);
    let mut alice = server.connect_with("alice", &["replay", "ping"]).await;
    alice
        .send_json(json!({"type": "subscribe", "executionId": "exec_1", "after": 3}))
        .await;
    assert_eq!(alice.json().await["head"], 3);
    alice.send(r#"{"type":"ping","id":7}"#).await;
    assert_eq!(
        alice.json().await,
        json!({"type": "pong", "id": 7, "heads": {"exec_1": 3}})
    );
}

#[tokio::test]
async fn a_message_of_a_feature_that_is_off_is_invalid() {
    let server = Server::start().await;
    let mut alice = server.connect_with("alice", &["replay"]).await;
    alice.send(r#"{"type":"ping","id":7}"#).await;
    assert_eq!(alice.json().await["code"], "invalid_message");
}

#[tokio::test]
async fn a_burst_travels_in_batches_in_order() {
    let server = Server::start().await;
    server.register("exec_1", "alice");
    let mut alice = server.connect_with("alice", &["replay", "batch"]).await;
    alice
        .send(r#"{"type":"subscribe","executionId":"exec_1"}"#)
        .await;
    assert_eq!(alice.json().await["type"], "subscribed");
    server.stream("exec_1", 0..500);
    let (mut seqs, mut frames) = (Vec::new(), 0);
    while seqs.len() < 500 {
        let frame = alice.json().await;
        frames += 1;
        match frame["events"].as_array() {
            Some(events) => {
                assert_eq!(frame["type"], "batch");
                seqs.extend(events.iter().map(|event| event["seq"].as_u64().unwrap()));
            }
            None => seqs.push(frame["seq"].as_u64().unwrap()),
        }
    }
    assert!(seqs.into_iter().eq(1..=500));
    assert!(frames < 100, "{frames} frames");
}

#[tokio::test]
async fn the_last_event_of_a_batch_waits_for_no_other() {
    let server = Server::start().await;
    server.register("exec_1", "alice");
    let mut alice = server.connect_with("alice", &["batch"]).await;
    alice
        .send(r#"{"type":"subscribe","executionId":"exec_1"}"#)
        .await;
    assert_eq!(alice.json().await["type"], "subscribed");
    server.stream("exec_1", 0..2);
    // The first goes out at once, the second when the timer says so.
    assert_eq!(alice.json().await["seq"], 1);
    assert_eq!(alice.json().await["seq"], 2);
}
