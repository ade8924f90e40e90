//! The messages that wait for the connection.

use std::collections::VecDeque;

use crate::{Options, Refused, SendId};

/// A queue bounded by the number of its messages and by their bytes.
pub(crate) struct Queue<P> {
    messages: VecDeque<Queued<P>>,
    bytes: usize,
}

struct Queued<P> {
    id: SendId,
    payload: P,
    bytes: usize,
}

impl<P> Queue<P> {
    pub(crate) fn new() -> Self {
        Self {
            messages: VecDeque::new(),
            bytes: 0,
        }
    }

    pub(crate) fn push(
        &mut self,
        id: SendId,
        payload: P,
        bytes: usize,
        options: &Options,
    ) -> Result<(), Refused> {
        let total = self.bytes.saturating_add(bytes);
        if self.messages.len() >= options.max_queued_messages || total > options.max_queued_bytes {
            return Err(Refused::QueueFull);
        }
        self.bytes = total;
        self.messages.push_back(Queued { id, payload, bytes });
        Ok(())
    }

    /// Takes the message that waited longest.
    pub(crate) fn pop(&mut self) -> Option<(SendId, P)> {
        let message = self.messages.pop_front()?;
        self.bytes -= message.bytes;
        Some((message.id, message.payload))
    }

    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}
