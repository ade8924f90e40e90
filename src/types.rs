//! The options, states and statistics as TypeScript sees them, printed into `js/option-types.ts` by a
//! test. They are declarations only: what crosses the boundary is read and made by `options.js` and
//! `platform.js`, since a codec for them would be half of the download.

#![allow(dead_code, reason = "only their declarations are printed")]

use alloc::string::String;
use alloc::vec::Vec;

use tsify::Tsify;

/// The module, its imports left out.
pub fn module() -> String {
    let declarations: Vec<&str> = [
        ClientOptions::DECL,
        TokenPlacement::DECL,
        ReconnectOptions::DECL,
        JitterOption::DECL,
        NamedJitter::DECL,
        LimitOptions::DECL,
        ExecutionOptions::DECL,
        LogLevel::DECL,
        ConnectionState::DECL,
        CloseCause::DECL,
        ClientStats::DECL,
    ]
    .into();
    declarations.join("\n\n")
}

/// Options of the client. Each one that is left out keeps its value.
#[derive(Tsify)]
#[serde(rename_all = "camelCase")]
pub struct ClientOptions {
    /// The server's address, absolute or relative to the page; `http:` counts as `ws:`, `https:` as
    /// `wss:`. Takes effect at the next connection. Default: `/ws` on the page's own host.
    #[tsify(optional)]
    url: Option<String>,
    /// How the token travels, since a browser cannot set headers on a WebSocket. Default: `"query"`.
    #[tsify(optional)]
    token_placement: Option<TokenPlacement>,
    /// When to try again after a connection has ended.
    #[tsify(optional)]
    reconnect: Option<ReconnectOptions>,
    /// How long to wait for a token, and then for the server's welcome, before the attempt counts
    /// as failed, in ms. Default: 10,000.
    #[tsify(optional)]
    connect_timeout_ms: Option<f64>,
    /// How long an unsubscribed execution is still held, in ms, so that a component that unmounts
    /// and mounts again costs no message. Default: 250.
    #[tsify(optional)]
    unsubscribe_delay_ms: Option<f64>,
    /// How often a server that answers pings is asked for a sign of life, in ms. Default: 10,000.
    #[tsify(optional)]
    ping_interval_ms: Option<f64>,
    /// How long its answer may take before the connection counts as dead, in ms. Default: 5,000. While
    /// messages come, which it may be behind: twice `pingIntervalMs`.
    #[tsify(optional)]
    pong_timeout_ms: Option<f64>,
    /// What is refused.
    #[tsify(optional)]
    limits: Option<LimitOptions>,
    /// What is written to the console, never with a token or a payload. Default: `"warn"`.
    #[tsify(optional)]
    log_level: Option<LogLevel>,
    /// How long before the end of a token that a function has given the next one is asked for, in ms;
    /// at most half of the token's life. Default: 60,000.
    #[tsify(optional)]
    renew_token_before_ms: Option<f64>,
    /// Where tickets are had with `tokenPlacement: "ticket"`, absolute or relative to the page.
    /// Default: `/ticket` under the server's address, such as `https://example.com/ws/ticket`.
    #[tsify(optional)]
    ticket_url: Option<String>,
    /// How much is kept of what is watched with `websocket.execution()`, `websocket.documents()` and
    /// their hooks.
    #[tsify(optional)]
    execution: Option<ExecutionOptions>,
}

/// How the token travels.
///
/// - `query`: in `?token=`, which every FlowMaestro server understands, but proxies may log.
/// - `subprotocol`: as the subprotocol `bearer.<token>` beside `flowmaestro.v1`, which no log shows.
/// - `ticket`: in the `Authorization` header of a POST to `ticketUrl` before each connection, which
///   changes it into a one-time ticket. That is in `?token=` then.
#[derive(Tsify)]
#[serde(rename_all = "camelCase")]
pub enum TokenPlacement {
    /// In `?token=`.
    Query,
    /// As a subprotocol.
    Subprotocol,
    /// In a header, for a ticket in `?token=`.
    Ticket,
}

/// When to try again: `initialDelayMs × multiplier^(attempt − 1)`, at most `maxDelayMs`, jittered.
#[derive(Tsify)]
#[serde(rename_all = "camelCase")]
pub struct ReconnectOptions {
    /// How many retries before giving up; `Infinity` never gives up. Default: 5.
    #[tsify(optional)]
    max_attempts: Option<f64>,
    /// The delay before the first retry, in ms. Default: 1,000.
    #[tsify(optional)]
    initial_delay_ms: Option<f64>,
    /// By how much each delay is longer than the one before. Default: 2.
    #[tsify(optional)]
    multiplier: Option<f64>,
    /// The longest delay, in ms, before jitter. Default: 30,000.
    #[tsify(optional)]
    max_delay_ms: Option<f64>,
    /// How delays are spread, so that the pages of a restarted server do not return all at once:
    /// a fraction to either side, `"full"` (anything from 0 to the delay) or `"none"`. Default: 0.3.
    #[tsify(optional)]
    jitter: Option<JitterOption>,
    /// How long a connection must have lasted for the attempts to be counted from zero again, in
    /// ms. Default: 5,000.
    #[tsify(optional)]
    stable_after_ms: Option<f64>,
}

/// How delays are spread.
#[derive(Tsify)]
#[serde(untagged)]
pub enum JitterOption {
    /// One of the named ways.
    Named(NamedJitter),
    /// By this fraction to either side, from 0 to 1.
    Fraction(f64),
}

/// How delays are spread, by name.
#[derive(Tsify)]
#[serde(rename_all = "camelCase")]
pub enum NamedJitter {
    /// Not at all.
    None,
    /// Evenly between 0 and the delay.
    Full,
}

/// What is refused.
#[derive(Tsify)]
#[serde(rename_all = "camelCase")]
pub struct LimitOptions {
    /// The longest message that is read, in UTF-16 code units. A longer one is dropped and told in
    /// `connection:error`. Default: 16,777,216.
    #[tsify(optional)]
    max_received_length: Option<f64>,
    /// The largest message that is sent, in bytes. Default: 65,536.
    #[tsify(optional)]
    max_message_bytes: Option<f64>,
    /// How many executions may be subscribed at a time. Default: 128.
    #[tsify(optional)]
    max_subscriptions: Option<f64>,
    /// How many messages may wait for the connection. Default: 100.
    #[tsify(optional)]
    max_queued_messages: Option<f64>,
    /// How many bytes of messages may wait for the connection. Default: 1,048,576.
    #[tsify(optional)]
    max_queued_bytes: Option<f64>,
    /// How long a message may wait for the connection and the server's acknowledgement, in ms.
    /// Default: 600,000.
    #[tsify(optional)]
    max_message_age_ms: Option<f64>,
}

/// How much is kept of each execution that is watched. What was cut is said in `truncated` and
/// `textDropped`. A change holds for what is watched from then on.
#[derive(Tsify)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionOptions {
    /// How many entries of its log: the latest. Default: 1,000.
    #[tsify(optional)]
    max_log_entries: Option<f64>,
    /// How much of what a node streams, in UTF-16 code units: the end. Default: 262,144.
    #[tsify(optional)]
    max_text_length: Option<f64>,
    /// How large an event may be to be kept, its output among it, in UTF-16 code units of JSON. Of a
    /// larger one it is only known that it happened. In the log it is 4,096 at most. Default:
    /// 1,048,576.
    #[tsify(optional)]
    max_output_length: Option<f64>,
}

/// What is written to the console: this and everything more serious.
#[derive(Tsify)]
#[serde(rename_all = "camelCase")]
pub enum LogLevel {
    /// Nothing.
    Silent,
    /// What makes the client useless.
    Error,
    /// What was refused or could not be read.
    Warn,
    /// Each connection.
    Info,
    /// Each subscription and attempt.
    Debug,
}

/// The state of the connection, told apart by `status`. The object stays the same until the state
/// changes, so it can serve as a snapshot.
///
/// - `disconnected`: no connection, nor the wish for one.
/// - `connecting`: asking for a token, opening the socket, waiting for the server's welcome.
///   `attempt` says how many retries it took so far: 0 for the first attempt.
/// - `connected`: the server's welcome arrived. `connectionId` is the server's id of it.
/// - `waiting`: the last attempt or connection ended with `cause`; retry number `attempt` (from 1)
///   follows by itself at `retryAt`, in ms since the Unix epoch.
/// - `failed`: the connection is not tried again by itself; `error` says why, and what to do.
#[derive(Tsify)]
#[serde(
    tag = "status",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum ConnectionState {
    /// No connection, nor the wish for one.
    Disconnected,
    /// On the way: asking for a token, opening the socket, waiting for the server's welcome.
    Connecting {
        /// How many retries it took so far: 0 for the first attempt.
        attempt: u32,
    },
    /// The server's welcome arrived.
    Connected {
        /// The server's id of this connection.
        connection_id: String,
    },
    /// The last attempt or connection ended; the next attempt follows by itself.
    Waiting {
        /// The number of the retry that follows, from 1.
        attempt: u32,
        /// When it follows, in ms since the Unix epoch.
        retry_at: f64,
        /// How the last connection ended.
        cause: CloseCause,
    },
    /// The connection failed and is not tried again by itself.
    Failed {
        /// Why, and what to do.
        #[tsify(type = "ConnectionError | WasmInitError")]
        error: (),
    },
}

/// How a connection ended.
#[derive(Tsify)]
pub struct CloseCause {
    /// The close code (RFC 6455, section 7.4): the server's, 1006 for none (the network), 4000 when
    /// no welcome came in time, 4001 when the token provider gave no token.
    code: u16,
    /// The server's reason, or an empty string.
    reason: String,
}

/// What the client counted since the page was loaded.
#[derive(Tsify)]
#[serde(rename_all = "camelCase")]
pub struct ClientStats {
    /// Sockets that were opened.
    attempts: f64,
    /// Welcomes that arrived.
    connections: f64,
    /// Events handed to handlers.
    delivered: f64,
    /// Events dropped because nobody wants their execution any more.
    unwanted: f64,
    /// Frames that could not be read, each told in `connection:error`.
    unreadable: f64,
    /// Messages handed to the socket by `submitUserInput`.
    sent: f64,
    /// Messages of `submitUserInput` that were not sent.
    send_failures: f64,
    /// Registered handlers.
    handlers: f64,
    /// Executions that are subscribed, or still held.
    subscriptions: f64,
}
