//! The messages that wait for the connection, or for the server to say that it has them.

use alloc::vec::Vec;

use crate::time::earliest;
use crate::{Millis, Options, Refused, SendId};

/// A queue bounded by the number of its messages, their bytes and their age.
pub(crate) struct Queue<P> {
    messages: Vec<Queued<P>>,
    bytes: usize,
}

struct Queued<P> {
    id: SendId,
    payload: P,
    bytes: usize,
    expires_at: Millis,
    /// It was sent, on this connection or an earlier one.
    sent: bool,
    /// It was sent on this connection, and is sent again when no answer has come by then.
    answer_by: Option<Millis>,
}

impl<P: Clone> Queue<P> {
    pub(crate) fn new() -> Self {
        Self {
            messages: Vec::new(),
            bytes: 0,
        }
    }

    pub(crate) fn push(
        &mut self,
        id: SendId,
        payload: P,
        bytes: usize,
        now: Millis,
        options: &Options,
    ) -> Result<(), Refused> {
        let total = self.bytes.saturating_add(bytes);
        let is_full =
            self.messages.len() >= options.max_queued_messages || total > options.max_queued_bytes;
        if is_full && !planted!(UnboundedQueue) {
            return Err(Refused::QueueFull);
        }
        self.bytes = total;
        self.messages.push(Queued {
            id,
            payload,
            bytes,
            expires_at: now.plus(options.max_message_age_ms),
            sent: false,
            answer_by: None,
        });
        Ok(())
    }

    /// Takes the message that waited longest, and whether it was sent.
    pub(crate) fn pop(&mut self) -> Option<(SendId, P, bool)> {
        if self.messages.is_empty() {
            return None;
        }
        let message = self.messages.remove(0);
        self.bytes -= message.bytes;
        Some((message.id, message.payload, message.sent))
    }

    /// The next message to send, from the one at `at` on: one that this connection has not sent, or
    /// not within the time in which an answer has to come. Moves `at` behind it.
    pub(crate) fn next_to_send(
        &mut self,
        at: &mut usize,
        now: Millis,
        answer_by: Millis,
    ) -> Option<(SendId, P)> {
        let is_due = |message: &Queued<P>| message.answer_by.is_none_or(|by| now >= by);
        let skipped = self.messages.iter().skip(*at).position(is_due)?;
        let message = self.messages.get_mut(*at + skipped)?;
        *at += skipped + 1;
        message.sent = true;
        message.answer_by = Some(answer_by);
        Some((message.id, message.payload.clone()))
    }

    /// Takes a message out, wherever it is.
    pub(crate) fn remove(&mut self, id: SendId) -> bool {
        let Some(at) = self.messages.iter().position(|message| message.id == id) else {
            return false;
        };
        self.bytes -= self.messages.remove(at).bytes;
        true
    }

    /// Takes the next message that has waited too long, and whether it was sent.
    pub(crate) fn pop_expired(&mut self, now: Millis) -> Option<(SendId, bool)> {
        let is_expired = self
            .messages
            .first()
            .is_some_and(|message| now >= message.expires_at);
        if is_expired {
            self.pop().map(|(id, _, was_sent)| (id, was_sent))
        } else {
            None
        }
    }

    /// The connection is gone: what was not answered is sent again on the next.
    pub(crate) fn disconnect(&mut self) {
        if planted!(LosesQueue) {
            self.messages.clear();
            self.bytes = 0;
        }
        for message in &mut self.messages {
            message.answer_by = None;
        }
    }

    pub(crate) fn deadline(&self) -> Option<Millis> {
        let expires_at = self.messages.first().map(|message| message.expires_at);
        let answers = self.messages.iter().map(|message| message.answer_by);
        answers.fold(expires_at, earliest)
    }

    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}
