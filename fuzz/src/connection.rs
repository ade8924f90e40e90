//! A gateway's socket: whatever bytes a peer sends, to the router that is served to all.

use std::cell::RefCell;
use std::io::Read;
use std::time::Duration;

use flate2::read::GzDecoder;
use flowmaestro_gateway::{Config, Gateway, Owner};
use flowmaestro_protocol::{Json, ServerMessage};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use memchr::memmem;
use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio::runtime::Runtime;

const SERVICE_TOKEN: &str = "the service token of the fuzz targets, 32 bytes";
/// What nobody but Bob may see.
const SECRET_OF_BOB: &str = "jr7Xq2-a-text-that-only-bob-may-see-Vd09";
const PIPE_BYTES: usize = 64 * 1024;

/// How long the gateway may take to end a connection, in its own time, and how often to look.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(100);

/// How long the peer reads after its last byte, likewise. A burst of messages is answered slowly, and this
/// is more than as many take as fit into an input.
const READING: Duration = Duration::from_secs(600);

/// RFC 6455, section 5.2.
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
const FIN: u8 = 0x80;

thread_local! {
    /// Its clock stands still while there is something to do, and jumps to what is awaited.
    static RUNTIME: RefCell<Runtime> = RefCell::new(
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime"),
    );
}

/// Reads the bytes as a request, or as what follows one that opens a socket, and reads all that the
/// gateway says to it: it keeps to the protocol, tells nobody's secrets, and nothing stays behind.
pub fn connection(data: &[u8]) {
    RUNTIME.with_borrow(|runtime| runtime.block_on(run(data)));
}

async fn run(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else {
        return;
    };
    let gateway = gateway();
    let token = gateway
        .sign_token("alice", Duration::from_secs(3600))
        .expect("a token");
    let (request, rest) = if first == 0 {
        let length = rest.first().map_or(0, |length| usize::from(*length) * 4);
        let rest = rest.get(1..).unwrap_or_default();
        let (head, rest) = rest.split_at(length.min(rest.len()));
        (fill_in(head, &token), rest)
    } else {
        (opening(&token), rest)
    };
    let is_secret_known = contains(data, SECRET_OF_BOB);
    let is_token_used = contains(&request, &token);
    let output = talk(&gateway, &request, rest).await;
    assert!(is_secret_known || !contains(&output, SECRET_OF_BOB));
    let welcomed = check(&output);
    assert!(is_token_used || !welcomed, "welcomed without a token");
    check_is_left(&gateway).await;
}

/// Nothing is left of the connection soon after its last byte.
async fn check_is_left(gateway: &Gateway) {
    let manager = gateway.manager();
    let left = async {
        while manager.connection_count() > 0 {
            tokio::time::sleep(PAUSE).await;
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, left).await;
    assert!(in_time.is_ok(), "the connection does not end");
    assert_eq!(manager.user_connection_count("alice"), 0);
    for execution_id in ["alice_1", "bob_1"] {
        assert_eq!(manager.execution_subscriber_count(execution_id), 0);
    }
}

/// With an execution of Alice's, who connects, and one of Bob's.
fn gateway() -> Gateway {
    let gateway = Gateway::new(Config {
        dev: true,
        service_token: Some(SecretString::from(SERVICE_TOKEN)),
        ..Config::default()
    })
    .expect("a gateway");
    for (execution_id, user) in [("alice_1", "alice"), ("bob_1", "bob")] {
        gateway
            .executions()
            .register(execution_id, Owner::user(user))
            .expect("room for an execution");
    }
    gateway.emitter().emit_execution_started("alice_1", "a", 1);
    gateway
        .emitter()
        .emit_node_stream("bob_1", "n", SECRET_OF_BOB);
    gateway
}

/// A request that opens a socket for Alice.
fn opening(token: &str) -> Vec<u8> {
    format!(
        "GET /ws HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         authorization: Bearer {token}\r\n\r\n"
    )
    .into_bytes()
}

/// A request's head, with a token where the bytes say so, which they could not guess.
fn fill_in(head: &[u8], token: &str) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(head) else {
        return head.to_vec();
    };
    let filled = text.replace("{TOKEN}", token);
    filled.replace("{SERVICE}", SERVICE_TOKEN).into_bytes()
}

/// Sends the request and what follows it, then nothing more; returns all that comes back.
async fn talk(gateway: &Gateway, request: &[u8], rest: &[u8]) -> Vec<u8> {
    let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
    let service = TowerToHyperService::new(gateway.router());
    let server = http1::Builder::new()
        .serve_connection(TokioIo::new(theirs), service)
        .with_upgrades();
    let (reader, writer) = tokio::io::split(ours);
    let write = write(gateway, writer, request, rest);
    let (_, (), output) = tokio::join!(server, write, read(reader));
    output
}

/// Reads until the connection ends, or hangs up: the stream of people's answers goes on for whoever
/// reads it.
async fn read(mut reader: ReadHalf<DuplexStream>) -> Vec<u8> {
    let mut output = Vec::new();
    let ended = tokio::time::timeout(READING, reader.read_to_end(&mut output)).await;
    assert!(
        ended.is_ok() || !is_socket(&output),
        "the socket does not end"
    );
    output
}

/// Whether a request was answered by opening a socket.
fn is_socket(output: &[u8]) -> bool {
    output.starts_with(b"HTTP/1.1 101 ")
}

/// The bytes after the request come in pieces: a byte that says what a piece is, one for its length.
async fn write(
    gateway: &Gateway,
    mut writer: WriteHalf<DuplexStream>,
    request: &[u8],
    mut rest: &[u8],
) {
    let mut is_open = writer.write_all(request).await.is_ok();
    while let [kind, length, tail @ ..] = rest {
        let (piece, tail) = tail.split_at(usize::from(*length).min(tail.len()));
        rest = tail;
        let bytes = match kind % 16 {
            0..=5 => frame(FIN | TEXT, piece),
            6 => frame(TEXT, piece),
            7 => frame(FIN, piece),
            8 => frame(FIN | BINARY, piece),
            9 => frame(FIN | PING, piece),
            10 => frame(FIN | CLOSE, piece),
            11 => frame(*piece.first().unwrap_or(&0), piece),
            12 => {
                let chunk = String::from_utf8_lossy(piece).repeat(200);
                gateway.emitter().emit_node_stream("alice_1", "n", &chunk);
                tokio::task::yield_now().await;
                continue;
            }
            13 => {
                tokio::task::yield_now().await;
                continue;
            }
            _ => piece.to_vec(),
        };
        is_open = is_open && writer.write_all(&bytes).await.is_ok();
    }
    // Whoever has hung up hears no good-bye.
    let _ = writer.shutdown().await;
}

/// A frame as clients send them: with a mask, here of zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).expect("a short piece");
    let mut frame = vec![first];
    match length {
        0..126 => frame.push(0x80 | length),
        _ => frame.extend([0x80 | 126, 0, length]),
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// Reads what the gateway said; returns whether it let somebody in.
fn check(output: &[u8]) -> bool {
    let Some(end) = memmem::find(output, b"\r\n\r\n") else {
        assert!(output.is_empty(), "half an answer");
        return false;
    };
    assert!(output.starts_with(b"HTTP/1."), "no answer of HTTP");
    is_socket(output) && check_frames(&output[end + 4..])
}

fn check_frames(mut bytes: &[u8]) -> bool {
    let mut texts = Vec::new();
    let mut is_closed = false;
    while let Some((first, payload, rest)) = take_frame(bytes) {
        assert!(!is_closed, "a frame after the last");
        match first ^ FIN {
            TEXT => texts.push(String::from_utf8(payload.to_vec()).expect("UTF-8")),
            BINARY => texts.push(inflate(payload)),
            CLOSE => {
                is_closed = true;
                check_close(payload);
            }
            PING | PONG => {}
            other => panic!("opcode {other}"),
        }
        bytes = rest;
    }
    // A peer that hangs up without a closing frame is left in the middle of what it was being sent.
    assert!(bytes.is_empty() || !is_closed, "half a frame");
    let welcomed = texts
        .first()
        .is_some_and(|text| text.starts_with(r#"{"type":"connected""#));
    assert_eq!(welcomed, !texts.is_empty(), "the welcome comes first");
    texts.iter().for_each(|text| check_text(text));
    welcomed
}

/// The first byte of the next frame, its payload, and what follows it.
fn take_frame(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let [first, length, rest @ ..] = bytes else {
        return None;
    };
    let (length, rest) = match length {
        126 => {
            let (length, rest) = rest.split_first_chunk()?;
            (u64::from(u16::from_be_bytes(*length)), rest)
        }
        127 => {
            let (length, rest) = rest.split_first_chunk()?;
            (u64::from_be_bytes(*length), rest)
        }
        length => (u64::from(*length), rest),
    };
    let (payload, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    Some((*first, payload, rest))
}

fn inflate(payload: &[u8]) -> String {
    let mut text = String::new();
    let mut gzip = GzDecoder::new(payload);
    gzip.read_to_string(&mut text).expect("the gzip of a text");
    text
}

/// RFC 6455, section 5.5.1, with the codes that a gateway has.
fn check_close(payload: &[u8]) {
    let Some((code, reason)) = payload.split_first_chunk() else {
        assert!(payload.is_empty(), "half a code");
        return;
    };
    assert!(std::str::from_utf8(reason).is_ok());
    assert!(payload.len() <= 125);
    let code = u16::from_be_bytes(*code);
    // What the peer closes with is answered alike.
    assert!((1000..5000).contains(&code), "close code {code}");
}

fn check_text(text: &str) {
    assert!(Json::parse(text).is_ok(), "{text}");
    match ServerMessage::decode(text) {
        Ok(ServerMessage::Unknown(_)) => assert!(text.starts_with(r#"{"type":"batch""#), "{text}"),
        message => assert!(message.is_ok(), "{text}"),
    }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    memmem::find(bytes, text.as_bytes()).is_some()
}
