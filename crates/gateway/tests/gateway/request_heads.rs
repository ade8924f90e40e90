//! How long a client may take, and how much it may write, to say what it wants.

use std::time::Duration;

use flowmaestro_gateway::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Server, within};

const TIMEOUTS: &str = r#"flowmaestro_refusals_total{reason="header_timeout"}"#;

async fn impatient() -> Server {
    Server::with_limits(Limits {
        header_timeout_secs: 1,
        ..Limits::default()
    })
    .await
}

/// Sends a head byte by byte, until the server has enough.
async fn drip(mut socket: TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    let (mut read, mut write) = socket.split();
    let dripping = async {
        let head = "GET /ws HTTP/1.1\r\nHost: gateway\r\nX-Slow: ";
        for byte in head.bytes().chain(std::iter::repeat(b'x')) {
            if write.write_all(&[byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = dripping => {}
        // It may be reset over what it did not read.
        _ = within(read.read_to_end(&mut answer)) => {}
    }
    answer
}

#[tokio::test]
async fn a_head_that_does_not_end_is_cut() {
    let server = impatient().await;
    let socket = TcpStream::connect(server.address).await.unwrap();
    let answer = String::from_utf8(drip(socket).await).unwrap();
    assert!(!answer.contains("101"), "{answer}");
    assert_eq!(server.metric(TIMEOUTS).await, 1);
}

#[tokio::test]
async fn a_head_over_32_kib_is_refused() {
    let server = Server::start().await;
    for (bytes, status) in [(30_000, Some(200)), (40_000, Some(431))] {
        let request = reqwest::Client::new().get(server.url("/health"));
        let response = within(request.header("x-large", "x".repeat(bytes)).send()).await;
        // The answer may be lost where the rest of the head was not read.
        let answered = response.ok().map(|response| response.status().as_u16());
        assert!(answered == status || bytes == 40_000 && answered.is_none());
    }
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_cut_and_a_socket_that_is_open_is_not() {
    let server = impatient().await;
    let mut alice = server.connect("alice").await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    let mut answer = Vec::new();
    within(silent.read_to_end(&mut answer)).await.unwrap();
    alice.silent().await;
}
