//! FlowMaestro's real-time client for browsers: the part that knows wasm-bindgen and the Web APIs.
//!
//! What is decided is decided elsewhere: what a message is in `flowmaestro-protocol`, what happens
//! when in `flowmaestro-session`, what an execution looks like in `flowmaestro-execution`. Here is only how it happens in a browser:
//!
//! - [`client`](WebSocketClient): the exported class, which reads arguments;
//! - `driver`: carries out what the session asks for, and calls handlers;
//! - `inbox`: the way in for what happens outside;
//! - `socket`: one WebSocket; `decoder`: text to object, once, in `decoder.js`, by `declarations`;
//! - `handlers` and `executions`: who listens to what, and which execution is which number;
//! - `store`: what the executions that somebody watches look like, of which the snapshots are made in
//!   `store.js`;
//! - `arguments`, `options`, `errors`, `platform`: what crosses the boundary, and how.
//!
//! Each byte is downloaded by every user, so whatever needs no decision is done by the JavaScript
//! beside it: texts, objects for handlers, timers. Numbers and untouched JavaScript values cross. The
//! package is built without the standard library (without the feature `std`), most of which would be
//! its ways to report a panic.

#![no_std]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod arguments;
#[cfg(not(feature = "std"))]
mod bare;
mod client;
#[cfg(feature = "crash")]
mod crash;
mod declarations;
mod decoder;
mod driver;
mod errors;
mod executions;
mod handlers;
mod inbox;
mod options;
mod platform;
mod slot;
mod socket;
mod store;
#[cfg(feature = "types")]
pub mod types;

pub use client::WebSocketClient;
