use flowmaestro_protocol::Features;

/// What a hub offers, and its limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The features that the welcome offers. Without any, the hub keeps no history.
    pub features: Features,
    /// How often a client may expect to hear something, in ms, as the welcome says; `None` to say
    /// nothing.
    pub heartbeat_ms: Option<u64>,
    /// How many connections there may be, those that are closing among them.
    pub max_connections: usize,
    /// How many connections one user may have.
    pub max_user_connections: usize,
    /// How many messages a client may send in a second, on and on.
    pub messages_per_second: u32,
    /// How many messages a client may send at once after it was quiet.
    pub message_burst: u32,
    /// So many invalid messages within 10 s close a connection.
    pub max_invalid_messages: usize,
    /// The largest client message, in bytes.
    pub max_message_bytes: usize,
    /// How many executions and rooms a connection may be subscribed to.
    pub max_subscriptions: usize,
    /// How many frames may wait for a connection.
    pub queue_frames: usize,
    /// How many bytes may wait for a connection. A larger frame may wait alone.
    pub queue_bytes: usize,
    /// How many executions may be registered.
    pub max_executions: usize,
    /// How long an execution and its history are kept after its terminal event, in ms.
    pub execution_retention_ms: u64,
    /// For how long events are gathered after one was sent at once, in ms; 0 never to gather.
    pub batch_window_ms: u64,
    /// A batch of this many bytes is sent without waiting for the end of its window.
    pub batch_bytes: usize,
    /// A frame of this many bytes is worth compressing.
    pub compress_bytes: usize,
    /// For how long changes of who watches are gathered, in ms.
    pub presence_window_ms: u64,
    /// How long a token still counts after its end, in ms: the clock of its issuer may differ.
    pub token_leeway_ms: u64,
    /// How long before its end a token's end is announced, in ms.
    pub expiry_notice_ms: u64,
    /// How many unacknowledged events are kept for a user. The oldest is dropped for one more.
    pub max_unacknowledged: usize,
    /// How many of a user's last `messageId`s are remembered.
    pub max_message_ids: usize,
    /// How long a `messageId` is remembered, in ms.
    pub message_id_retention_ms: u64,
    /// How many `replay`s of a connection may wait for their turn.
    pub max_replays: usize,
}

const HOUR_MS: u64 = 60 * 60 * 1_000;

impl Default for Config {
    fn default() -> Self {
        Self {
            features: Features::ALL,
            heartbeat_ms: Some(25_000),
            max_connections: 20_000,
            max_user_connections: 20,
            messages_per_second: 50,
            message_burst: 100,
            max_invalid_messages: 100,
            max_message_bytes: 64 * 1024,
            max_subscriptions: 128,
            queue_frames: 10_000,
            queue_bytes: 1024 * 1024,
            max_executions: 100_000,
            execution_retention_ms: HOUR_MS,
            batch_window_ms: 4,
            batch_bytes: 64 * 1024,
            compress_bytes: 16 * 1024,
            presence_window_ms: 100,
            token_leeway_ms: 0,
            expiry_notice_ms: 60_000,
            max_unacknowledged: 1_000,
            max_message_ids: 1_000,
            message_id_retention_ms: HOUR_MS,
            max_replays: 16,
        }
    }
}
