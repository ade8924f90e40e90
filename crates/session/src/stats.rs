//! What the session counted.

/// Counters since the session was created. They only ever grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Sockets that were opened.
    pub attempts: u64,
    /// Welcomes that arrived.
    pub connections: u64,
    /// Events handed to handlers, those of unknown types included.
    pub delivered: u64,
    /// Events dropped because nobody wanted their execution.
    pub unwanted: u64,
    /// Events that came a second time and were dropped.
    pub duplicates: u64,
    /// Gaps that were told.
    pub gaps: u64,
    /// Frames that came out of turn, such as one before the welcome, and were ignored.
    pub ignored: u64,
    /// Frames that could not be read.
    pub unreadable: u64,
    /// Messages of the user's that were handed to a socket.
    pub sent: u64,
    /// Messages of the user's that failed after they were queued.
    pub send_failures: u64,
}
