//! What a client sends that is absurd: it is refused frame by frame with the protocol's errors, and
//! the connection goes on.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Client, Server};

const FEATURES: &[&str] = &["replay", "ack", "gzip", "presence", "rooms", "ping", "auth"];

/// Values that are no whole number from 0 to 2^53 - 1.
const NO_INTEGERS: [&str; 9] = [
    "-1",
    "1.5",
    "9007199254740992",
    "1e308",
    "1e400",
    r#""1""#,
    "true",
    "[1]",
    "{}",
];

/// Alice, with every feature, subscribed to one of her two executions.
async fn alice(server: &Server) -> Client {
    for execution_id in ["exec_1", "exec_2"] {
        server.register(execution_id, "alice");
    }
    server.register("exec_bob", "bob");
    let mut alice = server.connect_with("alice", FEATURES).await;
    alice
        .send(r#"{"type":"subscribe","executionId":"exec_1"}"#)
        .await;
    assert_eq!(alice.json().await["type"], "subscribed");
    alice
}

/// What a frame is answered with; and that what happens next arrives.
async fn answers(server: &Server, client: &mut Client, frame: Message) -> Vec<Value> {
    client.send_message(frame).await;
    let answers = client.all_until_now().await;
    server.stream("exec_1", 0..1);
    let next = client.json().await;
    assert_eq!(
        (&next["type"], &next["chunk"]),
        (&json!("node:stream"), &json!("0"))
    );
    let parse = |text: &String| serde_json::from_str(text).unwrap();
    answers.iter().map(parse).collect()
}

/// Frames, each of which is answered with this code and nothing else.
async fn refused(code: &str, frames: impl IntoIterator<Item = String>) {
    let server = Server::start().await;
    let mut alice = alice(&server).await;
    for frame in frames {
        let answers = answers(&server, &mut alice, Message::text(&frame)).await;
        let codes: Vec<_> = answers.iter().map(|answer| &answer["code"]).collect();
        assert_eq!(codes, [code], "{frame}");
    }
}

#[tokio::test]
async fn positions_and_numbers_are_integers() {
    refused(
        "invalid_message",
        NO_INTEGERS.iter().flat_map(|value| {
            [
                format!(r#"{{"type":"subscribe","executionId":"exec_2","after":{value}}}"#),
                format!(r#"{{"type":"ping","id":{value}}}"#),
            ]
        }),
    )
    .await;
}

#[tokio::test]
async fn ids_epochs_and_tokens_are_short_strings() {
    let long = format!(r#""{}""#, "x".repeat(129));
    let values = ["7", "null", "true", "[]", "{}", r#""""#, &long];
    refused(
        "invalid_message",
        values
            .iter()
            .flat_map(|value| {
                [
                    format!(r#"{{"type":"ack","eventId":{value}}}"#),
                    format!(r#"{{"type":"replay","executionId":{value},"since":0}}"#),
                    format!(r#"{{"type":"subscribe","room":{value}}}"#),
                    format!(r#"{{"type":"unsubscribe","room":{value}}}"#),
                ]
            })
            // There may be none of these.
            .chain(values.iter().filter(|value| **value != "null").flat_map(|value| {
                [
                    format!(r#"{{"type":"subscribe","executionId":"exec_2","epoch":{value}}}"#),
                    format!(
                        r#"{{"type":"user:input:response","timestamp":1,"executionId":"exec_1","nodeId":"n","value":1,"messageId":{value}}}"#
                    ),
                ]
            }))
            .chain([format!(r#"{{"type":"auth","token":"{}"}}"#, "x".repeat(8 * 1024 + 1))]),
    )
    .await;
}

#[tokio::test]
async fn what_no_client_says_is_invalid() {
    let events = vec!["{}"; 20_000].join(",");
    refused(
        "invalid_message",
        [
            r#"{"type":"subscribe","executionId":"exec_2","presence":1}"#.to_owned(),
            r#"{"type":"replay","executionId":"exec_2","since":"then"}"#.to_owned(),
            r#"{"type":"pong","id":1,"heads":{"exec_1":9007199254740991}}"#.to_owned(),
            r#"{"type":"batch","events":[{"type":"batch","events":[]}]}"#.to_owned(),
            format!(r#"{{"type":"batch","events":[{events}]}}"#),
            "[".repeat(60_000),
        ],
    )
    .await;
}

#[tokio::test]
async fn what_is_anothers_is_forbidden() {
    refused(
        "forbidden",
        [
            r#"{"type":"subscribe","executionId":"exec_bob","presence":true}"#,
            r#"{"type":"subscribe","executionId":"exec_nobody","presence":true}"#,
            r#"{"type":"subscribe","room":"workspace:w"}"#,
            r#"{"type":"subscribe","room":"project:p"}"#,
            r#"{"type":"replay","executionId":"exec_bob","since":0}"#,
            r#"{"type":"auth","token":"nonsense"}"#,
        ]
        .map(str::to_owned),
    )
    .await;
}

/// The farthest future, and a history of somebody else's.
#[tokio::test]
async fn absurd_positions_begin_anew() {
    let server = Server::start().await;
    let mut alice = alice(&server).await;
    server.stream("exec_2", 0..1);
    for position in [
        r#""after":9007199254740991"#,
        r#""after":9007199254740991,"epoch":"another""#,
        r#""after":0,"epoch":"another""#,
    ] {
        let frame = format!(r#"{{"type":"subscribe","executionId":"exec_2",{position}}}"#);
        let answers = answers(&server, &mut alice, Message::text(frame)).await;
        assert_eq!(
            (&answers[0]["recovered"], &answers[0]["head"]),
            (&json!(false), &json!(1))
        );
        assert_eq!(answers[1]["seq"], 1, "{position}");
    }
}

#[tokio::test]
async fn acknowledgements_of_what_was_never_sent_settle_nothing() {
    let server = Server::start().await;
    let mut alice = alice(&server).await;
    let emitter = server.gateway.emitter();
    emitter.emit_user_input_required("exec_2", "n", "?", "text", None);
    for event_id in ["nobody", "0000000000000000-1", "-1", "\u{1f600}"] {
        let ack = json!({"type": "ack", "eventId": event_id}).to_string();
        assert_eq!(
            answers(&server, &mut alice, Message::text(ack)).await,
            [Value::Null; 0]
        );
    }
    let subscribe = Message::text(r#"{"type":"subscribe","executionId":"exec_2","after":1}"#);
    let answers = answers(&server, &mut alice, subscribe).await;
    assert_eq!(
        answers[1]["type"], "user:input:required",
        "it waits to be acknowledged"
    );
}

/// Nothing that a client sends is unpacked.
#[tokio::test]
async fn compressed_messages_are_none_of_the_protocol() {
    let server = Server::start().await;
    let mut alice = alice(&server).await;
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    bomb.write_all(&vec![b' '; 32 * 1024 * 1024]).unwrap();
    let bomb = bomb.finish().unwrap();
    assert!(bomb.len() < 64 * 1024, "small enough to be read");
    let answers = answers(&server, &mut alice, Message::binary(bomb)).await;
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0]["message"], "messages are text frames");
}
