//! The gateway over real sockets on the loopback interface.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic, its helpers too"
)]

mod authentication;
mod backend_api;
mod emitted_events;
mod isolation;
mod limits;
mod origins;
mod program;
mod shutdown;
mod subscriptions;
mod support;
mod user_input;
