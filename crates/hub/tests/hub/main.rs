//! The hub in virtual time, one file per behaviour.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails should panic"
)]

mod acknowledgements;
mod authentication;
mod baseline;
mod batch;
mod durable;
mod flow_control;
mod history;
mod isolation;
mod leaks;
mod limits;
mod ping;
mod presence;
mod properties;
mod replay;
mod rooms;
mod support;
