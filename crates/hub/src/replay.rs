use std::sync::Arc;

use flowmaestro_protocol::{Number, ServerMessage, close_code};

use crate::connection::Connection;
use crate::context::Context;
use crate::event_text::redelivered;
use crate::subscription::Progress;
use crate::{Close, History, HistoryError, Identity, Record};

/// How many events are read from the history at once.
const CHUNK: usize = 64;

const HISTORY_FAILED: Close = Close {
    code: close_code::INTERNAL_ERROR,
    reason: "History unavailable",
    discard: true,
};

/// A critical event that is sent again.
#[derive(Debug)]
pub(crate) struct Again {
    pub(crate) execution_id: Arc<str>,
    /// As it was sent first.
    pub(crate) text: Arc<str>,
}

/// A `replay` that is being answered.
#[derive(Debug)]
pub(crate) struct Replay {
    pub(crate) execution_id: Arc<str>,
    pub(crate) since: Number,
    /// The `seq` to look at next.
    pub(crate) next: u64,
    /// The last `seq` when it was asked for.
    pub(crate) head: u64,
    /// How many events were sent.
    pub(crate) count: u64,
    /// Whether the history had everything so far.
    pub(crate) complete: bool,
}

impl Replay {
    /// Whether everything since then is still there is told by the oldest event, which is older:
    /// timestamps grow within an execution.
    pub(crate) fn new<H: History>(
        history: &H,
        execution_id: &Arc<str>,
        since: Number,
    ) -> Result<Self, HistoryError> {
        let first = history.first(execution_id);
        let oldest = history.range(execution_id, first, 1)?;
        let is_older = |record: &Record| record.timestamp < since.get();
        Ok(Self {
            execution_id: Arc::clone(execution_id),
            since,
            next: first,
            head: history.head(execution_id),
            count: 0,
            complete: first == 1 || oldest.first().is_some_and(is_older),
        })
    }
}

impl Connection {
    /// Sends from the history what is to be sent and the socket takes: critical events again, then
    /// the answers to `replay`s, then what subscriptions have missed. The rest comes once more has
    /// been written.
    pub(crate) fn pump<H: History>(
        &mut self,
        cx: &mut Context,
        history: &H,
        may_see: &dyn Fn(&Identity, &str) -> bool,
    ) {
        while !self.is_closing() {
            let went_on = if !self.again.is_empty() {
                Ok(self.send_again(cx))
            } else if !self.replays.is_empty() {
                self.go_on_with_replay(cx, history, may_see)
            } else if let Some(execution_id) = self.catching_up.first() {
                let execution_id = Arc::clone(execution_id);
                self.go_on_catching_up(cx, history, may_see, &execution_id)
            } else {
                return;
            };
            match went_on {
                Ok(true) => {}
                Ok(false) => return,
                Err(HistoryError { .. }) => self.on_history_error(cx),
            }
        }
    }

    pub(crate) fn on_history_error(&mut self, cx: &mut Context) {
        cx.counters.history_errors += 1;
        self.close(cx, HISTORY_FAILED);
    }

    /// Sends one critical event again, and says whether the socket took it.
    fn send_again(&mut self, cx: &mut Context) -> bool {
        let Some(again) = self.again.front() else {
            return true;
        };
        let text = redelivered(&again.text);
        if !self.takes(cx, text.len()) {
            return false;
        }
        self.again.pop_front();
        self.send_event(cx, text);
        true
    }

    fn go_on_with_replay<H: History>(
        &mut self,
        cx: &mut Context,
        history: &H,
        may_see: &dyn Fn(&Identity, &str) -> bool,
    ) -> Result<bool, HistoryError> {
        let Some(mut replay) = self.replays.pop_front() else {
            return Ok(true);
        };
        if !may_see(&self.identity, &replay.execution_id) {
            return Ok(true);
        }
        let first = history.first(&replay.execution_id);
        if replay.next < first {
            replay.complete = false;
            replay.next = first;
        }
        if replay.next > replay.head {
            self.finish_replay(cx, replay);
            return Ok(true);
        }
        let records = read(history, &replay.execution_id, replay.next)?;
        for record in records.into_iter().filter(|it| it.seq <= replay.head) {
            let is_wanted = record.timestamp >= replay.since.get();
            if is_wanted && !self.takes(cx, record.text.len()) {
                self.replays.push_front(replay);
                return Ok(false);
            }
            replay.next = record.seq + 1;
            if is_wanted {
                replay.count += 1;
                cx.counters.replayed_events += 1;
                self.send_event(cx, record.text);
            }
        }
        self.replays.push_front(replay);
        Ok(true)
    }

    fn finish_replay(&mut self, cx: &mut Context, replay: Replay) {
        let replayed = ServerMessage::Replayed {
            execution_id: replay.execution_id.to_string(),
            since: replay.since,
            count: replay.count,
            complete: replay.complete,
        };
        self.send(cx, &replayed);
    }

    fn go_on_catching_up<H: History>(
        &mut self,
        cx: &mut Context,
        history: &H,
        may_see: &dyn Fn(&Identity, &str) -> bool,
        execution_id: &Arc<str>,
    ) -> Result<bool, HistoryError> {
        let Some(subscription) = self.subscriptions.get_mut(execution_id) else {
            self.catching_up.remove(execution_id);
            return Ok(true);
        };
        let Progress::CatchingUp { next } = subscription.progress else {
            self.catching_up.remove(execution_id);
            return Ok(true);
        };
        if next > history.head(execution_id) || !may_see(&self.identity, execution_id) {
            subscription.progress = Progress::Live;
            self.catching_up.remove(execution_id);
            return Ok(true);
        }
        if next < history.first(execution_id) {
            // The history has left the reader behind: coming back, it is told what is missing.
            self.close_too_slow(cx);
            return Ok(false);
        }
        for record in read(history, execution_id, next)? {
            if !self.takes(cx, record.text.len()) {
                return Ok(false);
            }
            self.catch_up(execution_id, record.seq + 1);
            cx.counters.replayed_events += 1;
            self.send_event(cx, record.text);
        }
        Ok(true)
    }
}

/// Events that the history says it has. Without this check a hole in it would go unnoticed, or it
/// would be asked forever.
fn read<H: History>(
    history: &H,
    execution_id: &str,
    from: u64,
) -> Result<Vec<Record>, HistoryError> {
    let records = history.range(execution_id, from, CHUNK)?;
    let in_order = records
        .iter()
        .zip(from..)
        .all(|(record, seq)| record.seq == seq);
    if records.is_empty() || !in_order {
        let reason = format!("an event from {from} on is not where it should be");
        return Err(HistoryError { reason });
    }
    Ok(records)
}
