//! What one client may take, and what happens beyond.

use std::time::{Duration, Instant};

use flowmaestro_gateway::Limits;
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Client, Server, until, within};

/// A message that is always answered.
const UNSUBSCRIBE: &str = r#"{"type":"unsubscribe","executionId":"exec_1"}"#;
const UNSUBSCRIBED: &str = r#"{"type":"unsubscribed","executionId":"exec_1"}"#;

fn refusals(reason: &str) -> String {
    format!(r#"flowmaestro_refusals_total{{reason="{reason}"}}"#)
}

/// A user's socket, whether the gateway wants one more or not.
async fn open(server: &Server, user_id: &str) -> Client {
    let authorization = format!("Bearer {}", server.token(user_id));
    let headers = [("authorization", authorization.as_str())];
    server.open("/ws", &headers).await.unwrap()
}

#[tokio::test]
async fn a_user_has_so_many_connections() {
    let server = Server::with_limits(Limits {
        max_user_connections: 2,
        ..Limits::default()
    })
    .await;
    let first = server.connect("alice").await;
    let mut second = server.connect("alice").await;
    let mut third = open(&server, "alice").await;
    assert_eq!(third.closed().await, (1013, "Too many connections".into()));
    server.connect("bob").await;
    second.silent().await;
    let refused = server.metric(&refusals("too_many_user_connections")).await;
    assert_eq!(refused, 1);

    drop(first);
    let manager = server.gateway.manager();
    until(|| manager.user_connection_count("alice") == 1).await;
    server.connect("alice").await;
}

#[tokio::test]
async fn all_users_together_have_so_many_connections() {
    let server = Server::with_limits(Limits {
        max_connections: 2,
        ..Limits::default()
    })
    .await;
    let _alice = server.connect("alice").await;
    let _bob = server.connect("bob").await;
    let mut carol = open(&server, "carol").await;
    assert_eq!(carol.closed().await, (1013, "Too many connections".into()));
    assert_eq!(server.metric(&refusals("too_many_connections")).await, 1);
}

/// Twice as much as may come at once: what comes faster waits, and none of it is lost.
#[tokio::test]
async fn messages_that_come_too_fast_wait() {
    let server = Server::start().await;
    let mut client = server.connect("alice").await;
    let begin = Instant::now();
    for _ in 0..200 {
        client.send(UNSUBSCRIBE).await;
    }
    for _ in 0..200 {
        assert_eq!(client.text().await, UNSUBSCRIBED);
    }
    // A hundred at fifty a second, less what a clock in milliseconds may lose.
    let took = begin.elapsed();
    assert!(took >= Duration::from_millis(1_900), "{took:?}");
}

/// It takes the ten seconds for which the gateway is patient.
#[tokio::test]
async fn a_flood_closes_with_1013() {
    let server = Server::with_limits(Limits {
        message_burst: 1,
        ..Limits::default()
    })
    .await;
    let mut client = server.connect("alice").await;
    client.hello().await;
    for _ in 0..700 {
        client.send(UNSUBSCRIBE).await;
    }
    let (mut texts, code) = client.all_until_closed().await;
    assert_eq!(code, 1013);
    let error = texts.pop().unwrap();
    assert!(error.contains(r#""code":"rate_limited""#), "{error}");
    assert!((499..=520).contains(&texts.len()), "{}", texts.len());
    assert_eq!(server.metric(&refusals("too_many_messages")).await, 1);
}

#[tokio::test]
async fn each_kind_of_refusal_is_counted_from_the_start() {
    let server = Server::start().await;
    let metrics = reqwest::get(server.url("/metrics")).await.unwrap();
    let metrics = metrics.text().await.unwrap();
    for reason in [
        "origin",
        "service_token",
        "header_timeout",
        "too_many_tickets",
        "too_many_connections",
        "too_many_user_connections",
        "too_many_subscriptions",
        "too_many_messages",
        "too_many_invalid_messages",
        "too_many_replays",
        "too_large",
        "invalid_message",
        "forbidden",
        "unregistered_execution",
    ] {
        let line = format!("{} 0\n", refusals(reason));
        assert!(metrics.contains(&line), "{reason} in {metrics}");
    }
}

#[tokio::test]
async fn messages_over_64_kib_close_with_1009() {
    let server = Server::start().await;
    let mut client = server.connect("alice").await;
    client.hello().await;
    client.send(&"x".repeat(64 * 1024)).await;
    let largest = client.text().await;
    assert!(
        largest.contains(r#""code":"invalid_message""#),
        "read, but not understood: {largest}"
    );

    client.send(&"x".repeat(64 * 1024 + 1)).await;
    let error =
        r#"{"type":"error","code":"too_large","message":"The message is larger than 65536 bytes"}"#;
    assert_eq!(client.text().await, error);
    assert_eq!(client.closed().await, (1009, "Message too large".into()));
}

#[tokio::test]
async fn binary_messages_over_64_kib_close_with_1009() {
    let server = Server::start().await;
    let mut client = server.connect("alice").await;
    client.send_message(vec![0; 64 * 1024 + 1].into()).await;
    assert_eq!(client.closed().await, (1009, "Message too large".into()));
}

/// Past this the library gives up before it has read the message.
#[tokio::test]
async fn huge_messages_close_with_1009_while_they_are_being_sent() {
    let server = Server::start().await;
    let client = server.connect("alice").await;
    let (mut sink, mut stream) = client.into_socket().split();
    let sending = async move {
        // Whether it gets through is the kernel's matter.
        let _ = sink.send(Message::text("x".repeat(10 * 1024 * 1024))).await;
    };
    let (_, message) = within(async { tokio::join!(sending, stream.next()) }).await;
    let Some(Ok(Message::Close(Some(frame)))) = message else {
        panic!("expected a closing frame, got {message:?}");
    };
    assert_eq!(u16::from(frame.code), 1009);
    let manager = server.gateway.manager();
    until(|| manager.connection_count() == 0).await;
}

#[tokio::test]
async fn text_that_is_not_utf8_closes_with_1007() {
    use tokio_tungstenite::tungstenite::protocol::frame::Frame;
    use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

    let server = Server::start().await;
    let mut client = server.connect("alice").await;
    let frame = Frame::message(vec![0xff, 0xfe], OpCode::Data(Data::Text), true);
    client.send_message(Message::Frame(frame)).await;
    assert_eq!(client.closed().await.0, 1007);
}

#[tokio::test]
async fn subscriptions_are_bounded() {
    let server = Server::start().await;
    let mut client = server.connect("alice").await;
    for number in 0..128 {
        server.register(&format!("exec_{number}"), "alice");
        client.subscribe(&format!("exec_{number}")).await;
    }
    server.register("one_more", "alice");
    let subscribe = r#"{"type":"subscribe","executionId":"one_more"}"#;
    client.send(subscribe).await;
    client.silent().await;
    client.hello().await;
    client.send(subscribe).await;
    let error = client.text().await;
    assert!(
        error.starts_with(r#"{"type":"error","code":"too_many_subscriptions""#),
        "{error}"
    );
    assert!(error.ends_with(r#""executionId":"one_more"}"#), "{error}");

    client.subscribe("exec_0").await;
    client
        .send(r#"{"type":"unsubscribe","executionId":"exec_0"}"#)
        .await;
    assert_eq!(
        client.text().await,
        r#"{"type":"unsubscribed","executionId":"exec_0"}"#
    );
    client.subscribe("one_more").await;
    assert_eq!(server.metric("flowmaestro_subscriptions").await, 128);
}

#[tokio::test]
async fn a_hundred_invalid_messages_close_with_1008() {
    let server = Server::start().await;
    let mut client = server.connect("alice").await;
    for _ in 0..99 {
        client.send("nonsense").await;
    }
    client.silent().await;
    client.send("nonsense").await;
    assert_eq!(
        client.closed().await,
        (1008, "Too many invalid messages".into())
    );
}

#[tokio::test]
async fn a_hundred_invalid_messages_are_each_answered_after_hello() {
    let server = Server::start().await;
    let mut client = server.connect("alice").await;
    client.hello().await;
    for _ in 0..100 {
        client.send("nonsense").await;
    }
    let (texts, code) = client.all_until_closed().await;
    assert_eq!((texts.len(), code), (100, 1008));
    assert!(texts.iter().all(|text| text == &texts[0]));
}

/// Emits until the reader's queue has overflowed, and returns how many events that took.
async fn overflow(server: &Server) -> u64 {
    let chunk = "x".repeat(32 * 1024);
    // Far more than the kernel buffers on the way.
    for emitted in 1..4_000 {
        server
            .gateway
            .emitter()
            .emit_node_stream("exec_1", &emitted.to_string(), &chunk);
        tokio::task::yield_now().await;
        if emitted % 10 == 0
            && server
                .metric("flowmaestro_slow_consumers_closed_total")
                .await
                == 1
        {
            return emitted;
        }
    }
    panic!("the queue took 128 MB");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_is_closed_with_4408_after_what_was_sent_in_order() {
    let server = Server::start().await;
    let mut slow = server.subscribe("alice", "exec_1").await;
    let emitted = overflow(&server).await;
    let (texts, code) = slow.all_until_closed().await;
    assert_eq!(code, 4408);
    assert!(
        (texts.len() as u64) < emitted,
        "what waited in the queue is gone"
    );
    for (index, text) in texts.iter().enumerate() {
        let node = format!(r#""nodeId":"{}""#, index + 1);
        assert!(text.contains(&node), "no gap before the end: {node}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_harms_no_other() {
    let server = Server::start().await;
    let _slow = server.subscribe("alice", "exec_1").await;
    let mut fast = server.subscribe("alice", "exec_1").await;
    let chunk = "x".repeat(32 * 1024);
    let mut number = 0;
    while server
        .metric("flowmaestro_slow_consumers_closed_total")
        .await
        == 0
    {
        for _ in 0..10 {
            number += 1;
            server
                .gateway
                .emitter()
                .emit_node_stream("exec_1", &number.to_string(), &chunk);
            let node = format!(r#""nodeId":"{number}""#);
            assert!(fast.text().await.contains(&node), "{node}");
        }
        assert!(number < 4_000, "the queue took 128 MB");
    }
    fast.silent().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_never_reads_again_is_cut() {
    let server = Server::start().await;
    let _slow = server.subscribe("alice", "exec_1").await;
    overflow(&server).await;
    let manager = server.gateway.manager();
    until(|| manager.connection_count() == 0).await;
}

/// On the test's single thread the socket's task cannot run between the events.
async fn assert_closed_by_the_third_event(limits: Limits) {
    let server = Server::with_limits(limits).await;
    let mut client = server.subscribe("alice", "exec_1").await;
    let chunk = "x".repeat(1_000);
    let emit = || {
        let emitter = server.gateway.emitter();
        emitter.emit_node_stream("exec_1", "n", &chunk);
    };
    emit();
    emit();
    assert_eq!(client.all_until_now().await.len(), 2);
    emit();
    emit();
    emit();
    assert_eq!(client.closed().await, (4408, "Too slow".into()));
}

#[tokio::test]
async fn the_queue_is_configurable_in_frames() {
    assert_closed_by_the_third_event(Limits {
        queue_frames: 2,
        ..Limits::default()
    })
    .await;
}

#[tokio::test]
async fn the_queue_is_configurable_in_bytes() {
    assert_closed_by_the_third_event(Limits {
        queue_bytes: 3_000,
        ..Limits::default()
    })
    .await;
}

#[tokio::test]
async fn an_ended_execution_is_forgotten_after_the_configured_time() {
    let limits = Limits {
        execution_retention_secs: 0,
        ..Limits::default()
    };
    let server = Server::with_limits(limits).await;
    let mut client = server.subscribe("alice", "exec_1").await;
    server
        .gateway
        .emitter()
        .emit_execution_failed("exec_1", "boom", None);
    assert!(client.text().await.contains("execution:failed"));
    until(|| server.gateway.executions().owner("exec_1").is_none()).await;
}
