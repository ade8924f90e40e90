//! The order of each execution's events, and what of them is missing.
//!
//! A server that keeps a history numbers the events of an execution. The cursor is the number up to
//! which everything was delivered, or its loss was told. What comes twice is dropped; what comes too
//! early is held back while the server is asked to go on from the cursor; and when it cannot, the
//! gap is told before the next event.

use alloc::vec::Vec;

use crate::fifo::Fifo;
use crate::sorted::{Sorted, position};
use crate::{ExecutionKey, Gap, GapReason, Position};

/// How many events of one execution are held back behind a hole.
const MAX_HELD: usize = 256;

/// An event on its way to its handlers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event<P> {
    pub(crate) event: u8,
    pub(crate) execution: Option<ExecutionKey>,
    pub(crate) seq: Option<u64>,
    pub(crate) terminal: bool,
    pub(crate) ack: bool,
    pub(crate) payload: P,
}

/// What is to be done with what has arrived, in order.
#[derive(Debug, PartialEq)]
pub(crate) enum Step<P> {
    Deliver(Event<P>),
    /// It was delivered before.
    Drop(Event<P>),
    Tell(Gap),
    /// Ask the server to go on from the cursor.
    Resume,
}

struct Order<P> {
    key: ExecutionKey,
    /// `None` until the server has said, or the first event says, where the numbers begin.
    cursor: Option<u64>,
    origin: Origin,
    /// The server said on this connection where the subscription stands. What arrives before, such
    /// as an event that waits for its acknowledgement, is not the next one even if its number is.
    positioned: bool,
    /// A gap without an end was told: the next event ends it, whatever its number.
    open: bool,
    /// Up to this number the server itself said that it does not have everything, or has sent again
    /// what it has.
    loose_until: u64,
    /// Events without a number were delivered after the cursor, by a baseline server.
    adrift: bool,
    /// On this connection it was told that events come whose place nobody knows.
    unplaced: bool,
    /// An event was dropped because nobody wanted it at that moment.
    missed: bool,
    /// A gap that came when nobody was there to be told.
    owed: Option<Gap>,
    question: Question,
    /// The cursor that the last subscription named.
    named: Option<u64>,
    held: Sorted<u64, Event<P>>,
}

/// Which history the cursor's number is of.
#[derive(Clone, Copy, PartialEq)]
enum Origin {
    /// That of this connection's server, which has not named it yet.
    Here,
    /// One that a server has named: should the next one's be another, the caller will know.
    Named,
    /// That of an earlier connection, which ended before its server named it.
    Unknown,
}

/// Whether the server was asked because of a hole to go on from the cursor, and which that was.
#[derive(Clone, Copy, PartialEq)]
enum Question {
    None,
    Asked(Option<u64>),
    Answered(Option<u64>),
}

pub(crate) struct Recovery<P> {
    /// Sorted by key.
    orders: Vec<Order<P>>,
    /// What is to be done, in order. Kept from event to event, so that these cost no allocation.
    steps: Steps<P>,
}

type Steps<P> = Fifo<(ExecutionKey, Step<P>)>;

impl<P> Order<P> {
    fn new(key: ExecutionKey) -> Self {
        Self {
            key,
            cursor: None,
            origin: Origin::Here,
            positioned: false,
            open: false,
            loose_until: 0,
            adrift: false,
            unplaced: false,
            missed: false,
            owed: None,
            question: Question::None,
            named: None,
            held: Sorted::new(),
        }
    }

    fn next(&self) -> u64 {
        self.cursor.map_or(1, |cursor| cursor.saturating_add(1))
    }

    fn has_asked(&self) -> bool {
        matches!(self.question, Question::Asked(_))
    }

    /// The server's answer to a subscription. What it sends from now on goes on from the cursor, so
    /// what is held back comes again.
    fn position(&mut self, position: Position, wanted: bool, steps: &mut Steps<P>) -> Option<Gap> {
        self.drop_held(position, steps);
        let gap = self.take_position(position);
        if wanted {
            // One that begins with the last event that somebody got says more than one that begins
            // with the history.
            return match (gap, self.owed.take()) {
                (Some(gap), Some(owed)) if gap.to.is_none() => Some(owed),
                (gap, owed) => gap.or(owed),
            };
        }
        // What is evicted is still evicted when somebody wants it again, and the server asked.
        self.missed |= gap.is_some();
        self.owed = gap
            .filter(|gap| gap.reason != GapReason::Evicted)
            .or(self.owed);
        None
    }

    fn take_position(&mut self, position: Position) -> Option<Gap> {
        self.missed = false;
        self.positioned = true;
        self.open = false;
        self.loose_until = 0;
        if let Question::Asked(from) = self.question {
            self.question = Question::Answered(from);
            // A hole in what it sends again is one that it cannot fill.
            self.loose_until = position.head;
        }
        let origin = core::mem::replace(&mut self.origin, Origin::Named);
        if core::mem::take(&mut self.adrift) || origin == Origin::Unknown {
            return Some(self.end_drift(position, origin));
        }
        if position.recovered {
            self.cursor.get_or_insert(0);
            return None;
        }
        let head = Some(position.head);
        let is_of_this_history = !position.restarted && self.cursor <= head;
        if is_of_this_history && (self.named < self.cursor || self.cursor == head) {
            // More has come since it was asked, or it answers an earlier question: the next event
            // tells whether something is missing.
            self.loose_until = position.head;
            return None;
        }
        let from = self.next();
        self.open = true;
        self.loose_until = position.head;
        let reason = if position.restarted && !planted!(KeepsCursorOfLostHistory) {
            self.cursor = None;
            GapReason::Restarted
        } else {
            GapReason::Evicted
        };
        Some(Gap {
            from: Some(from),
            to: None,
            reason,
        })
    }

    /// Which of the events up to the head were delivered without their numbers, nobody can tell.
    fn end_drift(&mut self, position: Position, origin: Origin) -> Gap {
        let from = self.next();
        let head = position.head;
        self.cursor = Some(head);
        let (from, to, reason) = if position.restarted || origin == Origin::Unknown {
            // Of another history than the cursor's, as far as anybody knows. What it sends again of
            // these is not handled.
            (None, Some(head), GapReason::Restarted)
        } else if from <= head {
            (Some(from), Some(head), GapReason::Baseline)
        } else {
            (None, None, GapReason::Baseline) // what may be missing never had a number
        };
        Gap { from, to, reason }
    }

    /// The numbers begin anew, and nobody asked where.
    fn lose_history(&mut self) {
        if self.cursor.is_some() {
            self.owed = Some(Gap {
                from: Some(self.next()),
                to: None,
                reason: GapReason::Restarted,
            });
            self.cursor = None;
            self.missed = true;
            self.held.clear();
        }
    }

    /// A server that numbers its events does not say where they stand: the next event does.
    fn no_position(&mut self, told: bool, steps: &mut Steps<P>) {
        self.positioned = true;
        self.missed = false;
        self.open |= told || self.cursor.is_none();
        self.give_up(steps);
    }

    fn place(&mut self, seq: u64, event: Event<P>, is_over: bool, steps: &mut Steps<P>) {
        if self.cursor.is_some_and(|cursor| seq <= cursor) {
            if !self.positioned && !is_over {
                return self.await_position(seq, event);
            }
            steps.push((
                self.key,
                match planted!(DeliversDuplicates) {
                    true => Step::Deliver(event),
                    false => Step::Drop(event),
                },
            ));
        } else if !self.positioned || self.missed {
            self.hold(seq, event, steps);
        } else if self.open || seq == self.next() || planted!(IgnoresHoles) {
            self.advance(seq, event, steps);
        } else if self.may_be_missing(seq) {
            self.skip_to(seq, event, steps);
        } else {
            self.hold(seq, event, steps);
        }
    }

    /// It was delivered before, unless its number is one of another history.
    fn await_position(&mut self, seq: u64, event: Event<P>) {
        if self.held.len() < MAX_HELD {
            self.held.insert(seq, event);
        }
    }

    /// The server's answer tells whose numbers those are that came before it. What follows the cursor
    /// comes again.
    fn drop_held(&mut self, position: Position, steps: &mut Steps<P>) {
        if !position.restarted {
            let cursor = self.cursor.unwrap_or_default();
            while let Some(event) = self.held.pop_up_to(cursor) {
                steps.push((self.key, Step::Drop(event)));
            }
        }
        self.held.clear();
    }

    /// Whether the server said that it does not have all that came before this number.
    fn may_be_missing(&self, seq: u64) -> bool {
        seq <= self.loose_until.saturating_add(1)
    }

    fn advance(&mut self, seq: u64, event: Event<P>, steps: &mut Steps<P>) {
        self.open = false;
        self.cursor = Some(seq);
        steps.push((self.key, Step::Deliver(event)));
        while let Some(event) = self.held.remove(self.next()) {
            self.cursor = Some(self.next());
            steps.push((self.key, Step::Deliver(event)));
        }
    }

    fn skip_to(&mut self, seq: u64, event: Event<P>, steps: &mut Steps<P>) {
        if !planted!(SilentGap) {
            self.tell_up_to(seq.saturating_sub(1), steps);
        }
        self.advance(seq, event, steps);
    }

    fn tell_up_to(&self, to: u64, steps: &mut Steps<P>) {
        let gap = Gap {
            from: Some(self.next()),
            to: Some(to),
            reason: GapReason::Evicted,
        };
        steps.push((self.key, Step::Tell(gap)));
    }

    fn hold(&mut self, seq: u64, event: Event<P>, steps: &mut Steps<P>) {
        if self.held.len() >= MAX_HELD {
            self.held.clear(); // it all comes again with the answer
        }
        self.held.insert(seq, event);
        if !self.may_be_filled() {
            self.give_up(steps);
        } else if !self.has_asked() {
            steps.push((self.key, Step::Resume));
        }
    }

    /// Whether the server may have what comes after the cursor: it was not asked, or it did send
    /// what it has, and nobody wanted it at that moment.
    fn may_be_filled(&self) -> bool {
        self.missed || self.question != Question::Answered(self.cursor)
    }

    /// The server cannot fill the hole.
    fn give_up(&mut self, steps: &mut Steps<P>) {
        if self.has_asked() {
            self.question = Question::None;
        }
        // Nobody says whether these were delivered before.
        let cursor = self.cursor.unwrap_or_default();
        while self.held.pop_up_to(cursor).is_some() {}
        if !self.positioned && !self.unplaced && !self.held.is_empty() {
            self.tell_unplaced(steps);
        }
        while let Some((seq, event)) = self.held.pop_first() {
            if self.open || seq == self.next() {
                self.advance(seq, event, steps);
            } else {
                self.skip_to(seq, event, steps);
            }
        }
    }

    /// The numbers of what goes out now may be those of another history.
    fn tell_unplaced(&mut self, steps: &mut Steps<P>) {
        let gap = Gap {
            from: Some(self.next()),
            to: None,
            reason: GapReason::Baseline,
        };
        steps.push((self.key, Step::Tell(gap)));
        self.open = true;
        self.adrift = true;
        self.unplaced = true;
    }

    /// The server says that its last event has this number.
    fn head(&mut self, head: u64, steps: &mut Steps<P>) {
        if !self.positioned || self.has_asked() || head < self.next() || planted!(IgnoresHeads) {
            return;
        }
        if self.may_be_filled() {
            return steps.push((self.key, Step::Resume));
        }
        self.tell_up_to(head, steps);
        self.open = false;
        self.cursor = Some(head);
    }

    /// What was to be delivered after this number was not.
    fn rewind(&mut self, to: u64) {
        self.missed = true;
        self.cursor = self.cursor.map(|cursor| cursor.min(to));
    }

    /// An event reaches somebody by another way than a subscription of its own. Returns whether it
    /// is the first time.
    fn pass(&mut self, seq: u64) -> bool {
        if self.cursor.is_some_and(|cursor| seq <= cursor) {
            return false;
        }
        if self.positioned && !self.open && seq == self.next() {
            self.cursor = Some(seq);
        } else {
            self.missed = true;
        }
        true
    }
}

impl<P> Recovery<P> {
    pub(crate) fn new() -> Self {
        Self {
            orders: Vec::new(),
            steps: Fifo::new(),
        }
    }

    /// Everything up to this number, of a history whose name the caller knows, was delivered by a
    /// session before this one.
    pub(crate) fn go_on_from(&mut self, key: ExecutionKey, seq: u64) {
        let at = self.insert(key);
        if let Some(order) = self.orders.get_mut(at) {
            order.cursor = Some(seq);
            order.origin = Origin::Named;
        }
    }

    /// The number up to which everything was delivered.
    pub(crate) fn cursor(&self, key: ExecutionKey) -> Option<u64> {
        self.find(key).and_then(|order| order.cursor)
    }

    /// The server has said where a subscription stands. Returns the gap that is to be told.
    pub(crate) fn position(
        &mut self,
        key: ExecutionKey,
        position: Position,
        wanted: bool,
    ) -> Option<Gap> {
        let at = self.insert(key);
        let order = self.orders.get_mut(at)?;
        order.position(position, wanted, &mut self.steps)
    }

    /// An answer that nobody asked for says that the server has lost its history.
    pub(crate) fn lose_history(&mut self, key: ExecutionKey) {
        if let Some(order) = self.find_mut(key) {
            order.lose_history();
        }
    }

    /// The server took a subscription, and has not said where it stands. `told` says that a gap was
    /// told for that.
    pub(crate) fn no_position(&mut self, key: ExecutionKey, told: bool) {
        let at = self.insert(key);
        if let Some(order) = self.orders.get_mut(at) {
            order.no_position(told, &mut self.steps);
        }
    }

    /// Whether what was delivered last had a number, and only a number can tell what follows it.
    pub(crate) fn is_left_behind(&self, key: ExecutionKey) -> bool {
        self.find(key)
            .is_some_and(|order| order.cursor.is_some() && !order.adrift)
    }

    /// A baseline server goes on with a subscription, without a word about what was missed.
    pub(crate) fn resumed_without_position(&self, key: ExecutionKey) -> Gap {
        Gap {
            from: self.cursor(key).map(|cursor| cursor.saturating_add(1)),
            to: None,
            reason: GapReason::Baseline,
        }
    }

    /// A numbered event has arrived. Once the execution is over the server is asked for nothing more.
    pub(crate) fn place(&mut self, key: ExecutionKey, seq: u64, event: Event<P>, is_over: bool) {
        let at = self.insert(key);
        if let Some(order) = self.orders.get_mut(at) {
            order.place(seq, event, is_over, &mut self.steps);
        }
    }

    /// Whether a number follows the last event, and nothing has to be found out before it is delivered.
    pub(crate) fn is_next(&self, key: ExecutionKey, seq: u64) -> bool {
        self.find(key).is_some_and(|order| {
            order.positioned
                && !order.missed
                && !order.open
                && order.held.is_empty()
                && seq == order.next()
        })
    }

    /// The next event is delivered. Returns whether there is such an execution.
    pub(crate) fn take_next(&mut self, key: ExecutionKey) -> bool {
        let order = self.find_mut(key);
        order
            .map(|order| order.cursor = Some(order.next()))
            .is_some()
    }

    /// What to do next. To be drained after every call that an event or its absence leads to.
    pub(crate) fn next_step(&mut self) -> Option<(ExecutionKey, Step<P>)> {
        self.steps.pop()
    }

    /// An event without a number was delivered.
    pub(crate) fn drift(&mut self, key: ExecutionKey) {
        let at = self.insert(key);
        if let Some(order) = self.orders.get_mut(at) {
            order.adrift = true;
        }
    }

    /// An event was dropped because nobody wants it now.
    pub(crate) fn miss(&mut self, key: ExecutionKey) {
        if let Some(order) = self.find_mut(key) {
            order.missed = true;
        }
    }

    /// Nobody wants an execution any more. What is held back would come too late for them.
    pub(crate) fn let_go(&mut self, key: ExecutionKey) {
        if let Some(order) = self.find_mut(key) {
            order.missed |= !order.held.is_empty();
            order.held.clear();
        }
    }

    /// An event on its way to its handlers will not reach them: nobody wants it any more.
    pub(crate) fn rewind(&mut self, key: ExecutionKey, to: u64) {
        if let Some(order) = self.find_mut(key) {
            order.rewind(to);
        }
    }

    /// A gap will not be told, because nobody is there.
    pub(crate) fn owe(&mut self, key: ExecutionKey, gap: Gap) {
        if let Some(order) = self.find_mut(key) {
            order.missed = true;
            order.owed = Some(gap);
        }
    }

    /// A room's event, of an execution that nobody wants by itself. Returns whether it is new.
    pub(crate) fn pass(&mut self, key: ExecutionKey, seq: u64) -> bool {
        self.find_mut(key).is_none_or(|order| order.pass(seq))
    }

    /// Whether the server has said on this connection where an execution stands.
    pub(crate) fn is_positioned(&self, key: ExecutionKey) -> bool {
        self.find(key).is_some_and(|order| order.positioned)
    }

    /// Whether events of an execution came on this connection, with or without a word of the server's
    /// on where they stand: then their numbers are those of its history.
    pub(crate) fn has_begun(&self, key: ExecutionKey) -> bool {
        self.find(key)
            .is_some_and(|order| order.positioned || order.unplaced)
    }

    /// Whether the next server can say if its history is that of an execution's last number.
    pub(crate) fn is_named(&self, key: ExecutionKey) -> bool {
        self.find(key)
            .is_some_and(|order| order.origin == Origin::Named && order.cursor.is_some())
    }

    /// Whether something was dropped that is wanted now.
    pub(crate) fn has_missed(&self, key: ExecutionKey) -> bool {
        self.find(key).is_some_and(|order| order.missed)
    }

    /// The server says that the last event of an execution has this number.
    pub(crate) fn head(&mut self, key: ExecutionKey, head: u64) {
        if let Ok(at) = self.at(key)
            && let Some(order) = self.orders.get_mut(at)
        {
            order.head(head, &mut self.steps);
        }
    }

    /// A subscription names the cursor. Returns it.
    pub(crate) fn name_cursor(&mut self, key: ExecutionKey) -> Option<u64> {
        let order = self.find_mut(key)?;
        order.named = order.cursor;
        order.cursor
    }

    /// The server was asked to go on from the cursor.
    pub(crate) fn resuming(&mut self, key: ExecutionKey) {
        if let Some(order) = self.find_mut(key) {
            order.question = Question::Asked(order.cursor);
        }
    }

    /// Whether events of an execution are missing that a server should have, which did say before
    /// on this connection where the execution stands.
    pub(crate) fn awaits_more(&self, key: ExecutionKey) -> bool {
        self.find(key).is_some_and(|order| {
            let lacks = order.has_asked() || order.missed || !order.held.is_empty();
            order.positioned && lacks
        })
    }

    /// The server does not answer, or refuses: what is held back goes out.
    pub(crate) fn give_up(&mut self, key: ExecutionKey) {
        if let Ok(at) = self.at(key)
            && let Some(order) = self.orders.get_mut(at)
        {
            order.give_up(&mut self.steps);
        }
    }

    /// The connection is gone: what is held back comes again on the next.
    pub(crate) fn disconnect(&mut self) {
        for order in &mut self.orders {
            order.held.clear();
            order.positioned = false;
            order.unplaced = false;
            order.question = Question::None;
            if order.origin == Origin::Here && order.cursor.is_some() {
                order.origin = Origin::Unknown;
            }
        }
    }

    pub(crate) fn forget(&mut self, key: ExecutionKey) {
        if let Ok(at) = self.at(key) {
            self.orders.remove(at);
        }
    }

    /// How many events are held back.
    pub(crate) fn held(&self) -> usize {
        self.orders.iter().map(|order| order.held.len()).sum()
    }

    fn at(&self, key: ExecutionKey) -> Result<usize, usize> {
        position(&self.orders, key, |order| order.key)
    }

    fn find(&self, key: ExecutionKey) -> Option<&Order<P>> {
        self.orders.get(self.at(key).ok()?)
    }

    fn find_mut(&mut self, key: ExecutionKey) -> Option<&mut Order<P>> {
        let at = self.at(key).ok()?;
        self.orders.get_mut(at)
    }

    fn insert(&mut self, key: ExecutionKey) -> usize {
        self.at(key).unwrap_or_else(|at| {
            self.orders.insert(at, Order::new(key));
            at
        })
    }
}
