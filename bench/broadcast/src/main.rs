//! What a gateway costs at least: every event to every socket with axum and a broadcast channel.
//! No tokens, no subscriptions, no history, and who reads too slowly misses events. The benchmark
//! puts the gateway beside it.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use axum::Router;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use clap::Parser;
use serde_json::value::RawValue;
use tokio::net::TcpListener;
use tokio::sync::broadcast;

/// How many events may wait for the slowest reader: as many frames as the gateway's queues hold.
const CAPACITY: usize = 10_000;

const WELCOME: &str = r#"{"type":"connected","connectionId":"c","message":"Connected"}"#;

/// The gateway's routes that the benchmark uses: /ws, POST /api/events and /health.
#[derive(Parser)]
#[command(name = "flowmaestro-bench-broadcast")]
struct Cli {
    /// Port to listen on
    #[arg(long)]
    port: u16,
}

type Events = broadcast::Sender<Utf8Bytes>;

#[tokio::main]
async fn main() -> ExitCode {
    match serve(Cli::parse().port).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("flowmaestro-bench-broadcast: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(port: u16) -> std::io::Result<()> {
    let router = Router::new()
        .route("/ws", get(upgrade))
        .route("/api/events", post(emit))
        .layer(DefaultBodyLimit::disable())
        .route("/health", get(|| async { "ok" }))
        .with_state(broadcast::channel(CAPACITY).0);
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
    let listener = listener.tap_io(|stream| {
        // As the gateway does. Where it is refused, events merely come later.
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router).await
}

async fn upgrade(State(events): State<Events>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(move |socket| forward(socket, events.subscribe()))
}

async fn forward(mut socket: WebSocket, mut events: broadcast::Receiver<Utf8Bytes>) {
    if socket.send(Message::text(WELCOME)).await.is_err() {
        return;
    }
    loop {
        tokio::select! {
            received = socket.recv() => if !matches!(received, Some(Ok(_))) { return },
            event = events.recv() => {
                let Ok(event) = event else { return };
                if socket.send(Message::Text(event)).await.is_err() { return }
            }
        }
    }
}

async fn emit(State(events): State<Events>, body: String) -> Result<StatusCode, StatusCode> {
    let items: Vec<&RawValue> = serde_json::from_str(&body).map_err(|_| StatusCode::BAD_REQUEST)?;
    for item in items {
        // It fails where nobody is connected, which is no fault.
        let _ = events.send(item.get().into());
    }
    Ok(StatusCode::ACCEPTED)
}
