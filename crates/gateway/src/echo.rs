//! A server that sends back what it gets, as the Autobahn test suite expects of one, on sockets that
//! are set up, read and closed like the gateway's. No part of the API.

use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::get;
use flowmaestro_hub::Close;

use crate::connection::{Fault, LINGER, close_frame, fault};
use crate::routes::ws::set_up;

/// The suite's largest messages have 16 MiB.
const MAX_BYTES: usize = 16 * 1024 * 1024;

const TOO_LARGE: Close = Close {
    code: 1009,
    reason: "Message too large",
    discard: false,
};

/// The route `/ws`.
pub fn router() -> Router {
    Router::new().route("/ws", get(upgrade))
}

async fn upgrade(upgrade: WebSocketUpgrade) -> Response {
    set_up(upgrade, MAX_BYTES).on_upgrade(echo)
}

async fn echo(mut socket: WebSocket) {
    while let Some(message) = socket.recv().await {
        let sent = match message {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => socket.send(message).await,
            // What these need is done by the library.
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_)) => Ok(()),
            Err(error) => return end(socket, fault(&error)).await,
        };
        if sent.is_err() {
            return;
        }
    }
}

async fn end(mut socket: WebSocket, fault: Fault) {
    let close = match fault {
        Fault::Gone => return,
        Fault::TooLarge => TOO_LARGE,
        Fault::Broken(close) => close,
    };
    // The peer may be gone by now.
    let _ = socket.send(close_frame(close)).await;
    tokio::time::sleep(LINGER).await;
}
