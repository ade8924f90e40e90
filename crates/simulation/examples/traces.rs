//! The hash of the traces of some seeds, for a JavaScript engine to compare with the native one.
#![expect(unsafe_code, reason = "an export has a name that is its own")]

use flowmaestro_simulation::{Setup, Simulation};

/// The hash of the traces of `count` seeds; 0 when something is violated.
#[unsafe(no_mangle)]
pub extern "C" fn traces(from: u64, count: u64) -> u64 {
    let run = |seed| Simulation::run(seed, &Setup::default());
    (from..from + count)
        .try_fold(0, |hash, seed| {
            run(seed).map(|summary| hash ^ summary.hash ^ seed)
        })
        .unwrap_or_default()
}
