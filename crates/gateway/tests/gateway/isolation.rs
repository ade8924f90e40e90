//! Nothing crosses users.

use flowmaestro_protocol::{Event, Json};

use crate::support::{Client, Server, until};

fn stream(execution_id: &str, chunk: u32) -> Event {
    let text = format!(
        r#"{{"type":"node:stream","timestamp":{chunk},"executionId":"{execution_id}","nodeId":"n","chunk":"{chunk}"}}"#
    );
    Event::decode(&text).unwrap()
}

fn document(chunk: u32) -> Event {
    let text = format!(
        r#"{{"type":"kb:document:completed","timestamp":{chunk},"knowledgeBaseId":"kb","documentId":"d","chunkCount":{chunk}}}"#
    );
    Event::decode(&text).unwrap()
}

/// What Alice receives, her messages being the same, with and without Bob's activity.
async fn what_alice_receives(server: &Server, with_bob: bool) -> Vec<String> {
    let mut alice = server.subscribe("alice", "exec_alice").await;
    let mut bob = None;
    if with_bob {
        bob = Some(server.subscribe("bob", "exec_bob").await);
    }
    alice.hello().await;
    alice
        .send(r#"{"type":"subscribe","executionId":"exec_bob"}"#)
        .await;
    alice
        .send(r#"{"type":"unsubscribe","executionId":"exec_bob"}"#)
        .await;
    alice
        .send(r#"{"type":"user:input:response","timestamp":1,"executionId":"exec_bob","nodeId":"n","value":1}"#)
        .await;
    let emitter = server.gateway.emitter();
    let mut received = alice.all_until_now().await;
    for number in 0..20 {
        if with_bob {
            emitter.emit(stream("exec_bob", number)).unwrap();
            emitter.emit_to_user("bob", document(number)).unwrap();
        }
        emitter.emit(stream("exec_alice", number)).unwrap();
        emitter.emit_to_user("alice", document(number)).unwrap();
        received.extend(alice.all_until_now().await);
    }
    if let Some(bob) = &mut bob {
        assert_eq!(bob.all_until_now().await.len(), 40, "Bob gets his own");
    }
    received
}

#[tokio::test]
async fn alice_receives_the_same_bytes_with_and_without_bob() {
    let alone = what_alice_receives(&Server::start().await, false).await;
    let beside = what_alice_receives(&Server::start().await, true).await;
    assert_eq!(alone, beside);
    assert_eq!(alone.len(), 3 + 40);
}

async fn answers_to_subscribe(client: &mut Client, execution_id: &str) -> Vec<String> {
    client
        .send(&format!(
            r#"{{"type":"subscribe","executionId":"{execution_id}"}}"#
        ))
        .await;
    client.all_until_now().await
}

#[tokio::test]
async fn anothers_execution_is_answered_like_an_unknown_one() {
    let server = Server::start().await;
    server.register("exec_1", "bob");
    let mut alice = server.connect("alice").await;
    assert_eq!(answers_to_subscribe(&mut alice, "exec_1").await, [""; 0]);
    assert_eq!(answers_to_subscribe(&mut alice, "exec_2").await, [""; 0]);

    alice.hello().await;
    let anothers = answers_to_subscribe(&mut alice, "exec_1").await;
    let unknown = answers_to_subscribe(&mut alice, "exec_2").await;
    assert_eq!(
        anothers,
        [concat!(
            r#"{"type":"error","code":"forbidden","#,
            r#""message":"The execution does not exist, or belongs to someone else","#,
            r#""executionId":"exec_1"}"#
        )]
    );
    assert_eq!(anothers[0].replace("exec_1", "exec_2"), unknown[0]);

    server.gateway.emitter().emit(stream("exec_1", 1)).unwrap();
    alice.silent().await;
    assert_eq!(
        server
            .gateway
            .manager()
            .execution_subscriber_count("exec_1"),
        0
    );
}

#[tokio::test]
async fn a_subscription_does_not_outlive_the_right_to_see() {
    let server = Server::start().await;
    let mut alice = server.subscribe("alice", "exec_1").await;
    server.gateway.executions().remove("exec_1");
    server.register("exec_1", "bob");
    server.gateway.emitter().emit(stream("exec_1", 1)).unwrap();
    alice.silent().await;
}

#[tokio::test]
async fn document_events_reach_every_connection_of_their_owner_and_nobody_else() {
    let server = Server::start().await;
    let mut first = server.connect("alice").await;
    let mut second = server.connect("alice").await;
    let mut bob = server.connect("bob").await;
    server
        .gateway
        .emitter()
        .emit_document_completed("alice", "kb_1", "doc_1", 3);
    assert_eq!(first.text().await, second.text().await);
    bob.silent().await;
}

#[tokio::test]
async fn events_of_unregistered_executions_go_nowhere() {
    let server = Server::start().await;
    let mut alice = server.subscribe("alice", "exec_1").await;
    server.gateway.executions().remove("exec_1");
    server
        .gateway
        .emitter()
        .emit_node_failed("exec_1", "n", "boom");
    alice.silent().await;
    let name = r#"flowmaestro_refusals_total{reason="unregistered_execution"}"#;
    assert_eq!(server.metric(name).await, 1);
}

#[tokio::test]
async fn only_subscribers_get_an_executions_events() {
    let server = Server::start().await;
    server.register("exec_1", "alice");
    let mut idle = server.connect("alice").await;
    let mut other = server.subscribe("alice", "exec_2").await;
    let mut subscribed = server.subscribe("alice", "exec_1").await;
    let output = Json::parse("null").unwrap();
    server
        .gateway
        .emitter()
        .emit_node_completed("exec_1", "n", output, 1, None);
    assert!(
        subscribed
            .text()
            .await
            .starts_with(r#"{"type":"node:completed""#)
    );
    idle.silent().await;
    other.silent().await;
}

#[tokio::test]
async fn no_entry_is_left_after_the_last_disconnect() {
    let server = Server::start().await;
    let clients = [
        server.subscribe("alice", "exec_1").await,
        server.subscribe("bob", "exec_2").await,
    ];
    drop(clients);
    let manager = server.gateway.manager();
    until(|| manager.connection_count() == 0).await;
    for (user, execution) in [("alice", "exec_1"), ("bob", "exec_2")] {
        assert_eq!(manager.user_connection_count(user), 0);
        assert_eq!(manager.execution_subscriber_count(execution), 0);
    }
    for gauge in ["flowmaestro_connections", "flowmaestro_subscriptions"] {
        assert_eq!(server.metric(gauge).await, 0);
    }
}
