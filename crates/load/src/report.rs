//! The figures, each beside its goal.

use std::fmt::Display;
use std::process::ExitCode;

/// What was measured so far; figures are printed as they come.
#[derive(Default)]
pub(crate) struct Report {
    right: usize,
    wrong: usize,
}

impl Report {
    /// Begins the figures of a scenario.
    pub(crate) fn scenario(&self, title: impl Display) {
        println!("\n{title}");
    }

    /// A figure without a goal.
    pub(crate) fn figure(&self, name: &str, value: f64, unit: &str) {
        println!("  {name:<44}{:>12} {unit}", round(value));
    }

    /// A figure that depends on the machine: over its goal it is said, and fails nothing.
    pub(crate) fn at_most(&self, name: &str, value: Option<f64>, goal: f64, unit: &str) {
        let Some(value) = value else {
            println!("  {name:<44}{:>12}", "not measured");
            return;
        };
        let verdict = if value <= goal { "met" } else { "MISSED" };
        println!(
            "  {name:<44}{:>12} {unit:<8} goal: at most {goal}, {verdict}",
            round(value)
        );
    }

    /// A figure of correctness: anything but the expected number fails the run.
    pub(crate) fn exactly(&mut self, name: &str, value: u64, expected: u64) {
        let is_right = value == expected;
        self.right += usize::from(is_right);
        self.wrong += usize::from(!is_right);
        let verdict = if is_right { "right" } else { "WRONG" };
        println!(
            "  {name:<44}{value:>12} {:<8} has to be {expected}, {verdict}",
            ""
        );
    }

    /// Sums up the figures of correctness.
    pub(crate) fn finish(&self) -> ExitCode {
        println!("\n# pass {}\n# fail {}", self.right, self.wrong);
        match self.wrong {
            0 => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        }
    }
}

/// The value below which a share of the values lies; the values are put in order. 0 without any.
pub(crate) fn percentile(values: &mut [u64], share: f64) -> u64 {
    values.sort_unstable();
    let last = values.len().saturating_sub(1);
    let index = (last as f64 * share).round() as usize;
    values.get(index).copied().unwrap_or(0)
}

fn round(value: f64) -> String {
    if value.abs() >= 100.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let mut values: Vec<u64> = (1..=101).rev().collect();
        assert_eq!(percentile(&mut values, 0.5), 51);
        assert_eq!(percentile(&mut values, 0.99), 100);
        assert_eq!(percentile(&mut [], 0.99), 0);
    }
}
