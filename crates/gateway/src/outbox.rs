//! The bounded queue of frames on their way to one socket.

use std::collections::VecDeque;

use axum::extract::ws::Utf8Bytes;
use flowmaestro_protocol::close_code;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Frames in, in order, without ever waiting; one reader takes them out. A reader that falls too
/// far behind loses the queue and is closed with [`close_code::TOO_SLOW`].
#[derive(Debug)]
pub(crate) struct Outbox {
    max_frames: usize,
    max_bytes: usize,
    state: Mutex<State>,
    changed: Notify,
    taken: Notify,
    closing: CancellationToken,
}

/// How many frames an empty queue keeps memory for: a burst must not cost its memory for as long as
/// the connection lasts.
const RETAINED_FRAMES: usize = 64;

/// How a socket is to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Close {
    pub(crate) code: u16,
    pub(crate) reason: &'static str,
}

/// What the socket's writer does next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Send(Utf8Bytes),
    Close(Close),
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    Queued,
    /// The frame was one too many: the socket closes.
    Overflowed,
    /// The socket was closing already.
    Dropped,
}

#[derive(Debug, Default)]
struct State {
    frames: VecDeque<Utf8Bytes>,
    bytes: usize,
    close: Option<Close>,
}

const TOO_SLOW: Close = Close {
    code: close_code::TOO_SLOW,
    reason: "Too slow",
};

impl Outbox {
    pub(crate) fn new(max_frames: usize, max_bytes: usize) -> Self {
        Self {
            max_frames,
            max_bytes,
            state: Mutex::default(),
            changed: Notify::new(),
            taken: Notify::new(),
            closing: CancellationToken::new(),
        }
    }

    /// Queues a frame. An empty queue takes a frame of any size, or a large one could never be
    /// sent.
    pub(crate) fn push(&self, frame: Utf8Bytes) -> Pushed {
        let mut state = self.state.lock();
        if state.close.is_some() {
            return Pushed::Dropped;
        }
        let fits = state.frames.len() < self.max_frames
            && state.bytes.saturating_add(frame.len()) <= self.max_bytes;
        if !fits && !state.frames.is_empty() {
            drop(state);
            self.abort(TOO_SLOW);
            return Pushed::Overflowed;
        }
        state.bytes += frame.len();
        state.frames.push_back(frame);
        drop(state);
        self.changed.notify_one();
        Pushed::Queued
    }

    /// Closes once the frames that wait are sent.
    pub(crate) fn finish(&self, close: Close) {
        self.state.lock().close.get_or_insert(close);
        self.announce_closing();
    }

    /// Closes without sending the frames that wait.
    pub(crate) fn abort(&self, close: Close) {
        let mut state = self.state.lock();
        state.frames = VecDeque::new();
        state.bytes = 0;
        state.close.get_or_insert(close);
        drop(state);
        self.announce_closing();
    }

    /// Waits for something to do. Meant for one reader.
    pub(crate) async fn next(&self) -> Next {
        loop {
            if let Some(next) = self.take() {
                return next;
            }
            self.changed.notified().await;
        }
    }

    /// Waits until the queue is at most half full, or is to be closed. Who answers a peer's
    /// messages waits for this before it takes the next: a burst is slowed down, not punished.
    /// Meant for one task.
    pub(crate) async fn room(&self) {
        while !self.has_room() {
            self.taken.notified().await;
        }
    }

    /// Whether the queue is at most half full, or is to be closed.
    pub(crate) fn has_room(&self) -> bool {
        let state = self.state.lock();
        let crowded = state.frames.len() > self.max_frames / 2 || state.bytes > self.max_bytes / 2;
        state.close.is_some() || !crowded
    }

    /// Waits until the socket is to be closed.
    pub(crate) async fn closing(&self) {
        self.closing.cancelled().await;
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.is_cancelled()
    }

    /// Whether no frame waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.state.lock().frames.is_empty()
    }

    fn take(&self) -> Option<Next> {
        let mut state = self.state.lock();
        match state.frames.pop_front() {
            Some(frame) => {
                state.bytes -= frame.len();
                if state.frames.is_empty() {
                    state.frames.shrink_to(RETAINED_FRAMES);
                }
                self.taken.notify_one();
                Some(Next::Send(frame))
            }
            None => state.close.map(Next::Close),
        }
    }

    fn announce_closing(&self) {
        self.closing.cancel();
        self.changed.notify_one();
        self.taken.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESTART: Close = Close {
        code: close_code::RESTART,
        reason: "Restart",
    };

    fn text(length: usize) -> Utf8Bytes {
        "x".repeat(length).into()
    }

    #[tokio::test]
    async fn frames_come_out_in_order_and_before_a_finishing_close() {
        let outbox = Outbox::new(8, 100);
        for frame in ["a", "b"] {
            assert_eq!(outbox.push(frame.into()), Pushed::Queued);
        }
        outbox.finish(RESTART);
        assert_eq!(outbox.push("c".into()), Pushed::Dropped);
        assert_eq!(outbox.next().await, Next::Send("a".into()));
        assert_eq!(outbox.next().await, Next::Send("b".into()));
        assert_eq!(outbox.next().await, Next::Close(RESTART));
    }

    #[tokio::test]
    async fn one_frame_too_many_drops_the_queue() {
        let outbox = Outbox::new(2, 100);
        assert_eq!(outbox.push(text(1)), Pushed::Queued);
        assert_eq!(outbox.push(text(1)), Pushed::Queued);
        assert_eq!(outbox.push(text(1)), Pushed::Overflowed);
        assert_eq!(outbox.push(text(1)), Pushed::Dropped);
        assert!(outbox.is_closing() && outbox.is_empty());
        assert_eq!(outbox.next().await, Next::Close(TOO_SLOW));
    }

    #[test]
    fn one_byte_too_many_drops_the_queue() {
        let outbox = Outbox::new(8, 100);
        assert_eq!(outbox.push(text(60)), Pushed::Queued);
        assert_eq!(outbox.push(text(40)), Pushed::Queued);
        assert_eq!(outbox.push(text(1)), Pushed::Overflowed);
    }

    #[tokio::test]
    async fn bytes_count_until_they_are_taken_out() {
        let outbox = Outbox::new(8, 100);
        for _ in 0..10 {
            assert_eq!(outbox.push(text(60)), Pushed::Queued);
            assert_eq!(outbox.next().await, Next::Send(text(60)));
        }
    }

    #[test]
    fn a_large_frame_may_wait_alone() {
        let outbox = Outbox::new(8, 100);
        assert_eq!(outbox.push(text(1000)), Pushed::Queued);
        assert_eq!(outbox.push(text(1)), Pushed::Overflowed);
    }

    #[test]
    fn the_memory_of_a_burst_is_given_back() {
        let outbox = Outbox::new(1_000, 1_000);
        let capacity = || outbox.state.lock().frames.capacity();
        for _ in 0..1_000 {
            outbox.push(text(1));
        }
        assert!(capacity() >= 1_000);
        while outbox.take().is_some() {}
        assert!(capacity() <= 2 * RETAINED_FRAMES);
    }

    #[tokio::test]
    async fn there_is_room_once_half_of_the_queue_is_taken() {
        let outbox = Outbox::new(4, 100);
        for _ in 0..4 {
            outbox.push(text(1));
        }
        let mut room = std::pin::pin!(outbox.room());
        for _ in 0..2 {
            assert!(futures_util::poll!(&mut room).is_pending());
            outbox.next().await;
        }
        assert!(futures_util::poll!(&mut room).is_ready());
    }

    #[tokio::test]
    async fn closing_lets_those_go_on_who_wait_for_room() {
        let outbox = Outbox::new(1, 100);
        outbox.push(text(1));
        let mut room = std::pin::pin!(outbox.room());
        assert!(futures_util::poll!(&mut room).is_pending());
        outbox.finish(RESTART);
        assert!(futures_util::poll!(&mut room).is_ready());
    }

    #[tokio::test]
    async fn the_first_close_counts() {
        let outbox = Outbox::new(8, 100);
        outbox.finish(RESTART);
        outbox.abort(TOO_SLOW);
        outbox.closing().await;
        assert_eq!(outbox.next().await, Next::Close(RESTART));
    }
}
