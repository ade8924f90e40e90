//! The task of one socket: messages in, frames out, and how it ends.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::error::Error as _;
use std::time::{Duration, Instant};

use axum::extract::ws::{self, Message, Utf8Bytes, WebSocket};
use flowmaestro_protocol::{
    ClientMessage, ErrorCode, Json, ServerError, ServerMessage, UserInputResponse, close_code,
};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};

use crate::auth::{AuthError, Claims};
use crate::gateway::Gateway;
use crate::manager::{Registration, Subscribed};
use crate::metrics::{Metrics, Refusal};
use crate::outbox::{Close, Next, Outbox};

/// How long a peer has to read its last frames and to answer the closing frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a socket stays open after a frame that cannot be read past. To cut it at once would
/// reset the connection, and the peer might never see why.
const LINGER: Duration = Duration::from_secs(1);

/// How often the wall clock is compared with the end of the token. A timer alone would be late
/// after the machine slept.
const EXPIRY_CHECK: Duration = Duration::from_secs(30);

/// This many invalid messages within this time close the connection.
const MAX_INVALID: usize = 100;
const INVALID_WINDOW: Duration = Duration::from_secs(10);

const TOO_LARGE: Close = Close {
    code: close_code::TOO_LARGE,
    reason: "Message too large",
};
const TOO_MANY_INVALID: Close = Close {
    code: close_code::POLICY,
    reason: "Too many invalid messages",
};
const TOKEN_EXPIRED: Close = Close {
    code: close_code::TOKEN_EXPIRED,
    reason: "Token expired",
};
const RESTART: Close = Close {
    code: close_code::RESTART,
    reason: "Service restart",
};
/// RFC 6455 section 7.4.1.
const PROTOCOL_ERROR: Close = Close {
    code: 1002,
    reason: "Protocol error",
};
const NOT_UTF8: Close = Close {
    code: 1007,
    reason: "Text is not UTF-8",
};

/// Closes a socket whose token was refused.
pub(crate) async fn refuse(mut socket: WebSocket, error: AuthError) {
    let close = Close {
        code: close_code::POLICY,
        reason: error.close_reason(),
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
    let registration = gateway.shared_manager().connect(&claims.user_id);
    let outbox = registration.outbox();
    tracing::info!(connection = %registration.id(), user = ?claims.user_id, "connected");

    let (sink, stream) = socket.split();
    let reader = Reader::new(&gateway, &claims, &registration).read(stream);
    let writer = write(sink, outbox, gateway.metrics());
    tokio::pin!(reader, writer);
    tokio::select! {
        ended = &mut reader => if let Some(close) = ended {
            outbox.finish(close);
            writer.await;
            tokio::time::sleep(LINGER).await;
        },
        // The closing frame is out: read on until the peer has answered it.
        () = &mut writer => drop(tokio::time::timeout(CLOSE_TIMEOUT, reader).await),
        never = watch(outbox, &gateway, &claims) => match never {},
    }
    tracing::info!(connection = %registration.id(), "disconnected");
}

/// Closes the connection when its token expires and when the gateway shuts down.
async fn watch(outbox: &Outbox, gateway: &Gateway, claims: &Claims) -> Infallible {
    tokio::select! {
        () = expiry(claims) => outbox.abort(TOKEN_EXPIRED),
        () = gateway.shutdown().cancelled() => outbox.finish(RESTART),
    }
    std::future::pending().await
}

async fn expiry(claims: &Claims) {
    loop {
        let remaining = claims.remaining();
        if remaining.is_zero() {
            return;
        }
        tokio::time::sleep(remaining.min(EXPIRY_CHECK)).await;
    }
}

/// Writes frames until the closing frame is out, the peer is gone, or the peer has not taken its
/// last frames in time.
async fn write(sink: SplitSink<WebSocket, Message>, outbox: &Outbox, metrics: &Metrics) {
    let deadline = async {
        outbox.closing().await;
        tokio::time::sleep(CLOSE_TIMEOUT).await;
    };
    tokio::select! {
        result = write_all(sink, outbox, metrics) => if let Err(error) = result {
            tracing::debug!(%error, "the peer is gone");
        },
        () = deadline => tracing::debug!("the peer does not read its last frames"),
    }
}

async fn write_all(
    mut sink: SplitSink<WebSocket, Message>,
    outbox: &Outbox,
    metrics: &Metrics,
) -> Result<(), axum::Error> {
    loop {
        match outbox.next().await {
            Next::Send(frame) => {
                let bytes = frame.len();
                sink.feed(Message::Text(frame)).await?;
                metrics.delivered(bytes);
            }
            Next::Close(close) => return sink.send(close_frame(close)).await,
        }
        if outbox.is_empty() {
            sink.flush().await?;
        }
    }
}

fn close_frame(close: Close) -> Message {
    let reason = Utf8Bytes::from(close.reason);
    Message::Close(Some(ws::CloseFrame {
        code: close.code,
        reason,
    }))
}

/// Reads one connection's messages and acts on them.
struct Reader<'a> {
    gateway: &'a Gateway,
    claims: &'a Claims,
    registration: &'a Registration,
    /// Whether the client understands `error` frames: it said hello.
    wants_errors: bool,
    invalid: InvalidMessages,
}

impl<'a> Reader<'a> {
    fn new(gateway: &'a Gateway, claims: &'a Claims, registration: &'a Registration) -> Self {
        let invalid = InvalidMessages::default();
        Self {
            gateway,
            claims,
            registration,
            wants_errors: false,
            invalid,
        }
    }

    /// Reads until the peer is gone, or until it broke the framing: then nothing more can be read,
    /// and the result says how to close.
    async fn read(mut self, mut stream: SplitStream<WebSocket>) -> Option<Close> {
        while let Some(message) = stream.next().await {
            match message {
                // What comes after the decision to close is read only to get at the answer.
                Ok(_) if self.registration.outbox().is_closing() => {}
                Ok(message) => {
                    self.on_message(message);
                    self.registration.outbox().room().await;
                }
                Err(error) => return self.on_error(&error),
            }
        }
        None
    }

    fn on_message(&mut self, message: Message) {
        match message {
            Message::Text(text) if !self.is_too_large(text.len()) => {
                match ClientMessage::decode(&text) {
                    Ok(message) => self.on_client_message(message),
                    Err(error) => self.on_invalid(&error),
                }
            }
            // Whatever it holds, it is no message of the protocol.
            Message::Binary(bytes) if !self.is_too_large(bytes.len()) => {
                self.on_invalid(&"messages are text frames");
            }
            Message::Text(_) | Message::Binary(_) => {
                self.on_too_large();
                self.registration.outbox().finish(TOO_LARGE);
            }
            // Pings are answered by the library.
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => {}
        }
    }

    fn is_too_large(&self, bytes: usize) -> bool {
        bytes > self.gateway.config().limits.max_message_bytes
    }

    fn on_client_message(&mut self, message: ClientMessage) {
        match message {
            ClientMessage::Hello { .. } => self.wants_errors = true,
            ClientMessage::Subscribe(subscribe) => self.on_subscribe(subscribe.execution_id),
            ClientMessage::Unsubscribe { execution_id } => {
                self.registration.unsubscribe(&execution_id);
            }
            ClientMessage::UserInputResponse(message) => self.on_user_input(message.response),
            // Of features that this gateway does not offer.
            ClientMessage::SubscribeRoom { .. }
            | ClientMessage::UnsubscribeRoom { .. }
            | ClientMessage::Replay { .. }
            | ClientMessage::Ack { .. }
            | ClientMessage::Ping { .. }
            | ClientMessage::Auth { .. } => self.on_invalid(&"a feature that was not offered"),
        }
    }

    fn on_subscribe(&self, execution_id: String) {
        match self.registration.subscribe(&execution_id) {
            Subscribed::Yes => {
                let connection = self.registration.id();
                tracing::debug!(%connection, ?execution_id, "subscribed");
            }
            Subscribed::Forbidden => self.forbid(execution_id),
            Subscribed::TooMany => self.refuse(
                Refusal::TooManySubscriptions,
                ErrorCode::TooManySubscriptions,
                "The connection has as many subscriptions as it may: unsubscribe from some first",
                Some(execution_id),
            ),
        }
    }

    /// Hands an answer to the backends. `userId` is who the token says it is, whatever the client
    /// wrote there.
    fn on_user_input(&self, mut response: UserInputResponse) {
        let user_id = &self.claims.user_id;
        if !self
            .gateway
            .authorizer()
            .may_see(user_id, &response.execution_id)
        {
            return self.forbid(response.execution_id);
        }
        response.extra.remove("userId");
        response
            .extra
            .extend(Json::from_serialize(user_id).map(|id| ("userId".to_owned(), id)));
        if let Err(error) = self.gateway.emitter().emit_to_user(user_id, response) {
            tracing::error!(%error, "an answer could not be emitted");
        }
    }

    /// The same answer for another user's execution and for one that does not exist.
    fn forbid(&self, execution_id: String) {
        self.refuse(
            Refusal::Forbidden,
            ErrorCode::Forbidden,
            "The execution does not exist, or belongs to someone else",
            Some(execution_id),
        );
    }

    fn on_invalid(&mut self, error: &dyn std::fmt::Display) {
        let recent = self.invalid.count(Instant::now());
        let connection = self.registration.id();
        if recent == 1 {
            tracing::warn!(%connection, "invalid message ignored; more of them are not logged");
        }
        self.refuse(
            Refusal::InvalidMessage,
            ErrorCode::InvalidMessage,
            &error.to_string(),
            None,
        );
        if recent >= MAX_INVALID {
            tracing::warn!(%connection, "too many invalid messages");
            self.gateway.metrics().refused(Refusal::RateLimited);
            self.registration.outbox().finish(TOO_MANY_INVALID);
        }
    }

    fn on_too_large(&self) {
        let max = self.gateway.config().limits.max_message_bytes;
        let message = format!("The message is larger than {max} bytes");
        self.refuse(Refusal::TooLarge, ErrorCode::TooLarge, &message, None);
    }

    fn on_error(&self, error: &axum::Error) -> Option<Close> {
        match error.source()?.downcast_ref::<tungstenite::Error>()? {
            tungstenite::Error::Capacity(_) => {
                self.on_too_large();
                Some(TOO_LARGE)
            }
            tungstenite::Error::Utf8(_) => Some(NOT_UTF8),
            tungstenite::Error::Protocol(
                tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
            ) => None,
            tungstenite::Error::Protocol(_) => Some(PROTOCOL_ERROR),
            _ => None,
        }
    }

    /// Counts a refusal, and tells the client if it understands.
    fn refuse(
        &self,
        refusal: Refusal,
        code: ErrorCode,
        message: &str,
        execution_id: Option<String>,
    ) {
        self.gateway.metrics().refused(refusal);
        if self.wants_errors {
            let message = message.to_owned();
            self.registration.send(&ServerMessage::Error(ServerError {
                code,
                message,
                execution_id,
                message_id: None,
            }));
        }
    }
}

/// When the last invalid messages came.
#[derive(Debug, Default)]
struct InvalidMessages(VecDeque<Instant>);

impl InvalidMessages {
    /// Counts one more, and returns how many there were within the window.
    fn count(&mut self, now: Instant) -> usize {
        while self
            .0
            .front()
            .is_some_and(|at| now.duration_since(*at) > INVALID_WINDOW)
        {
            self.0.pop_front();
        }
        self.0.push_back(now);
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_messages_count_within_the_window_only() {
        let mut invalid = InvalidMessages::default();
        let start = Instant::now();
        for number in 1..MAX_INVALID {
            assert_eq!(invalid.count(start), number);
        }
        assert_eq!(invalid.count(start + INVALID_WINDOW), MAX_INVALID);
        assert_eq!(
            invalid.count(start + INVALID_WINDOW + Duration::from_millis(1)),
            2
        );
    }
}
