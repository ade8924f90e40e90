//! Runs many seeds on all cores, or one with its trace.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use flowmaestro_simulation::{Check, Setup, Simulation, Summary, Violation};

const USAGE: &str =
    "usage: flowmaestro-simulation [--seeds N] [--from N] | --seed N [--without USER]";
/// How many seeds a thread takes at a time.
const CHUNK: u64 = 64;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (mut seeds, mut from, mut seed) = (10_000, 0, None);
    let mut without_user = None;
    while let Some(argument) = arguments.next() {
        let number = arguments.next().and_then(|number| number.parse().ok());
        match (argument.as_str(), number) {
            ("--seeds", Some(number)) => seeds = number,
            ("--from", Some(number)) => from = number,
            ("--seed", Some(number)) => seed = Some(number),
            ("--without", Some(user)) => without_user = usize::try_from(user).ok(),
            _ => {
                eprintln!("{USAGE}");
                return ExitCode::FAILURE;
            }
        }
    }
    match seed {
        Some(seed) => replay(seed, without_user),
        None => run_many(from, seeds),
    }
}

/// Runs a seed; a panic is a violation.
fn run(seed: u64, setup: &Setup) -> Result<Summary, Box<Violation>> {
    catch_unwind(AssertUnwindSafe(|| Simulation::run(seed, setup))).unwrap_or_else(|panic| {
        let message = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied());
        Err(Box::new(Violation {
            seed,
            check: Check::Panic,
            message: message.unwrap_or("a panic").to_owned(),
            steps: 0,
            lines: Vec::new(),
        }))
    })
}

fn replay(seed: u64, without_user: Option<usize>) -> ExitCode {
    let setup = Setup {
        keep_trace: true,
        without_user,
    };
    let (lines, result) = match run(seed, &setup) {
        Ok(summary) => (summary.lines, Ok((summary.steps, summary.hash))),
        Err(violation) => (violation.lines.clone(), Err(violation)),
    };
    for line in lines {
        println!("{line}");
    }
    match result {
        Ok((steps, hash)) => {
            println!("seed {seed}: {steps} steps, trace {hash:016x}, no violation");
            ExitCode::SUCCESS
        }
        Err(violation) => {
            println!("{violation}");
            ExitCode::FAILURE
        }
    }
}

fn run_many(from: u64, seeds: u64) -> ExitCode {
    let started = Instant::now();
    let next = AtomicU64::new(from);
    let end = from + seeds;
    let (steps, hash) = (AtomicU64::new(0), AtomicU64::new(0));
    let stop = AtomicBool::new(false);
    let violations = Mutex::new(Vec::new());
    let work = || {
        while !stop.load(Ordering::Relaxed) {
            let begin = next.fetch_add(CHUNK, Ordering::Relaxed);
            if begin >= end {
                return;
            }
            for seed in begin..end.min(begin + CHUNK) {
                match run(seed, &Setup::default()) {
                    Ok(summary) => {
                        steps.fetch_add(summary.steps, Ordering::Relaxed);
                        hash.fetch_xor(summary.hash ^ seed, Ordering::Relaxed);
                    }
                    Err(violation) => {
                        if let Ok(mut violations) = violations.lock() {
                            violations.push(violation);
                            stop.store(violations.len() >= 20, Ordering::Relaxed);
                        }
                    }
                }
            }
        }
    };
    std::thread::scope(|scope| {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..cores {
            scope.spawn(work);
        }
    });
    let seconds = started.elapsed().as_secs_f64();
    let steps = steps.into_inner();
    let mut violations = violations.into_inner().unwrap_or_default();
    violations.sort_by_key(|violation| violation.seed);
    for violation in &violations {
        println!("{violation}");
    }
    let per_second = |count: u64| (count as f64 / seconds).round();
    println!(
        "{seeds} schedules from {from}, {steps} steps in {seconds:.1} s: {} schedules/s, {} steps/s; traces {:016x}",
        per_second(seeds),
        per_second(steps),
        hash.into_inner(),
    );
    if violations.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
