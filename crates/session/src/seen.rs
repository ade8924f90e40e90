//! A set of numbers that mostly follow each other.

use alloc::vec::Vec;

/// How many separate ranges are told apart.
const MAX_RANGES: usize = 64;

/// The numbers of an execution's delivered events: a few ranges, whatever their number.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// First and last of each range, sorted, with at least one number between two of them.
    ranges: Vec<(u64, u64)>,
}

impl Seen {
    /// All numbers up to this one, from 1.
    pub(crate) fn up_to(last: u64) -> Self {
        Self {
            ranges: alloc::vec![(1, last)],
        }
    }

    /// Adds a number, and returns whether it was missing.
    pub(crate) fn add(&mut self, number: u64) -> bool {
        let at = self.after(number);
        let before = at.checked_sub(1);
        if before.is_some_and(|before| self.last(before) >= Some(number)) {
            return false;
        }
        let joins_before = before.filter(|before| self.last(*before) == number.checked_sub(1));
        let joins_after = self.first(at) == Some(number.saturating_add(1));
        match joins_before {
            Some(before) if joins_after => {
                let (_, last) = self.ranges.remove(at);
                self.set_last(before, last);
            }
            Some(before) => self.set_last(before, number),
            None if joins_after => {
                if let Some((first, _)) = self.ranges.get_mut(at) {
                    *first = number;
                }
            }
            None => self.insert(at, (number, number)),
        }
        true
    }

    pub(crate) fn remove(&mut self, number: u64) {
        let Some(at) = self.after(number).checked_sub(1) else {
            return;
        };
        let Some(&(first, last)) = self.ranges.get(at) else {
            return;
        };
        if number > last {
            return;
        }
        self.ranges.remove(at);
        if number < last {
            self.insert(at, (number + 1, last));
        }
        if first < number {
            self.insert(at, (first, number - 1));
        }
    }

    /// Where the ranges begin that are behind a number.
    fn after(&self, number: u64) -> usize {
        self.ranges.partition_point(|(first, _)| *first <= number)
    }

    fn first(&self, at: usize) -> Option<u64> {
        self.ranges.get(at).map(|(first, _)| *first)
    }

    fn last(&self, at: usize) -> Option<u64> {
        self.ranges.get(at).map(|(_, last)| *last)
    }

    fn set_last(&mut self, at: usize, new: u64) {
        if let Some((_, last)) = self.ranges.get_mut(at) {
            *last = new;
        }
    }

    /// With too many ranges the two oldest become one: what was missing between them was told as a
    /// gap, and stays one.
    fn insert(&mut self, at: usize, range: (u64, u64)) {
        self.ranges.insert(at, range);
        if self.ranges.len() > MAX_RANGES {
            let (first, _) = self.ranges.remove(0);
            if let Some(next) = self.ranges.first_mut() {
                next.0 = first;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_any_order_become_ranges() {
        let mut seen = Seen::default();
        for number in [5, 7, 6, 1, 3, 2] {
            assert!(seen.add(number), "{number}");
            assert!(!seen.add(number), "{number} again");
        }
        assert_eq!(seen.ranges, [(1, 3), (5, 7)]);
    }

    #[test]
    fn a_removed_number_splits_its_range() {
        let mut seen = Seen::default();
        for number in 1..=5 {
            seen.add(number);
        }
        for number in [3, 1, 5, 9, 0] {
            seen.remove(number);
        }
        assert_eq!(seen.ranges, [(2, 2), (4, 4)]);
        assert!(seen.add(3));
        assert_eq!(seen.ranges, [(2, 4)]);
    }

    #[test]
    fn the_largest_number_is_one_like_any_other() {
        let mut seen = Seen::default();
        assert!(seen.add(u64::MAX));
        assert!(seen.add(u64::MAX - 1));
        assert!(seen.add(0));
        assert!(!seen.add(u64::MAX));
        seen.remove(u64::MAX);
        assert_eq!(seen.ranges, [(0, 0), (u64::MAX - 1, u64::MAX - 1)]);
    }

    #[test]
    fn the_number_of_ranges_is_bounded() {
        let mut seen = Seen::default();
        for number in (0..10_000).step_by(2) {
            seen.add(number);
        }
        assert_eq!(seen.ranges.len(), MAX_RANGES);
        assert!(!seen.add(1), "an old gap stays one");
        assert!(seen.add(9_997));
    }
}
