//! The subscription table: what is wanted against what the server was told on this connection.
//!
//! Each execution has at most one operation in flight, and the next one is decided only when that is
//! answered or overdue, from what is wanted *then*. So subscribe, unsubscribe, subscribe in a row
//! collapse, and nothing is ever replayed from a list of past wishes.
//!
//! Answers carry no number, so a late one may be taken for the answer to a later question. That only
//! ever costs time, never the outcome, because of one invariant: on a connection, an entry whose
//! `subscribe` was sent leaves the table only after an `unsubscribe` was sent behind it.

use alloc::vec::Vec;

use crate::fifo::Fifo;
use crate::sorted::position;
use crate::time::earliest;
use crate::{ExecutionKey, Millis, Position, Refused};

/// How long an answer to `subscribe` or `unsubscribe` is waited for, in milliseconds. A baseline
/// server answers every valid one at once, and an invalid one never.
pub(crate) const ANSWER_TIMEOUT_MS: f64 = 10_000.0;

/// How long after a refusal that may pass (a rate limit, say) to ask again, in milliseconds.
pub(crate) const ASK_AGAIN_MS: f64 = 5000.0;

/// How often a connection asks for one subscription before it leaves it at the last answer.
pub(crate) const MAX_TRIES: u8 = 3;

/// What the table wants done, in order.
#[derive(Debug, PartialEq)]
pub(crate) enum Action {
    Subscribe(ExecutionKey),
    Unsubscribe(ExecutionKey),
    Acknowledged {
        execution: ExecutionKey,
        resumed: bool,
        recovered: bool,
        /// The server said where the subscription stands.
        positioned: bool,
    },
    Unanswered(ExecutionKey),
    /// The server ended it, or began it anew, at another time than was thought.
    Interrupted(ExecutionKey),
    Released(ExecutionKey),
}

/// Whether the server will say once more where a subscription stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Asked {
    /// It was asked just now.
    Now,
    /// It was asked before, or will be.
    Pending,
    /// It will not be asked on this connection.
    Never,
}

/// What the server was told about an execution on this connection, and what it said.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wire {
    /// Nothing, or it confirmed the end.
    Off,
    Subscribing {
        answer_by: Millis,
    },
    On,
    Unsubscribing {
        answer_by: Millis,
    },
    /// It refused.
    Refused {
        ask_again_at: Option<Millis>,
    },
    /// It never said anything, so it may be on all the same.
    Unanswered,
}

#[derive(Debug)]
struct Entry {
    key: ExecutionKey,
    /// Its place in the order of subscription.
    order: u64,
    /// How many want it.
    holders: u32,
    /// Its terminal event came, so there is nothing more to ask the server for.
    finished: bool,
    /// Until when the server keeps it although it is not wanted; means nothing while it is.
    keep_until: Millis,
    /// Its holders want a room's events rather than an execution's.
    room: bool,
    /// Somebody wants to know who else watches.
    presence: bool,
    /// The server was told so, in the last `subscribe` of this connection.
    presence_asked: bool,
    /// Its acknowledgement on this connection was told.
    announced: bool,
    /// What the server's last answer said.
    position: Option<Position>,
    /// It was on when an earlier connection ended, or began before.
    resumes: bool,
    /// How often this connection asked for it in vain.
    tries: u8,
    wire: Wire,
}

impl Entry {
    fn new(key: ExecutionKey, order: u64) -> Self {
        Self {
            key,
            order,
            holders: 0,
            finished: false,
            keep_until: Millis::default(),
            room: false,
            presence: false,
            presence_asked: false,
            announced: false,
            position: None,
            resumes: false,
            tries: 0,
            wire: Wire::Off,
        }
    }

    /// Whether the server should be sending its events.
    fn wanted(&self) -> bool {
        self.holders > 0 && !self.finished
    }

    fn deadline(&self) -> Option<Millis> {
        match self.wire {
            Wire::Subscribing { answer_by } | Wire::Unsubscribing { answer_by } => Some(answer_by),
            Wire::Off => None,
            Wire::On | Wire::Unanswered | Wire::Refused { .. } if !self.wanted() => {
                Some(self.keep_until)
            }
            Wire::Refused { ask_again_at } => ask_again_at,
            Wire::On | Wire::Unanswered => None,
        }
    }

    fn is_due(&self, now: Millis) -> bool {
        self.deadline().is_some_and(|deadline| now >= deadline)
    }

    /// One more wants it. Whatever ended it before (its terminal event, a refusal) is asked anew.
    fn hold(&mut self) {
        self.holders = self.holders.saturating_add(1);
        self.finished = false;
        if let Wire::Refused { .. } | Wire::Unanswered = self.wire {
            self.wire = Wire::Off;
            self.tries = 0;
        }
    }

    /// The connection is gone, and with it all that the server knew.
    fn forget_wire(&mut self) {
        self.resumes |= core::mem::take(&mut self.announced);
        self.presence_asked = false;
        self.wire = Wire::Off;
        self.tries = 0;
    }

    /// An answer is overdue, or a pause is over.
    fn lapse(&mut self) {
        self.wire = match self.wire {
            Wire::Subscribing { .. } => {
                self.tries += 1;
                if self.wanted() && self.tries < MAX_TRIES {
                    Wire::Off
                } else {
                    Wire::Unanswered
                }
            }
            Wire::Unsubscribing { .. } => Wire::Off,
            Wire::Refused { .. } if self.wanted() => Wire::Off,
            wire => wire,
        };
    }
}

/// All subscriptions. At most `max_subscriptions` entries, those included that are being let go.
pub(crate) struct Subscriptions {
    /// Sorted by key: an event finds its entry without hashing or allocating.
    entries: Vec<Entry>,
    next_order: u64,
    connected: bool,
    /// The connection's server speaks of who watches.
    speaks_presence: bool,
    deadline: Option<Millis>,
    actions: Fifo<Action>,
}

impl Subscriptions {
    pub(crate) fn new() -> Self {
        Self {
            entries: Vec::new(),
            next_order: 0,
            connected: false,
            speaks_presence: false,
            deadline: None,
            actions: Fifo::new(),
        }
    }

    /// What to do next. To be drained after every call that changes the table.
    pub(crate) fn next_action(&mut self) -> Option<Action> {
        self.actions.pop()
    }

    pub(crate) fn deadline(&self) -> Option<Millis> {
        self.deadline
    }

    pub(crate) fn is_wanted(&self, key: ExecutionKey) -> bool {
        self.entry(key).is_some_and(|entry| entry.holders > 0)
    }

    /// Whether the server has acknowledged it, on this connection or before.
    pub(crate) fn has_begun(&self, key: ExecutionKey) -> bool {
        self.entry(key)
            .is_some_and(|entry| entry.announced || entry.resumes || entry.finished)
    }

    /// An event without a number came: before the answer to what was asked last, it is of an earlier
    /// subscription, and nobody can tell what happened between the two.
    pub(crate) fn heard(&mut self, key: ExecutionKey) {
        if let Some(entry) = self.entry_mut(key) {
            match entry.wire {
                Wire::Unsubscribing { .. } | Wire::Subscribing { .. } => entry.resumes = true,
                _ => {}
            }
        }
    }

    /// How many executions somebody wants.
    pub(crate) fn wanted(&self) -> usize {
        self.entries
            .iter()
            .filter(|entry| entry.holders > 0)
            .count()
    }

    /// How many of them the server acknowledged on this connection.
    pub(crate) fn live(&self) -> usize {
        self.entries
            .iter()
            .filter(|entry| entry.wanted() && entry.wire == Wire::On)
            .count()
    }

    pub(crate) fn subscribe(
        &mut self,
        key: ExecutionKey,
        limit: usize,
        now: Millis,
    ) -> Result<(), Refused> {
        let at = match self.position(key) {
            Ok(at) => at,
            Err(_) => self.insert(key, limit)?,
        };
        if let Some(entry) = self.entries.get_mut(at) {
            entry.hold();
            if planted!(ResubscribesAtEveryRender) {
                entry.wire = Wire::Off;
            }
        }
        self.announce(at);
        self.settle(at, now);
        self.refresh_deadline();
        Ok(())
    }

    /// Notes that a key, which is held, names a room.
    pub(crate) fn mark_room(&mut self, key: ExecutionKey) {
        if let Some(entry) = self.entry_mut(key) {
            entry.room = true;
        }
    }

    /// Whether a key names a room.
    pub(crate) fn is_room(&self, key: ExecutionKey) -> bool {
        self.entry(key).is_some_and(|entry| entry.room)
    }

    /// Whether somebody wants a room's events: then those of any execution may come.
    pub(crate) fn has_rooms(&self) -> bool {
        let wanted_room = |entry: &Entry| entry.room && entry.holders > 0;
        self.entries.iter().any(wanted_room)
    }

    /// Whether somebody wants to know who watches an execution.
    pub(crate) fn wants_presence(&self, key: ExecutionKey) -> bool {
        self.entry(key).is_some_and(|entry| entry.presence)
    }

    /// Says whether somebody wants to know who watches; the server is told when it has to know.
    pub(crate) fn watch_presence(&mut self, key: ExecutionKey, watch: bool, now: Millis) {
        let Ok(at) = self.position(key) else { return };
        if let Some(entry) = self.entries.get_mut(at) {
            entry.presence = watch;
        }
        self.settle(at, now);
        self.refresh_deadline();
    }

    /// Subscribes once more to what is on, as when something of it is missing.
    pub(crate) fn ask_again(&mut self, key: ExecutionKey, now: Millis) -> Asked {
        let Ok(at) = self.position(key) else {
            return Asked::Never;
        };
        let Some(entry) = self.entries.get_mut(at).filter(|entry| entry.wanted()) else {
            return Asked::Never;
        };
        match entry.wire {
            Wire::On => {
                entry.wire = Wire::Off;
                self.settle(at, now);
                self.refresh_deadline();
                Asked::Now
            }
            Wire::Unanswered | Wire::Refused { ask_again_at: None } => Asked::Never,
            Wire::Off
            | Wire::Subscribing { .. }
            | Wire::Unsubscribing { .. }
            | Wire::Refused {
                ask_again_at: Some(_),
            } => Asked::Pending,
        }
    }

    /// Whether somebody wants an execution's events, and it has not ended.
    pub(crate) fn is_followed(&self, key: ExecutionKey) -> bool {
        self.entry(key).is_some_and(Entry::wanted)
    }

    /// Whether the server owes no answer about an execution, nor will be asked by itself.
    pub(crate) fn is_settled(&self, key: ExecutionKey) -> bool {
        self.entry(key).is_none_or(|entry| {
            matches!(
                entry.wire,
                Wire::Off | Wire::On | Wire::Unanswered | Wire::Refused { ask_again_at: None }
            )
        })
    }

    /// Whether the server, which refused a subscription, will be asked for it once more.
    pub(crate) fn will_ask(&self, key: ExecutionKey) -> bool {
        self.entry(key).is_some_and(|entry| {
            let paused =
                matches!(entry.wire, Wire::Refused { ask_again_at } if ask_again_at.is_some());
            paused && entry.wanted()
        })
    }

    pub(crate) fn unsubscribe(&mut self, key: ExecutionKey, now: Millis, keep_until: Millis) {
        let Ok(at) = self.position(key) else { return };
        let Some(entry) = self.entries.get_mut(at).filter(|entry| entry.holders > 0) else {
            return;
        };
        let was_wanted = entry.wanted();
        entry.holders -= 1;
        if was_wanted && !entry.wanted() {
            entry.keep_until = keep_until;
        }
        self.settle(at, now);
        self.refresh_deadline();
    }

    /// The execution's terminal event came: its late events still arrive until `keep_until`.
    pub(crate) fn finish(&mut self, key: ExecutionKey, now: Millis, keep_until: Millis) {
        let Ok(at) = self.position(key) else { return };
        let Some(entry) = self.entries.get_mut(at).filter(|entry| entry.wanted()) else {
            return;
        };
        entry.finished = true;
        entry.keep_until = keep_until;
        self.settle(at, now);
        self.refresh_deadline();
    }

    /// Whether the terminal event came, so that there is nothing more to ask the server for.
    pub(crate) fn is_finished(&self, key: ExecutionKey) -> bool {
        self.entry(key).is_some_and(|entry| entry.finished)
    }

    /// The terminal event was taken back before anybody got it.
    pub(crate) fn reopen(&mut self, key: ExecutionKey) {
        if let Some(entry) = self.entry_mut(key) {
            entry.finished = false;
        }
    }

    /// A connection is up: asks for all that is wanted, in the order of subscription.
    pub(crate) fn connect(&mut self, speaks_presence: bool, now: Millis) {
        self.connected = true;
        if planted!(LostSubscriptions) {
            return;
        }
        self.speaks_presence = speaks_presence;
        let mut next = 0;
        while let Some((order, at)) = self.first_from(next) {
            self.settle(at, now);
            next = order + 1;
        }
        self.refresh_deadline();
    }

    /// The first entry in the order of subscription whose place is this one or later, and its place.
    fn first_from(&self, place: u64) -> Option<(u64, usize)> {
        let places = self.entries.iter().map(|entry| entry.order);
        let later = places.zip(0..).filter(|(order, _)| *order >= place);
        later.min_by_key(|(order, _)| *order)
    }

    /// The connection is gone. What was only being let go is gone with it.
    pub(crate) fn disconnect(&mut self) {
        self.connected = false;
        self.deadline = None;
        let actions = &mut self.actions;
        actions.retain(|action| {
            !matches!(
                action,
                Action::Subscribe(_) | Action::Unsubscribe(_) | Action::Unanswered(_)
            )
        });
        self.entries.retain_mut(|entry| {
            entry.forget_wire();
            if entry.holders == 0 {
                actions.push(Action::Released(entry.key));
            }
            entry.holders > 0
        });
    }

    /// The server said `subscribed`, and perhaps where that stands. Returns whether it was the answer
    /// to a question.
    pub(crate) fn acknowledge(
        &mut self,
        key: ExecutionKey,
        position: Option<Position>,
        now: Millis,
    ) -> bool {
        let Ok(at) = self.position(key) else {
            return false;
        };
        let Some(entry) = self.entries.get_mut(at) else {
            return false;
        };
        match entry.wire {
            Wire::Off | Wire::Unsubscribing { .. } => {
                if entry.holders > 0 {
                    self.actions.push(Action::Interrupted(key));
                }
                return false;
            }
            Wire::On => return false,
            Wire::Subscribing { .. } | Wire::Refused { .. } | Wire::Unanswered => {}
        }
        entry.wire = Wire::On;
        entry.tries = 0;
        entry.position = position;
        self.announce(at);
        self.settle(at, now);
        self.refresh_deadline();
        true
    }

    /// Tells that a subscription is on, once there is somebody to tell.
    fn announce(&mut self, at: usize) {
        let Some(entry) = self.entries.get_mut(at) else {
            return;
        };
        if entry.wire == Wire::On && entry.holders > 0 && !entry.announced {
            entry.announced = true;
            self.actions.push(Action::Acknowledged {
                execution: entry.key,
                resumed: core::mem::take(&mut entry.resumes),
                recovered: entry.position.is_some_and(|position| position.recovered),
                positioned: entry.position.is_some(),
            });
        }
    }

    /// The server said `unsubscribed`. Returns whether that was the answer to a question.
    pub(crate) fn acknowledge_end(&mut self, key: ExecutionKey, now: Millis) -> bool {
        let Ok(at) = self.position(key) else {
            return false;
        };
        let Some(entry) = self.entries.get_mut(at) else {
            return false;
        };
        let Wire::Unsubscribing { .. } = entry.wire else {
            if entry.holders > 0 {
                self.actions.push(Action::Interrupted(key));
            }
            return false;
        };
        entry.wire = Wire::Off;
        entry.announced = false;
        self.settle(at, now);
        self.refresh_deadline();
        true
    }

    /// The server sent an `error` that names this execution. Returns whether it refused a
    /// subscription with it.
    pub(crate) fn refuse(&mut self, key: ExecutionKey, forbidden: bool, now: Millis) -> bool {
        let Ok(at) = self.position(key) else {
            return false;
        };
        let Some(entry) = self.entries.get_mut(at) else {
            return false;
        };
        let refused = match entry.wire {
            Wire::Subscribing { .. } => {
                entry.tries += 1;
                let again = !forbidden && entry.tries < MAX_TRIES;
                entry.wire = Wire::Refused {
                    ask_again_at: again.then(|| now.plus(ASK_AGAIN_MS)),
                };
                true
            }
            Wire::Unsubscribing { .. } => {
                entry.wire = Wire::Off;
                false
            }
            Wire::Off | Wire::On | Wire::Refused { .. } | Wire::Unanswered => return false,
        };
        self.settle(at, now);
        self.refresh_deadline();
        refused
    }

    /// Acts on every deadline that has passed.
    pub(crate) fn expire(&mut self, now: Millis) {
        // From the end, because letting go of an entry moves those behind it.
        for at in (0..self.entries.len()).rev() {
            if self.entries.get(at).is_some_and(|entry| entry.is_due(now)) {
                self.expire_entry(at, now);
            }
        }
        self.refresh_deadline();
    }

    fn expire_entry(&mut self, at: usize, now: Millis) {
        let Some(entry) = self.entries.get_mut(at) else {
            return;
        };
        entry.lapse();
        if entry.wire == Wire::Unanswered && entry.wanted() {
            self.actions.push(Action::Unanswered(entry.key));
        }
        self.settle(at, now);
    }

    /// The one place that decides what happens next with an execution.
    fn settle(&mut self, at: usize, now: Millis) {
        let Some(entry) = self.entries.get_mut(at) else {
            return;
        };
        // Somebody began to watch after the server was asked.
        let unasked = self.speaks_presence && entry.presence && !entry.presence_asked;
        if unasked && entry.wire == Wire::On && entry.wanted() {
            entry.wire = Wire::Off;
        }
        match entry.wire {
            Wire::Off if entry.wanted() && self.connected => {
                entry.wire = Wire::Subscribing {
                    answer_by: now.plus(ANSWER_TIMEOUT_MS),
                };
                entry.presence_asked = entry.presence;
                self.actions.push(Action::Subscribe(entry.key));
            }
            // Also what was refused or never answered: the answer may have been to an earlier
            // question, and since the server works in order, the last word that it hears counts.
            Wire::On | Wire::Unanswered | Wire::Refused { .. }
                if !entry.wanted() && entry.is_due(now) =>
            {
                entry.wire = Wire::Unsubscribing {
                    answer_by: now.plus(ANSWER_TIMEOUT_MS),
                };
                self.actions.push(Action::Unsubscribe(entry.key));
            }
            Wire::Off if entry.holders == 0 => self.remove(at),
            _ => {}
        }
    }

    /// Makes room for, and adds, an entry.
    fn insert(&mut self, key: ExecutionKey, limit: usize) -> Result<usize, Refused> {
        if self.wanted() >= limit && !planted!(UnboundedSubscriptions) {
            return Err(Refused::TooManySubscriptions { limit });
        }
        while !planted!(UnboundedSubscriptions)
            && self.entries.len() >= limit
            && self.evict_unwanted()
        {}
        let (Ok(at) | Err(at)) = self.position(key);
        self.entries.insert(at, Entry::new(key, self.next_order));
        self.next_order += 1;
        Ok(at)
    }

    /// Lets go at once of an entry that nobody holds. Returns whether there was one.
    ///
    /// The server works through its messages in order, so it has room for what is asked of it next;
    /// an answer that still comes finds nobody and is ignored.
    fn evict_unwanted(&mut self) -> bool {
        let unwanted = |entry: &Entry| entry.holders == 0;
        let Some(at) = self.entries.iter().position(unwanted) else {
            return false;
        };
        let Some(entry) = self.entries.get(at) else {
            return false;
        };
        if !matches!(entry.wire, Wire::Off | Wire::Unsubscribing { .. }) {
            self.actions.push(Action::Unsubscribe(entry.key));
        }
        self.remove(at);
        true
    }

    fn remove(&mut self, at: usize) {
        let entry = self.entries.remove(at);
        self.actions.push(Action::Released(entry.key));
    }

    fn entry(&self, key: ExecutionKey) -> Option<&Entry> {
        self.position(key).ok().and_then(|at| self.entries.get(at))
    }

    fn entry_mut(&mut self, key: ExecutionKey) -> Option<&mut Entry> {
        let at = self.position(key).ok()?;
        self.entries.get_mut(at)
    }

    fn position(&self, key: ExecutionKey) -> Result<usize, usize> {
        position(&self.entries, key, |entry| entry.key)
    }

    fn refresh_deadline(&mut self) {
        let deadlines = self.entries.iter().map(Entry::deadline);
        self.deadline = deadlines.fold(None, earliest);
    }
}
