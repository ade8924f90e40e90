//! The order of each execution's events, and what of them is missing.
//!
//! A server that keeps a history numbers the events of an execution. The cursor is the number up to
//! which everything was delivered, or its loss was told. What comes twice is dropped; what comes too
//! early is held back while the server is asked to go on from the cursor; and when it cannot, the
//! gap is told before the next event.

use std::collections::{BTreeMap, VecDeque};

use crate::{ExecutionKey, Gap, GapReason, Position};

/// How many events of one execution are held back behind a hole.
const MAX_HELD: usize = 256;

/// An event on its way to its handlers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event<P> {
    pub(crate) event: u8,
    pub(crate) execution: Option<ExecutionKey>,
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
    /// Up to this number the server itself said that it does not have everything.
    loose_until: u64,
    /// Events without a number were delivered after the cursor, by a baseline server.
    adrift: bool,
    /// An event was dropped because nobody wanted it at that moment.
    missed: bool,
    /// The server was asked to go on from the cursor, and has not answered.
    asked: bool,
    /// The cursor from which it said it would go on, when it was asked because of a hole.
    answered_at: Option<u64>,
    held: BTreeMap<u64, Event<P>>,
}

pub(crate) struct Recovery<P> {
    /// Sorted by key.
    orders: Vec<Order<P>>,
    /// What is to be done, in order. Kept from event to event, so that these cost no allocation.
    steps: Steps<P>,
}

type Steps<P> = VecDeque<(ExecutionKey, Step<P>)>;

impl<P> Order<P> {
    fn new(key: ExecutionKey) -> Self {
        Self {
            key,
            cursor: None,
            loose_until: 0,
            adrift: false,
            missed: false,
            asked: false,
            answered_at: None,
            held: BTreeMap::new(),
        }
    }

    fn next(&self) -> u64 {
        self.cursor.map_or(1, |cursor| cursor.saturating_add(1))
    }

    /// The server's answer to a subscription. What it sends from now on goes on from the cursor, so
    /// what is held back comes again.
    fn position(&mut self, position: Position) -> Option<Gap> {
        self.held.clear();
        self.missed = false;
        if std::mem::take(&mut self.asked) {
            self.answered_at = self.cursor;
        }
        if std::mem::take(&mut self.adrift) {
            return self.end_drift(position);
        }
        if position.recovered {
            self.cursor.get_or_insert(0);
            return None;
        }
        let from = self.next();
        self.cursor = None;
        self.loose_until = position.head;
        Some(Gap {
            from: Some(from),
            to: None,
            reason: if position.restarted {
                GapReason::Restarted
            } else {
                GapReason::Evicted
            },
        })
    }

    /// Which of the events up to the head were delivered without their numbers, nobody can tell.
    fn end_drift(&mut self, position: Position) -> Option<Gap> {
        let from = self.next();
        self.cursor = Some(position.head);
        (from <= position.head).then_some(Gap {
            from: Some(from),
            to: Some(position.head),
            reason: GapReason::Baseline,
        })
    }

    fn place(&mut self, seq: u64, event: Event<P>, steps: &mut Steps<P>) {
        let next = self.next();
        match self.cursor {
            Some(cursor) if seq <= cursor => steps.push_back((self.key, Step::Drop(event))),
            Some(_) if seq > next && !self.may_be_missing(seq) => self.hold(seq, event, steps),
            Some(_) if seq > next => self.skip_to(seq, event, steps),
            _ => self.advance(seq, event, steps),
        }
    }

    /// Whether the server said that it does not have all that came before this number.
    fn may_be_missing(&self, seq: u64) -> bool {
        seq <= self.loose_until.saturating_add(1)
    }

    fn advance(&mut self, seq: u64, event: Event<P>, steps: &mut Steps<P>) {
        self.cursor = Some(seq);
        steps.push_back((self.key, Step::Deliver(event)));
        while let Some(event) = self.held.remove(&self.next()) {
            self.cursor = Some(self.next());
            steps.push_back((self.key, Step::Deliver(event)));
        }
    }

    fn skip_to(&mut self, seq: u64, event: Event<P>, steps: &mut Steps<P>) {
        steps.push_back((
            self.key,
            Step::Tell(Gap {
                from: Some(self.next()),
                to: Some(seq.saturating_sub(1)),
                reason: GapReason::Evicted,
            }),
        ));
        self.advance(seq, event, steps);
    }

    fn hold(&mut self, seq: u64, event: Event<P>, steps: &mut Steps<P>) {
        self.held.insert(seq, event);
        if self.answered_at == self.cursor || self.held.len() > MAX_HELD {
            self.give_up(steps);
        } else if !self.asked {
            steps.push_back((self.key, Step::Resume));
        }
    }

    /// The server cannot fill the hole.
    fn give_up(&mut self, steps: &mut Steps<P>) {
        self.asked = false;
        while let Some((seq, event)) = self.held.pop_first() {
            self.skip_to(seq, event, steps);
        }
    }

    /// The server says that its last event has this number.
    fn head(&mut self, head: u64, steps: &mut Steps<P>) {
        if self.asked || self.cursor.is_none_or(|cursor| head <= cursor) {
            return;
        }
        if self.answered_at != self.cursor {
            return steps.push_back((self.key, Step::Resume));
        }
        steps.push_back((
            self.key,
            Step::Tell(Gap {
                from: Some(self.next()),
                to: Some(head),
                reason: GapReason::Evicted,
            }),
        ));
        self.cursor = Some(head);
    }
}

impl<P> Recovery<P> {
    pub(crate) fn new() -> Self {
        Self {
            orders: Vec::new(),
            steps: VecDeque::new(),
        }
    }

    /// The number up to which everything was delivered.
    pub(crate) fn cursor(&self, key: ExecutionKey) -> Option<u64> {
        self.find(key).and_then(|order| order.cursor)
    }

    /// The server has said where a subscription stands.
    pub(crate) fn position(&mut self, key: ExecutionKey, position: Position) -> Option<Gap> {
        let at = self.insert(key);
        self.orders.get_mut(at)?.position(position)
    }

    /// A baseline server goes on with a subscription, without a word about what was missed.
    pub(crate) fn resumed_without_position(&self, key: ExecutionKey) -> Gap {
        Gap {
            from: self.cursor(key).map(|cursor| cursor.saturating_add(1)),
            to: None,
            reason: GapReason::Baseline,
        }
    }

    /// A numbered event has arrived.
    pub(crate) fn place(&mut self, key: ExecutionKey, seq: u64, event: Event<P>) {
        let at = self.insert(key);
        if let Some(order) = self.orders.get_mut(at) {
            order.place(seq, event, &mut self.steps);
        }
    }

    /// What to do next. To be drained after every call that an event or its absence leads to.
    pub(crate) fn next_step(&mut self) -> Option<(ExecutionKey, Step<P>)> {
        self.steps.pop_front()
    }

    /// An event without a number was delivered.
    pub(crate) fn drift(&mut self, key: ExecutionKey) {
        if let Some(order) = self.find_mut(key) {
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

    /// The server was asked to go on from the cursor.
    pub(crate) fn resuming(&mut self, key: ExecutionKey) {
        if let Some(order) = self.find_mut(key) {
            order.asked = true;
        }
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
            order.asked = false;
            order.answered_at = None;
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
        self.orders.binary_search_by_key(&key, |order| order.key)
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
