//! FlowMaestro's client against its server, in virtual time.
//!
//! One `u64` seed is one run: the client's session ([`flowmaestro_session`]) against the server's hub
//! ([`flowmaestro_hub`]), both as they are shipped, over a network, among users and backends that are
//! simulated. First everything goes wrong that the seed has chosen; then the faults stop, and
//! everybody has to come back. What must hold meanwhile is the reliability contract, line by line
//! ([`Check`]).
//!
//! ```
//! use flowmaestro_simulation::{Setup, Simulation};
//!
//! let summary = Simulation::run(7, &Setup::default()).expect("no violation");
//! assert_eq!(summary, Simulation::run(7, &Setup::default()).expect("the same again"));
//! ```
//!
//! ```sh
//! cargo run --release -p flowmaestro-simulation -- --seeds 100000   # many, on all cores
//! cargo run --release -p flowmaestro-simulation -- --seed 7         # one, with its trace
//! ```
//!
//! - `plan`: what a seed chooses. Each fault is on in some runs only, or the faults hide each other.
//! - `world`: time, and who acts when. Each actor has its own randomness, so that a run with a user
//!   less is the same run for the others.
//! - `client`: what `src/driver.rs` and `src/decoder.js` do around the session.
//! - `server`: what the gateway does around the hub.
//! - `network`: the connections between them, and their faults.
//! - `tracker`: what one client was told of one execution, against what was emitted.
//! - `checks`: what must hold when all is calm again.

mod checks;
mod client;
mod faults;
mod fields;
mod network;
mod plan;
mod random;
mod server;
mod trace;
mod tracker;
mod world;

use std::fmt;

use world::World;

/// Runs seeds.
#[derive(Clone, Copy, Debug)]
pub struct Simulation;

/// How to run a seed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Setup {
    /// Keep every step as text.
    pub keep_trace: bool,
    /// Leave out a user, and all that is theirs.
    pub without_user: Option<usize>,
}

/// A run in which nothing was violated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// How many steps it took.
    pub steps: u64,
    /// The hash of all steps.
    pub hash: u64,
    /// The hash of all that the server sent to each user, and when.
    pub streams: [u64; plan::MAX_USERS],
    /// The steps, if they were to be kept.
    pub lines: Vec<String>,
}

/// What must hold: the lines of the reliability contract, and what belongs to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// I1: no byte that one user causes reaches another.
    Isolation,
    /// I2: what is delivered is in order.
    Order,
    /// I3: every event is delivered exactly once, or its loss is told before the next.
    OnceOrTold,
    /// I4: nothing is delivered after `unsubscribe`.
    Unsubscribed,
    /// I5: the last event counts.
    LastEvent,
    /// I6: once the faults stop, every wanted subscription comes back.
    Liveness,
    /// I7: everything is bounded, and nothing is left after the last disconnect.
    Bounds,
    /// I8: no panic, and an end.
    Panic,
    /// I9: no storm of handshakes.
    Storm,
    /// I10: no event without a valid token.
    Credentials,
    /// A message is acted on at most once, and its sender is told what became of it, once.
    Messages,
    /// A critical event is sent again until it was handled and acknowledged.
    Acknowledgement,
}

/// Something did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The run.
    pub seed: u64,
    /// What did not hold.
    pub check: Check,
    /// How.
    pub message: String,
    /// After how many steps.
    pub steps: u64,
    /// The steps, if they were to be kept.
    pub lines: Vec<String>,
}

/// In how many runs isolation is proved by leaving out each user: one in this many.
const DIFFERENTIAL: u64 = 8;

impl Simulation {
    /// Runs a seed; one in a few also with each user left out.
    ///
    /// # Errors
    /// What did not hold.
    pub fn run(seed: u64, setup: &Setup) -> Result<Summary, Box<Violation>> {
        let summary = World::new(seed, setup).run()?;
        if seed.is_multiple_of(DIFFERENTIAL) && setup.without_user.is_none() {
            Self::check_isolation(seed, setup, &summary)?;
        }
        Ok(summary)
    }

    /// I1, by what a user is sent with and without another.
    fn check_isolation(seed: u64, setup: &Setup, with: &Summary) -> Result<(), Box<Violation>> {
        let plan = plan::Plan::new(seed);
        if !plan.is_separable() {
            return Ok(());
        }
        for user in 0..plan::MAX_USERS {
            let without = Setup {
                without_user: Some(1 - user),
                ..*setup
            };
            let without = World::new(seed, &without).run()?;
            if without.streams[user] != with.streams[user] {
                return Err(Box::new(Violation {
                    seed,
                    check: Check::Isolation,
                    message: format!("user {user} was sent something else without the other"),
                    steps: without.steps,
                    lines: without.lines,
                }));
            }
        }
        Ok(())
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Isolation => "I1 isolation",
            Self::Order => "I2 order",
            Self::OnceOrTold => "I3 once or told",
            Self::Unsubscribed => "I4 unsubscribed",
            Self::LastEvent => "I5 last event",
            Self::Liveness => "I6 liveness",
            Self::Bounds => "I7 bounds",
            Self::Panic => "I8 no panic",
            Self::Storm => "I9 no storm",
            Self::Credentials => "I10 credentials",
            Self::Messages => "messages",
            Self::Acknowledgement => "acknowledgement",
        })
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            seed,
            check,
            message,
            steps,
            ..
        } = self;
        write!(f, "seed {seed}: {check}: {message} (step {steps})")
    }
}

impl std::error::Error for Violation {}
