//! Large frames travel as gzip to those who negotiated it.

use std::io::Read;

use flate2::read::GzDecoder;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Client, Server};

async fn subscribed(server: &Server, features: &[&str]) -> Client {
    let mut client = server.connect_with("alice", features).await;
    client
        .send(r#"{"type":"subscribe","executionId":"exec_1"}"#)
        .await;
    assert!(client.text().await.starts_with(r#"{"type":"subscribed""#));
    client
}

fn inflate(message: Message) -> String {
    let Message::Binary(bytes) = message else {
        panic!("expected a binary frame, got {message:?}");
    };
    let mut text = String::new();
    GzDecoder::new(&bytes[..])
        .read_to_string(&mut text)
        .unwrap();
    text
}

#[tokio::test]
async fn a_large_event_is_compressed_for_those_who_can_read_it() {
    let server = Server::start().await;
    server.register("exec_1", "alice");
    let mut plain = subscribed(&server, &["replay"]).await;
    let mut compressed = [
        subscribed(&server, &["replay", "gzip"]).await,
        subscribed(&server, &["replay", "gzip"]).await,
    ];
    let emitter = server.gateway.emitter();
    emitter.emit_node_stream("exec_1", "n", &"Grüße ".repeat(10_000));
    emitter.emit_node_stream("exec_1", "n", "small");
    let (large, small) = (plain.text().await, plain.text().await);
    let before = server.metric("flowmaestro_delivered_bytes_total").await;
    assert!(large.len() > 60_000);
    for client in &mut compressed {
        assert_eq!(inflate(client.message().await), large);
        assert_eq!(client.text().await, small);
    }
    assert!(
        before < 2 * large.len() as u64,
        "less than that was sent: {before}"
    );
}
