//! The server's end of FlowMaestro's event socket as a sans-I/O state machine.
//!
//! A [`Hub`] decides everything about all connections of a server and does none of it: no socket, no
//! clock, no timer, no task, no randomness. Whatever happens goes in as a call with the time at which
//! it happened; what is to be done comes out as [`Effect`]s; when to come back at the latest is
//! [`Hub::next_deadline`]. So the same code runs behind axum and, in virtual time, against the
//! client's session through every order of cuts, delays and races that a test can think of.
//!
//! **The invariant:** after every call the caller drains [`Hub::poll_effect`] and carries the effects
//! out in that order, before the next call.
//!
//! ```
//! use flowmaestro_hub::{
//!     Config, ConnectionId, Effect, Hub, Identity, MemoryHistory, MemoryLimits, Millis, Owner,
//! };
//!
//! let history = MemoryHistory::new("epoch-1", MemoryLimits::default());
//! let mut hub = Hub::new(Config::default(), history);
//! let (now, alice) = (Millis(1_700_000_000_000), ConnectionId(1));
//! hub.register(now, "exec_1", Owner::user("alice"), &[])?;
//! hub.connect(now, alice, Identity::user("alice", now.plus(3_600_000)), "the connection's uuid");
//! hub.receive(now, alice, r#"{"type":"subscribe","executionId":"exec_1"}"#);
//! while let Some(effect) = hub.poll_effect() {
//!     if let Effect::Send { connection, text, .. } = effect {
//!         println!("send to {connection:?}: {text}");
//!         hub.written(now, connection, 1);
//!     }
//! }
//! # Ok::<(), flowmaestro_hub::RegisterError>(())
//! ```
//!
//! What it is responsible for:
//!
//! - **The baseline protocol**, to the byte, for clients that negotiate nothing.
//! - **Who sees what** ([`Authorizer`]): asked at every subscription and every delivery.
//! - **Order and recovery** ([`History`]): events are numbered per execution; a subscription resumes
//!   after what its client has, or says that something is missing.
//! - **Flow control**: what a slow socket does not take is read from the history later; where there
//!   is none, the connection is closed with 4408.
//! - **Acknowledgements** in both directions, **batches**, **presence**, **rooms**, **pings** and
//!   **new tokens**, each once it was negotiated.
//! - **Bounds**: whatever a client or a backend can make grow has a limit in [`Config`].

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

mod acknowledgement;
mod authorizer;
mod batch;
mod config;
mod connection;
mod context;
mod counters;
mod effect;
mod emission;
mod event_text;
mod executions;
mod history;
mod hub;
mod identity;
mod index;
mod memory_history;
mod messages;
mod outbox;
mod pace;
mod presence;
mod replay;
mod subscription;
mod time;
mod timers;

pub use authorizer::{Authorizer, OwnerAndWorkspaces};
pub use config::Config;
pub use counters::{Counters, Counts};
pub use effect::{Close, ConnectionId, Effect};
pub use emission::{EmitError, Emitted};
pub use event_text::EventId;
pub use executions::{Execution, Owner, RegisterError};
pub use history::{History, HistoryError, KeptExecution, Record};
pub use hub::Hub;
pub use identity::Identity;
pub use memory_history::{MemoryHistory, MemoryLimits};
pub use time::Millis;
