//! The simulation tested by itself: every bug that is planted must be found.
#![cfg(feature = "planted-bugs")]

use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

use flowmaestro_planted_bugs::{Bug, plant};
use flowmaestro_simulation::{Check, Setup, Simulation};

/// Within how many seeds a bug must be found.
const SEEDS: u64 = 1_000;

/// The first seed that finds a bug, and by what.
fn hunt(bug: Bug) -> Option<(u64, Check)> {
    plant(Some(bug));
    let found = (0..SEEDS).find_map(|seed| {
        let run = || Simulation::run(seed, &Setup::default());
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Ok(_)) => None,
            Ok(Err(violation)) => Some((seed, violation.check)),
            Err(_) => Some((seed, Check::Panic)),
        }
    });
    plant(None);
    found
}

#[test]
fn every_planted_bug_is_found() {
    // What panics is expected to.
    std::panic::set_hook(Box::new(|_| {}));
    let mut table = format!("{:<28} {:>5}  found by\n", "planted bug", "seeds");
    let mut survivors = Vec::new();
    for bug in Bug::ALL {
        let name = format!("{bug:?}");
        match hunt(*bug) {
            Some((seed, check)) => {
                let _ = writeln!(table, "{name:<28} {:>5}  {check}", seed + 1);
            }
            None => survivors.push(name),
        }
    }
    let _ = std::panic::take_hook();
    println!("{table}");
    assert!(survivors.is_empty(), "not found: {survivors:?}");
}
