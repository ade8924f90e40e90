//! What users ask for of an execution's past, and which of its events their handlers have had.
//!
//! One request is on its way at a time, so an answer needs no number. The answer's events come
//! between the request and its `replayed`; what the server sends of other executions meanwhile has
//! nothing to do with it.

use alloc::vec::Vec;

use crate::seen::Seen;
use crate::{ExecutionKey, Millis, Refused, ReplayId};

/// How long a server may send nothing of what it was asked for, in milliseconds.
const SILENCE_MS: f64 = 30_000.0;

/// One request.
#[derive(Debug)]
pub(crate) struct Replay {
    pub(crate) id: ReplayId,
    pub(crate) execution: ExecutionKey,
    since: u64,
    /// When it has waited too long for a connection.
    expires_at: Millis,
    /// Some of its events were delivered.
    begun: bool,
    /// Nobody waits for it any more, but the server still answers it.
    abandoned: bool,
}

pub(crate) struct Replays {
    /// In the order in which they are sent. Only the first may have been.
    requests: Vec<Replay>,
    /// The first was sent on this connection, and is given up then.
    answer_by: Option<Millis>,
    /// Which events were delivered, sorted by execution.
    seen: Vec<(ExecutionKey, Seen)>,
}

impl Replays {
    pub(crate) fn new() -> Self {
        Self {
            requests: Vec::new(),
            answer_by: None,
            seen: Vec::new(),
        }
    }

    pub(crate) fn push(
        &mut self,
        id: ReplayId,
        execution: ExecutionKey,
        since: u64,
        expires_at: Millis,
        limit: usize,
    ) -> Result<(), Refused> {
        if self.len() >= limit {
            return Err(Refused::QueueFull);
        }
        self.requests.push(Replay {
            id,
            execution,
            since,
            expires_at,
            begun: false,
            abandoned: false,
        });
        Ok(())
    }

    /// The execution of the next request to send, unless one is on its way.
    pub(crate) fn next_execution(&self) -> Option<ExecutionKey> {
        match self.answer_by {
            Some(_) => None,
            None => self.requests.first().map(|replay| replay.execution),
        }
    }

    /// The next request is sent now. Returns since when events are wanted.
    pub(crate) fn send_next(&mut self, now: Millis) -> Option<u64> {
        let since = self.requests.first()?.since;
        self.answer_by = Some(now.plus(SILENCE_MS));
        Some(since)
    }

    /// The server forgets the request on its way when it is told that nobody wants the execution.
    pub(crate) fn send_again(&mut self, execution: ExecutionKey) {
        match self.on_its_way() {
            Some(replay) if replay.execution != execution => {}
            Some(replay) if replay.abandoned => drop(self.finish()),
            Some(_) => self.answer_by = None,
            None => {}
        }
    }

    /// Whether the request on its way is about this execution, and somebody waits for it.
    pub(crate) fn is_running(&self, execution: ExecutionKey) -> bool {
        let is_meant = |replay: &Replay| replay.execution == execution && !replay.abandoned;
        self.on_its_way().is_some_and(is_meant)
    }

    /// Whether the request on its way is about this execution.
    pub(crate) fn is_sent(&self, execution: ExecutionKey) -> bool {
        self.on_its_way()
            .is_some_and(|replay| replay.execution == execution)
    }

    fn on_its_way(&self) -> Option<&Replay> {
        self.answer_by.and(self.requests.first())
    }

    /// Whether somebody waits for events of this execution.
    pub(crate) fn mentions(&self, execution: ExecutionKey) -> bool {
        self.requests
            .iter()
            .any(|replay| replay.execution == execution && !replay.abandoned)
    }

    /// The server sent one of the events that it was asked for.
    pub(crate) fn go_on(&mut self, now: Millis) {
        self.answer_by = Some(now.plus(SILENCE_MS));
    }

    /// One of them goes to its handlers.
    pub(crate) fn begin(&mut self) {
        if let Some(replay) = self.requests.first_mut() {
            replay.begun = true;
        }
    }

    /// The request on its way was answered. Returns it if somebody waits for it.
    pub(crate) fn finish(&mut self) -> Option<Replay> {
        self.answer_by.take()?;
        self.pop_if(|_| true).filter(|replay| !replay.abandoned)
    }

    /// The connection is gone: the request is sent again on the next. But when some of its events
    /// were delivered and nothing tells whether the next server numbers them alike, that could lose
    /// events or deliver them twice; so it is given up and returned. `is_followed` says of which
    /// executions a subscription has told which history they belong to, and so will again.
    pub(crate) fn disconnect(
        &mut self,
        is_followed: impl Fn(ExecutionKey) -> bool,
    ) -> Option<Replay> {
        self.seen.retain(|(execution, _)| is_followed(*execution));
        self.answer_by.take()?;
        let is_over =
            |replay: &Replay| replay.abandoned || replay.begun && !is_followed(replay.execution);
        let replay = self.pop_if(is_over)?;
        Some(replay).filter(|replay| !replay.abandoned)
    }

    /// Takes the first request, if it is meant.
    fn pop_if(&mut self, is_meant: impl FnOnce(&Replay) -> bool) -> Option<Replay> {
        let is_first = self.requests.first().is_some_and(is_meant);
        is_first.then(|| self.requests.remove(0))
    }

    /// Takes the next of all requests.
    pub(crate) fn take(&mut self) -> Option<Replay> {
        self.answer_by = None;
        let replay = self.pop_if(|_| true)?;
        if replay.abandoned {
            self.take()
        } else {
            Some(replay)
        }
    }

    /// Nobody wants an execution's events any more. Returns the numbers of the requests for them.
    pub(crate) fn abandon(&mut self, execution: ExecutionKey) -> Vec<ReplayId> {
        let mut abandoned = Vec::new();
        let mut is_sent = self.answer_by.is_some();
        self.requests.retain_mut(|replay| {
            let stays = core::mem::take(&mut is_sent);
            if replay.execution != execution || replay.abandoned {
                return true;
            }
            abandoned.push(replay.id);
            replay.abandoned = true;
            stays
        });
        abandoned
    }

    /// Gives up the request on its way once it is due. Returns it if somebody waits for it.
    pub(crate) fn pop_overdue(&mut self, now: Millis) -> Option<Replay> {
        self.answer_by.filter(|answer_by| now >= *answer_by)?;
        self.finish()
    }

    /// Takes the next request that has waited too long for a connection.
    pub(crate) fn pop_expired(&mut self, now: Millis) -> Option<Replay> {
        if self.answer_by.is_some() {
            return None; // those behind it wait for their turn
        }
        let is_expired = |replay: &Replay| now >= replay.expires_at;
        self.pop_if(is_expired)
    }

    pub(crate) fn deadline(&self) -> Option<Millis> {
        let waits_until = self.requests.first().map(|replay| replay.expires_at);
        self.answer_by.or(waits_until)
    }

    /// How many somebody waits for.
    pub(crate) fn len(&self) -> usize {
        let waiting = self.requests.iter().filter(|replay| !replay.abandoned);
        waiting.count()
    }

    // What was delivered.

    /// Everything up to this event was delivered by another session.
    pub(crate) fn see_up_to(&mut self, execution: ExecutionKey, seq: u64) {
        if let Err(at) = self.at(execution) {
            self.seen.insert(at, (execution, Seen::up_to(seq)));
        }
    }

    /// An event is about to be delivered. Returns whether it is the first time.
    pub(crate) fn see(&mut self, execution: ExecutionKey, seq: u64) -> bool {
        let at = self.at(execution).unwrap_or_else(|at| {
            self.seen.insert(at, (execution, Seen::default()));
            at
        });
        self.seen.get_mut(at).is_some_and(|(_, seen)| seen.add(seq))
    }

    /// An event that was to be delivered was not.
    pub(crate) fn unsee(&mut self, execution: ExecutionKey, seq: u64) {
        if let Ok(at) = self.at(execution)
            && let Some((_, seen)) = self.seen.get_mut(at)
        {
            seen.remove(seq);
        }
    }

    /// The numbers begin anew, or nobody is left who could get an event twice.
    pub(crate) fn forget(&mut self, execution: ExecutionKey) {
        if let Ok(at) = self.at(execution) {
            self.seen.remove(at);
        }
    }

    fn at(&self, execution: ExecutionKey) -> Result<usize, usize> {
        self.seen.binary_search_by_key(&execution, |(key, _)| *key)
    }
}
