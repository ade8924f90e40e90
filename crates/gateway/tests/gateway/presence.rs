//! Who else watches an execution.

use serde_json::{Value, json};

use crate::support::{Client, Server};

async fn watch(server: &Server) -> Client {
    let mut client = server.connect_with("alice", &["presence"]).await;
    client
        .send(r#"{"type":"subscribe","executionId":"exec_1","presence":true}"#)
        .await;
    assert_eq!(client.json().await["type"], "subscribed");
    client
}

/// What the next frame says: the users, and how many connections each has.
async fn viewers(client: &mut Client) -> Vec<(Value, Value)> {
    let presence = client.json().await;
    assert_eq!(presence["type"], "presence");
    assert_eq!(presence["executionId"], "exec_1");
    let viewers = presence["viewers"].as_array().unwrap();
    viewers
        .iter()
        .map(|viewer| (viewer["userId"].clone(), viewer["connections"].clone()))
        .collect()
}

#[tokio::test]
async fn viewers_are_told_at_once_and_whenever_they_change() {
    let server = Server::start().await;
    server.register("exec_1", "alice");
    let alice = |connections: u32| vec![(json!("alice"), json!(connections))];
    let mut first = watch(&server).await;
    assert_eq!(viewers(&mut first).await, alice(1));
    let mut second = watch(&server).await;
    assert_eq!(viewers(&mut second).await, alice(2));
    assert_eq!(viewers(&mut first).await, alice(2));
    drop(second);
    assert_eq!(viewers(&mut first).await, alice(1));
}
