//! FlowMaestro's real-time client for browsers: the part that knows wasm-bindgen and the Web APIs.
//!
//! What is decided is decided elsewhere: what a message is in `flowmaestro-protocol`, what happens
//! when in `flowmaestro-session`. Here is only how it happens in a browser:
//!
//! - [`client`](WebSocketClient): the exported class, which reads arguments;
//! - `driver`: carries out what the session asks for, and calls handlers;
//! - `socket`: one `web_sys::WebSocket`; `decoder`: text to object, once, in `decoder.js`;
//! - `handlers` and `executions`: who listens to what, and which execution is which number;
//! - `options`, `state`, `errors`, `log`, `platform`: what crosses the boundary, and how.

mod client;
mod decoder;
mod driver;
mod errors;
mod executions;
mod handlers;
mod log;
mod options;
mod platform;
mod socket;
mod state;

pub use client::WebSocketClient;
pub use options::{
    ClientOptions, JitterOption, LimitOptions, LogLevel, NamedJitter, ReconnectOptions,
    TokenPlacement,
};
pub use state::{ClientStats, CloseCause, ConnectionState};
