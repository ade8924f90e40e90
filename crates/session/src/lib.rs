//! One FlowMaestro connection as a sans-I/O state machine.
//!
//! A [`Session`] decides everything about a connection to the FlowMaestro event socket and does none
//! of it: no socket, no clock, no timer, no randomness but from a seed. Whatever happens goes in as
//! an [`Input`] with the time at which it happened; what is to be done comes out as [`Effect`]s; when
//! to come back at the latest is [`Session::next_deadline`]. So the same code runs in a browser and,
//! in virtual time, through every order of cuts, delays and races that a test can think of.
//!
//! **The invariant:** after every [`Session::handle`] the caller drains [`Session::poll_effect`]
//! and carries the effects out in that order, before the next input.
//!
//! ```
//! use flowmaestro_session::{Credentials, Effect, ExecutionKey, Input, Millis, Options, Session};
//!
//! let mut session: Session<String> = Session::new(Options::default(), 1);
//! session.handle(Millis(0.0), Input::Subscribe(ExecutionKey(7)))?; // remembered until connected
//! session.handle(Millis(0.0), Input::Connect { credentials: Credentials::None })?;
//! while let Some(effect) = session.poll_effect() {
//!     if let Effect::OpenSocket { generation, .. } = effect {
//!         println!("open a socket and report its events as {generation:?}");
//!     }
//! }
//! # Ok::<(), flowmaestro_session::Refused>(())
//! ```
//!
//! What it is responsible for:
//!
//! - **The connection's state** ([`State`]): connected means that the server's welcome arrived.
//! - **Coming back** ([`Backoff`]): jittered, growing delays, counted from zero again only after a
//!   connection proved itself; giving up ends the timer, not the wish.
//! - **Close codes**: which end is final, which asks for a fresh token, which is tried again.
//! - **Tokens** ([`Credentials`]): fixed, or from a provider that is asked for each connection, and
//!   before the token in use ends: then the connection is renewed without a break.
//! - **Subscriptions**: counted, remembered in every state, asked for again after each welcome, kept
//!   a moment after the last holder left, let go after the execution's terminal event.
//! - **Order**: with a server that numbers its events each is delivered once and in order, what was
//!   missed is asked for, and what cannot be had is told as a [`Gap`].
//! - **The past**: what is asked for of it comes between what was delivered, and never twice.
//! - **Liveness**: pings whose answers must come, since a dead link looks like a quiet one.
//! - **Outgoing messages**: kept until the server has taken them, queued within bounds until connected, and never sent as somebody else.
//!
//! Payloads are of a type `P` of the caller's; the session moves them and never looks inside.
//!
//! Without the standard library, since half of what a browser would download is that library's way to
//! report a panic.

#![no_std]

extern crate alloc;

/// Whether a bug is planted: only ever in the simulation's test of itself.
#[cfg(feature = "planted-bugs")]
macro_rules! planted {
    ($bug:ident) => {
        flowmaestro_planted_bugs::is_planted(flowmaestro_planted_bugs::Bug::$bug)
    };
}
#[cfg(not(feature = "planted-bugs"))]
macro_rules! planted {
    ($bug:ident) => {
        false
    };
}

mod backoff;
mod credentials;
mod effect;
mod fifo;
mod ids;
mod input;
mod link;
mod options;
mod queue;
mod random;
mod recovery;
mod renewal;
mod replays;
mod seen;
mod session;
mod sorted;
mod state;
mod stats;
mod subscriptions;
mod time;

pub mod close_code;

pub use credentials::{Credentials, Token};
pub use effect::{Effect, Gap, GapReason, Outgoing, Problem, ReplayError, SendError};
pub use ids::{ExecutionKey, Generation, ReplayId, SendId, TokenRequest};
pub use input::{Frame, FrameKind, Input, PlainEvent, Position, Refused};
pub use options::{Backoff, InvalidOption, Jitter, Options};
pub use session::Session;
pub use state::{Closed, DisconnectCause, Failure, State};
pub use stats::Stats;
pub use time::{MAX_DURATION_MS, Millis};
