//! The task of one socket: messages in, frames out, and how it ends.

use std::error::Error as _;
use std::time::Duration;

use axum::extract::ws::{self, Message, Utf8Bytes, WebSocket};
use flowmaestro_hub::Close;
use flowmaestro_protocol::{Secret, UserInputResponse, close_code};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::Notify;

use crate::auth::{AuthError, Claims};
use crate::gateway::Gateway;
use crate::manager::{Readiness, Registration, Request, SIGNED_OUT};
use crate::metrics::Metrics;
use crate::outbox::Next;

/// How long a peer has to read its last frames and to answer the closing frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a socket stays open after a frame that cannot be read past. To cut it at once would
/// reset the connection, and the peer might never see why.
pub(crate) const LINGER: Duration = Duration::from_millis(500);

/// So many frames, or bytes, are written before the hub is told, unless none waits.
const REPORTED_FRAMES: usize = 64;
const REPORTED_BYTES: usize = 64 * 1024;

/// RFC 6455 section 7.4.1.
const PROTOCOL_ERROR: Close = Close {
    code: 1002,
    reason: "Protocol error",
    discard: false,
};
const NOT_UTF8: Close = Close {
    code: 1007,
    reason: "Text is not UTF-8",
    discard: false,
};

/// Closes a socket whose token was refused.
pub(crate) async fn refuse(mut socket: WebSocket, error: AuthError) {
    let close = Close {
        code: close_code::POLICY,
        reason: error.close_reason(),
        discard: true,
    };
    let closed = async {
        if socket.send(close_frame(close)).await.is_ok() {
            while let Some(Ok(_)) = socket.recv().await {}
        }
    };
    // In vain or not, the socket is dropped.
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, closed).await;
}

/// Serves a user's socket until it ends.
pub(crate) async fn run(socket: WebSocket, gateway: Gateway, claims: Claims) {
    let registration = gateway.shared_manager().connect(claims.identity());
    let uuid = registration.uuid();
    if gateway.logs_connection() {
        tracing::info!(connection = %uuid, user = ?claims.user_id, "connected");
    }
    // The user may have been disconnected since the token was looked at.
    if let Err(error) = gateway.check_revoked(claims) {
        gateway.token_refused(error);
        registration.close(SIGNED_OUT);
    }

    let connection = Connection {
        gateway: &gateway,
        registration: &registration,
        written: Notify::new(),
    };
    let (sink, stream) = socket.split();
    let (reader, writer) = (connection.read(stream), connection.write(sink));
    tokio::pin!(reader, writer);
    tokio::select! {
        ended = &mut reader => if ended == Ended::Unreadable {
            writer.await;
            tokio::time::sleep(LINGER).await;
        },
        // The closing frame is out: read on until the peer has answered it.
        () = &mut writer => drop(tokio::time::timeout(CLOSE_TIMEOUT, reader).await),
    }
    if gateway.logs_connection() {
        tracing::info!(connection = %uuid, "disconnected");
    }
}

struct Connection<'a> {
    gateway: &'a Gateway,
    registration: &'a Registration,
    /// The writer has made room in the queue.
    written: Notify,
}

/// Why there is nothing more to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// The peer is gone.
    Gone,
    /// The peer broke the framing: the connection is being closed.
    Unreadable,
}

/// What a frame that cannot be read says of its peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is gone.
    Gone,
    /// It sends more than the library takes.
    TooLarge,
    /// It broke the framing; this is the answer.
    Broken(Close),
}

impl Connection<'_> {
    /// Writes frames until the closing frame is out, the peer is gone, or the peer has not taken
    /// its last frames in time.
    async fn write(&self, sink: SplitSink<WebSocket, Message>) {
        let deadline = async {
            self.registration.outbox().closing().await;
            tokio::time::sleep(CLOSE_TIMEOUT).await;
        };
        tokio::select! {
            result = self.write_all(sink) => if let Err(error) = result {
                tracing::debug!(%error, "the peer is gone");
            },
            () = deadline => tracing::debug!("the peer does not read its last frames"),
        }
    }

    async fn write_all(&self, mut sink: SplitSink<WebSocket, Message>) -> Result<(), axum::Error> {
        let outbox = self.registration.outbox();
        let metrics: &Metrics = self.gateway.metrics();
        let (mut frames, mut bytes) = (0, 0);
        loop {
            match outbox.next().await {
                Next::Send(frame) => {
                    let (message, length) = frame.message();
                    sink.feed(message).await?;
                    metrics.delivered(length);
                    frames += 1;
                    bytes += length;
                }
                Next::Close(close) => {
                    self.log_closing(close);
                    return sink.send(close_frame(close)).await;
                }
            }
            let is_idle = outbox.is_empty();
            if is_idle {
                sink.flush().await?;
            }
            if is_idle || frames >= REPORTED_FRAMES || bytes >= REPORTED_BYTES {
                self.registration.written(frames);
                self.written.notify_one();
                (frames, bytes) = (0, 0);
            }
        }
    }

    fn log_closing(&self, close: Close) {
        if self.gateway.logs_connection() {
            let connection = self.registration.uuid();
            tracing::info!(%connection, code = close.code, reason = close.reason, "closing");
        }
    }

    /// Reads messages until nothing more can be read.
    async fn read(&self, mut stream: SplitStream<WebSocket>) -> Ended {
        while let Some(message) = stream.next().await {
            match message {
                Ok(message) => self.on_message(message).await,
                Err(error) => return self.on_error(&error),
            }
        }
        Ended::Gone
    }

    /// Takes a message, and waits until the next one may come: a burst of questions is slowed down,
    /// not punished.
    async fn on_message(&self, message: Message) {
        match message {
            Message::Text(text) => {
                for request in self.registration.receive(&text) {
                    self.answer(request);
                }
            }
            Message::Binary(bytes) => self.registration.receive_binary(bytes.len()),
            // Pings are answered by the library.
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => return,
        }
        tokio::select! {
            () = self.ready() => {}
            () = self.registration.outbox().closing() => {}
        }
    }

    /// Waits until the client may send again, and there is room in the queue for the answer.
    async fn ready(&self) {
        loop {
            match self.registration.readiness() {
                Readiness::Ready => return,
                Readiness::Early(pause) => tokio::time::sleep(pause).await,
                Readiness::Crowded => self.written.notified().await,
            }
        }
    }

    fn answer(&self, request: Request) {
        match request {
            Request::VerifyToken(token) => self.verify(&token),
            Request::UserInput { user_id, response } => self.hand_on(&user_id, *response),
        }
    }

    fn verify(&self, token: &Secret) {
        let claims = self.gateway.authenticate(token.expose());
        let claims = claims.inspect_err(|error| self.gateway.token_refused(*error));
        let identity = claims.as_ref().ok().map(Claims::identity);
        self.registration.token_verified(identity);
    }

    fn hand_on(&self, user_id: &str, response: UserInputResponse) {
        if let Err(error) = self.gateway.emitter().emit_to_user(user_id, response) {
            tracing::error!(%error, "an answer could not be emitted");
        }
    }

    fn on_error(&self, error: &axum::Error) -> Ended {
        match fault(error) {
            Fault::Gone => return Ended::Gone,
            // Whatever it was, it was too large.
            Fault::TooLarge => self.registration.receive_binary(usize::MAX),
            Fault::Broken(close) => self.registration.close(close),
        }
        Ended::Unreadable
    }
}

/// Why a frame could not be read.
pub(crate) fn fault(error: &axum::Error) -> Fault {
    use tungstenite::error::ProtocolError::ResetWithoutClosingHandshake;

    let source = error.source();
    match source.and_then(|source| source.downcast_ref::<tungstenite::Error>()) {
        Some(tungstenite::Error::Capacity(_)) => Fault::TooLarge,
        Some(tungstenite::Error::Utf8(_)) => Fault::Broken(NOT_UTF8),
        Some(tungstenite::Error::Protocol(ResetWithoutClosingHandshake)) => Fault::Gone,
        Some(tungstenite::Error::Protocol(_)) => Fault::Broken(PROTOCOL_ERROR),
        _ => Fault::Gone,
    }
}

pub(crate) fn close_frame(close: Close) -> Message {
    let reason = Utf8Bytes::from(close.reason);
    Message::Close(Some(ws::CloseFrame {
        code: close.code,
        reason,
    }))
}
