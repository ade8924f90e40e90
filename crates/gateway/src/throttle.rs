//! How many lines of one kind go into the log: a stranger who is refused a thousand times a second
//! fills no disk.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

const WINDOW: Duration = Duration::from_secs(10);

/// Lets so many lines through in 10 s, and counts the others.
#[derive(Debug)]
pub(crate) struct Throttle {
    max: u32,
    window: Mutex<Option<Window>>,
}

#[derive(Debug)]
struct Window {
    begin: Instant,
    lines: u32,
    left_out: u64,
}

impl Throttle {
    pub(crate) fn new(max: u32) -> Self {
        Self {
            max,
            window: Mutex::default(),
        }
    }

    /// Whether a line may be written; with it, how many were left out since the last one.
    pub(crate) fn admit(&self) -> Option<u64> {
        self.admit_at(Instant::now())
    }

    fn admit_at(&self, now: Instant) -> Option<u64> {
        let mut window = self.window.lock();
        let current = window.get_or_insert(Window {
            begin: now,
            lines: 0,
            left_out: 0,
        });
        if now.saturating_duration_since(current.begin) >= WINDOW {
            current.begin = now;
            current.lines = 0;
        }
        if current.lines >= self.max {
            current.left_out += 1;
            return None;
        }
        current.lines += 1;
        Some(std::mem::take(&mut current.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_lines_in_ten_seconds_and_how_many_were_left_out() {
        let throttle = Throttle::new(2);
        let start = Instant::now();
        let at = |seconds| throttle.admit_at(start + Duration::from_secs(seconds));
        assert_eq!([at(0), at(1)], [Some(0), Some(0)]);
        assert_eq!([at(2), at(5), at(9)], [None; 3]);
        assert_eq!([at(10), at(10), at(10)], [Some(3), Some(0), None]);
        assert_eq!(at(40), Some(1));
    }
}
