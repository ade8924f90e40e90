//! What is fuzzed, a function for each target: it takes any bytes, and panics at a fault.
//!
//! `npm run test:fuzz` runs them under libFuzzer with AddressSanitizer, from the corpus in
//! `fuzz/corpus`; an ordinary `cargo test` goes through that corpus once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how a target tells of a fault"
)]

mod codec;
mod connection;
mod hub;
mod session;
mod tickets;
mod tokens;

pub use codec::codec;
pub use connection::connection;
pub use hub::hub;
pub use session::session;
pub use tickets::tickets;
pub use tokens::tokens;

/// A target, by the name of its corpus.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 6] = [
    ("codec", codec),
    ("session", session),
    ("hub", hub),
    ("connection", connection),
    ("tokens", tokens),
    ("tickets", tickets),
];
