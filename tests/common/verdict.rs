//! What a client heard of an execution, held against what was emitted.
#![allow(clippy::indexing_slicing, reason = "a test may panic, its helpers too")]

/// An event that a backend tried to emit. Its number is its place among them.
#[derive(Clone, Copy)]
pub struct Emission {
    /// How often the gateway had been started again before.
    pub life: usize,
    /// The gateway said that it has it. One that it died over it may have or not.
    pub accepted: bool,
}

/// What a client's handlers were called with, in order.
#[derive(Clone, Copy)]
pub enum Heard {
    /// The event of this number.
    Event(usize),
    /// A gap, because the server has lost its history or for another reason.
    Gap { restarted: bool },
}

/// What is to be 0 is what a client must never do.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    pub delivered: usize,
    pub gaps: usize,
    /// To be 0: accepted events that were neither delivered nor told to be gone.
    pub lost: usize,
    /// To be 0: events that came more than once.
    pub twice: usize,
    /// To be 0: events that came after a later one.
    pub out_of_order: usize,
    /// To be 0: restarts between two events of which nothing or too much was told, and gaps without
    /// a restart.
    pub mistold: usize,
}

impl Verdict {
    /// Fails if the client has done what it must never do.
    pub fn assert_faultless(&self) {
        let faultless = Self {
            delivered: self.delivered,
            gaps: self.gaps,
            ..Self::default()
        };
        assert_eq!(*self, faultless);
    }

    /// The fields of a JSON object.
    pub fn to_json(&self) -> String {
        let Self {
            delivered,
            gaps,
            lost,
            twice,
            out_of_order,
            mistold,
        } = self;
        format!(
            r#""delivered":{delivered},"lost":{lost},"twice":{twice},"out of order":{out_of_order},"gaps told":{gaps},"mistold":{mistold}"#
        )
    }
}

/// A gateway that `forgets` has to be told to have restarted; one that does not is never noticed.
pub fn judge(emitted: &[Emission], heard: &[Heard], forgets: bool) -> Verdict {
    let mut verdict = Verdict::default();
    let mut seen = vec![false; emitted.len()];
    let (mut next, mut life, mut gaps) = (0, 0, 0);
    for &heard in heard {
        let number = match heard {
            Heard::Gap { restarted } => {
                verdict.gaps += 1;
                verdict.mistold += usize::from(!restarted);
                gaps += 1;
                continue;
            }
            Heard::Event(number) => number,
        };
        verdict.delivered += 1;
        if std::mem::replace(&mut seen[number], true) {
            verdict.twice += 1;
        } else if number < next {
            verdict.out_of_order += 1;
        } else {
            let now = emitted[number].life;
            let told = if forgets { now - life } else { 0 };
            verdict.mistold += usize::from(gaps < told.min(1) || gaps > told);
            // What the server that is gone had is gone; what its successor has is not.
            verdict.lost += emitted[next..number]
                .iter()
                .filter(|event| event.accepted && (gaps == 0 || event.life == now))
                .count();
            (next, life, gaps) = (number + 1, now, 0);
        }
    }
    verdict.lost += emitted[next..]
        .iter()
        .filter(|event| event.accepted)
        .count();
    verdict.mistold += gaps;
    verdict
}
