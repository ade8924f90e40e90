//! A few seeds in every `cargo test`; many are run by `npm run test:simulation`.

use flowmaestro_simulation::{Setup, Simulation};

#[test]
fn nothing_is_violated() {
    for seed in 0..500 {
        if let Err(violation) = Simulation::run(seed, &Setup::default()) {
            panic!("{violation}");
        }
    }
}

#[test]
fn a_seed_gives_the_same_trace_each_time() {
    let setup = Setup {
        keep_trace: true,
        ..Setup::default()
    };
    for seed in 0..20 {
        let first = Simulation::run(seed, &setup);
        assert_eq!(first, Simulation::run(seed, &setup));
    }
}
