/// What has happened since the hub began. Numbers only ever grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages about executions or rooms that their sender may not see.
    pub forbidden: u64,
    /// Messages that were none of the protocol.
    pub invalid_messages: u64,
    /// Messages over the size limit.
    pub too_large: u64,
    /// Subscriptions beyond a connection's limit.
    pub too_many_subscriptions: u64,
    /// Connections refused because there were as many as may be.
    pub too_many_connections: u64,
    /// Connections refused because their user had as many as a user may.
    pub too_many_user_connections: u64,
    /// Connections closed for too many messages.
    pub too_many_messages: u64,
    /// Connections closed for too many invalid messages.
    pub too_many_invalid_messages: u64,
    /// `replay`s refused because too many waited.
    pub too_many_replays: u64,
    /// Connections closed, without a sign of life for long, to make room for another of their user.
    pub silent_connections: u64,
    /// Connections closed because their user was disconnected.
    pub disconnected: u64,
    /// Events of executions that nobody registered.
    pub unregistered_executions: u64,
    /// Connections closed because they read too slowly.
    pub slow_consumers: u64,
    /// Connections closed because their token ended.
    pub expired_tokens: u64,
    /// Subscriptions that got everything they asked for.
    pub recovered: u64,
    /// Subscriptions for which events were gone.
    pub unrecovered: u64,
    /// Events that were sent from the history.
    pub replayed_events: u64,
    /// Unacknowledged events that were dropped for newer ones.
    pub unacknowledged_dropped: u64,
    /// Client messages that came twice.
    pub repeated_messages: u64,
    /// Events that the history did not take.
    pub history_errors: u64,
}

/// What the hub holds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections, those that are closing among them.
    pub connections: usize,
    /// Subscriptions to executions.
    pub subscriptions: usize,
    /// Subscriptions to rooms.
    pub room_subscriptions: usize,
    /// Users with a connection.
    pub users: usize,
    /// Executions that somebody is subscribed to.
    pub subscribed_executions: usize,
    /// Executions with viewers.
    pub viewed_executions: usize,
    /// Rooms that somebody is subscribed to.
    pub subscribed_rooms: usize,
    /// Bytes that wait for a connection.
    pub queued_bytes: usize,
    /// Deadlines.
    pub timers: usize,
    /// Registered executions.
    pub executions: usize,
    /// Unacknowledged events, of all users.
    pub unacknowledged: usize,
    /// Remembered `messageId`s, of all users.
    pub message_ids: usize,
}
