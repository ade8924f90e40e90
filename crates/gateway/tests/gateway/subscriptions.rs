//! The welcome, subscribing and unsubscribing, byte for byte.

use flowmaestro_gateway::Limits;

use crate::support::Server;

#[tokio::test]
async fn the_welcome_carries_a_new_uuid_v4() {
    let server = Server::start().await;
    let first = server.connect("alice").await.connection_id;
    let second = server.connect("alice").await.connection_id;
    assert_ne!(first, second);
    for id in [first, second] {
        assert_eq!(
            uuid::Uuid::try_parse(&id).unwrap().get_version_num(),
            4,
            "{id}"
        );
    }
}

#[tokio::test]
async fn subscribing_and_unsubscribing_are_acknowledged() {
    let server = Server::start().await;
    let mut client = server.subscribe("alice", "exec_abc123").await;
    assert_eq!(
        server
            .gateway
            .manager()
            .execution_subscriber_count("exec_abc123"),
        1
    );

    // Once more: acknowledged alike, and counted once.
    client.subscribe("exec_abc123").await;
    assert_eq!(
        server
            .gateway
            .manager()
            .execution_subscriber_count("exec_abc123"),
        1
    );
    assert_eq!(server.metric("flowmaestro_subscriptions").await, 1);

    for _ in 0..2 {
        client
            .send(r#"{"type":"unsubscribe","executionId":"exec_abc123"}"#)
            .await;
        let acknowledged = r#"{"type":"unsubscribed","executionId":"exec_abc123"}"#;
        assert_eq!(client.text().await, acknowledged);
        assert_eq!(
            server
                .gateway
                .manager()
                .execution_subscriber_count("exec_abc123"),
            0
        );
    }
    server
        .gateway
        .emitter()
        .emit_node_stream("exec_abc123", "n", "late");
    client.silent().await;
}

#[tokio::test]
async fn a_subscription_ends_with_its_connection() {
    let server = Server::start().await;
    let client = server.subscribe("alice", "exec_1").await;
    let mut other = server.subscribe("alice", "exec_1").await;
    assert_eq!(server.metric("flowmaestro_connections").await, 2);
    drop(client);
    let manager = server.gateway.manager();
    crate::support::until(|| manager.connection_count() == 1).await;
    assert_eq!(manager.execution_subscriber_count("exec_1"), 1);
    assert_eq!(manager.user_connection_count("alice"), 1);
    assert_eq!(server.metric("flowmaestro_subscriptions").await, 1);
    server
        .gateway
        .emitter()
        .emit_node_stream("exec_1", "n", "x");
    assert_eq!(other.all_until_now().await.len(), 1);
}

#[tokio::test]
async fn a_burst_of_more_subscriptions_than_the_queue_holds_is_answered_in_order() {
    let limits = Limits {
        queue_frames: 16,
        ..Limits::default()
    };
    let server = Server::with_limits(limits).await;
    let mut client = server.connect("alice").await;
    for number in 0..limits.max_subscriptions {
        server.register(&format!("exec_{number}"), "alice");
        client
            .send(&format!(
                r#"{{"type":"subscribe","executionId":"exec_{number}"}}"#
            ))
            .await;
    }
    let expected: Vec<_> = (0..limits.max_subscriptions)
        .map(|number| format!(r#"{{"type":"subscribed","executionId":"exec_{number}"}}"#))
        .collect();
    assert_eq!(client.all_until_now().await, expected);
}

#[tokio::test]
async fn invalid_messages_are_ignored_without_hello() {
    let server = Server::start().await;
    let mut client = server.connect("alice").await;
    let long_id = "x".repeat(129);
    for text in [
        "",
        "not json",
        "[]",
        "null",
        "{}",
        r#"{"type":7}"#,
        r#"{"type":"nonsense"}"#,
        r#"{"type":"subscribe"}"#,
        r#"{"type":"subscribe","executionId":7}"#,
        r#"{"type":"subscribe","executionId":""}"#,
        &format!(r#"{{"type":"subscribe","executionId":"{long_id}"}}"#),
        r#"{"type":"user:input:response","executionId":"e"}"#,
        r#"{"type":"execution:started","executionId":"e"}"#,
    ] {
        client.send(text).await;
    }
    client.send_message(vec![0, 1, 2].into()).await;
    client.silent().await;
    let refused = server
        .metric(r#"flowmaestro_refusals_total{reason="invalid_message"}"#)
        .await;
    assert_eq!(refused, 14);
}

#[tokio::test]
async fn invalid_messages_are_named_after_hello() {
    let server = Server::start().await;
    let mut client = server.connect("alice").await;
    client.hello().await;
    client.send(r#"{"type":"subscribe","executionId":7}"#).await;
    assert_eq!(
        client.text().await,
        r#"{"type":"error","code":"invalid_message","message":"subscribe.executionId: expected string, found number"}"#
    );
    client.send_message(vec![0, 1, 2].into()).await;
    assert_eq!(
        client.text().await,
        r#"{"type":"error","code":"invalid_message","message":"messages are text frames"}"#
    );
    client.silent().await;
}
