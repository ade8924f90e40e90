//! The gateway over real sockets on the loopback interface.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic, its helpers too"
)]

mod acknowledgements;
mod authentication;
mod backend_api;
mod compression;
mod durability;
mod emitted_events;
mod expiry;
mod forged_tokens;
mod hostile;
mod isolation;
mod limits;
mod negotiation;
mod origins;
mod presence;
mod program;
mod replay;
mod request_heads;
mod revocations;
mod rooms;
mod shutdown;
mod subscriptions;
mod support;
mod tickets;
mod user_input;
