//! Both ends say what they have taken.

use std::sync::{Arc, Mutex};

use flowmaestro_protocol::EventType;
use serde_json::{Value, json};

use crate::support::{Client, Server};

async fn subscribe_after(client: &mut Client, after: u64) {
    client
        .send_json(json!({"type": "subscribe", "executionId": "exec_1", "after": after}))
        .await;
    assert_eq!(client.json().await["type"], "subscribed");
}

fn ask(server: &Server) {
    let emitter = server.gateway.emitter();
    emitter.emit_user_input_required("exec_1", "n", "Go on?", "approval", None);
}

#[tokio::test]
async fn an_unacknowledged_event_comes_again_after_every_reconnect() {
    let server = Server::start().await;
    server.register("exec_1", "alice");
    ask(&server);
    let mut event_id = None;
    for _ in 0..3 {
        let mut alice = server.connect_with("alice", &["replay", "ack"]).await;
        subscribe_after(&mut alice, 1).await;
        let question = alice.json().await;
        assert_eq!(question["type"], "user:input:required");
        assert_eq!(question["ack"], true);
        let id = event_id.get_or_insert_with(|| question["eventId"].clone());
        assert_eq!(question["eventId"], *id);
        alice.silent().await;
    }
    assert_eq!(server.metric("flowmaestro_unacknowledged").await, 1);

    let mut alice = server.connect_with("alice", &["replay", "ack"]).await;
    subscribe_after(&mut alice, 1).await;
    alice.text().await;
    alice
        .send_json(json!({"type": "ack", "eventId": event_id}))
        .await;
    alice.silent().await;
    assert_eq!(server.metric("flowmaestro_unacknowledged").await, 0);
    let mut alice = server.connect_with("alice", &["replay", "ack"]).await;
    subscribe_after(&mut alice, 1).await;
    alice.silent().await;
}

#[tokio::test]
async fn a_message_that_comes_twice_is_acknowledged_twice_and_acted_on_once() {
    let server = Server::start().await;
    server.register("exec_1", "alice");
    let heard: Arc<Mutex<Vec<Value>>> = Arc::default();
    let listener = Arc::clone(&heard);
    let on_answer = move |emission: &flowmaestro_gateway::Emission| {
        let event = serde_json::from_str(&emission.event().encode()).unwrap();
        listener.lock().unwrap().push(event);
    };
    server
        .gateway
        .emitter()
        .on(EventType::UserInputResponse, on_answer)
        .unwrap();
    let answer = |execution_id: &str, message_id: &str| {
        json!({
            "type": "user:input:response", "timestamp": 1, "executionId": execution_id,
            "nodeId": "n", "value": message_id, "messageId": message_id
        })
    };
    for connection in 0..2 {
        let mut alice = server.connect_with("alice", &["ack"]).await;
        for message_id in ["m1", "m1", "m2"] {
            alice.send_json(answer("exec_1", message_id)).await;
            let ack = json!({"type": "ack", "messageId": message_id});
            assert_eq!(alice.json().await, ack, "connection {connection}");
        }
        alice.send_json(answer("exec_2", "m3")).await;
        let error = alice.json().await;
        assert_eq!(
            (&error["code"], &error["messageId"]),
            (&json!("forbidden"), &json!("m3"))
        );
    }
    let values: Vec<_> = heard
        .lock()
        .unwrap()
        .iter()
        .map(|event| event["value"].clone())
        .collect();
    assert_eq!(values, ["m1", "m2"]);
    let repeated = server.metric("flowmaestro_messages_repeated_total").await;
    assert_eq!(repeated, 4);
}
