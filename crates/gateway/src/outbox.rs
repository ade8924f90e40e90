//! The frames on their way to one socket.

use std::collections::VecDeque;

use flowmaestro_hub::Close;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::frame::Frame;
use crate::sync::Mutex;

/// Frames in, in order, without ever waiting; one writer takes them out. How many there may be is
/// the hub's to count.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    queue: Mutex<Queue>,
    changed: Notify,
    closing: CancellationToken,
}

/// How many frames an empty queue keeps memory for: a burst must not cost its memory for as long as
/// the connection lasts.
const RETAINED_FRAMES: usize = 64;

/// What the socket's writer does next.
#[derive(Debug)]
pub(crate) enum Next {
    Send(Frame),
    Close(Close),
}

#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<Frame>,
    close: Option<Close>,
}

impl Outbox {
    /// Queues a frame.
    pub(crate) fn push(&self, frame: Frame) {
        self.queue.lock().frames.push_back(frame);
        self.changed.notify_one();
    }

    /// Closes the socket, once the frames that wait are sent or dropped.
    pub(crate) fn close(&self, close: Close) {
        let mut queue = self.queue.lock();
        if close.discard {
            queue.frames = VecDeque::new();
        }
        queue.close = Some(close);
        drop(queue);
        self.closing.cancel();
        self.changed.notify_one();
    }

    /// Waits for something to do. Meant for one writer.
    pub(crate) async fn next(&self) -> Next {
        loop {
            if let Some(next) = self.take() {
                return next;
            }
            self.changed.notified().await;
        }
    }

    /// Waits until the socket is to be closed.
    pub(crate) async fn closing(&self) {
        self.closing.cancelled().await;
    }

    /// Whether no frame waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.lock().frames.is_empty()
    }

    fn take(&self) -> Option<Next> {
        let mut queue = self.queue.lock();
        match queue.frames.pop_front() {
            Some(frame) => {
                if queue.frames.is_empty() {
                    queue.frames.shrink_to(RETAINED_FRAMES);
                }
                Some(Next::Send(frame))
            }
            None => queue.close.map(Next::Close),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESTART: Close = Close {
        code: 1012,
        reason: "Restart",
        discard: false,
    };
    const TOO_SLOW: Close = Close {
        code: 4408,
        reason: "Too slow",
        discard: true,
    };

    fn outbox(texts: &[&str]) -> Outbox {
        let outbox = Outbox::default();
        for text in texts {
            outbox.push(Frame::Text((*text).into()));
        }
        outbox
    }

    async fn next(outbox: &Outbox) -> String {
        match outbox.next().await {
            Next::Send(Frame::Text(text)) => text.to_string(),
            Next::Send(Frame::Gzip(_)) => "compressed".to_owned(),
            Next::Close(close) => close.code.to_string(),
        }
    }

    #[tokio::test]
    async fn frames_come_out_in_order_and_before_a_close_that_drops_nothing() {
        let outbox = outbox(&["a", "b"]);
        outbox.close(RESTART);
        for expected in ["a", "b", "1012"] {
            assert_eq!(next(&outbox).await, expected);
        }
    }

    #[tokio::test]
    async fn a_close_that_discards_comes_at_once() {
        let outbox = outbox(&["a", "b"]);
        outbox.close(TOO_SLOW);
        outbox.closing().await;
        assert!(outbox.is_empty());
        assert_eq!(next(&outbox).await, "4408");
    }

    #[test]
    fn the_memory_of_a_burst_is_given_back() {
        let outbox = outbox(&["x"; 1_000]);
        let capacity = || outbox.queue.lock().frames.capacity();
        assert!(capacity() >= 1_000);
        while outbox.take().is_some() {}
        assert!(capacity() <= 2 * RETAINED_FRAMES);
    }
}
