//! What was delivered and told of an execution's numbered events: each is the one after the last, or
//! a gap told exactly what is missing.

use flowmaestro_session::{Gap, GapReason};

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ledger {
    /// 0 before the first event of a history.
    pub epoch: u32,
    /// The last number that was delivered, or told to be missing.
    pub last: u64,
    /// A gap was told whose end the next event tells.
    open: Option<GapReason>,
}

impl Ledger {
    /// A replay may have been faster than the subscription, with what comes up to this number.
    pub fn catch_up(&mut self, to: u64, was_delivered: impl Fn(u64) -> bool) {
        while self.last < to && was_delivered(self.last + 1) {
            self.last += 1;
        }
    }

    /// The session says that everything up to this number was delivered or told. What a replay has
    /// brought may be what ended a gap.
    pub fn go_on_from(&mut self, cursor: u64, was_delivered: impl Fn(u64) -> bool) {
        let is_ended = self.open == Some(GapReason::Evicted) && was_delivered(cursor);
        if is_ended && self.last < cursor {
            self.last = cursor;
            self.open = None;
        }
        self.catch_up(cursor, was_delivered);
    }

    pub fn deliver(&mut self, epoch: u32, seq: u64) {
        match self.open.take() {
            Some(GapReason::Evicted) => {
                let same = self.epoch == 0 || epoch == self.epoch;
                assert!(same, "another history, untold");
                assert!(seq > self.last, "{seq} twice, after {}", self.last);
            }
            Some(_) => {
                let again = epoch == self.epoch && seq <= self.last;
                assert!(!again, "{epoch}.{seq} twice, after {}", self.last);
            }
            None => {
                let same = self.epoch == 0 || epoch == self.epoch;
                assert!(same, "another history, untold");
                assert_eq!(seq, self.last + 1, "neither in order nor told");
            }
        }
        self.epoch = epoch;
        self.last = seq;
    }

    pub fn tell(&mut self, gap: Gap) {
        // After a gap whose end is not known, another history may have begun.
        let anew = self.open.is_some_and(|reason| reason != GapReason::Evicted);
        if let Some(from) = gap.from {
            assert!(anew || from == self.last + 1, "a gap from elsewhere");
        }
        let Some(to) = gap.to else {
            self.open = self.open.filter(|_| anew).or(Some(gap.reason));
            return;
        };
        assert!(gap.from <= Some(to), "an empty gap");
        if anew || gap.reason == GapReason::Restarted {
            self.epoch = 0;
        }
        self.last = to;
        self.open = None;
    }
}
