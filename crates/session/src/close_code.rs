//! Close codes: those of the protocol, and those by which this client names an end of its own.

pub use flowmaestro_protocol::close_code::*;

/// No welcome arrived within the connect timeout. The client closes the socket with it.
pub const NO_WELCOME: u16 = 4000;

/// No token could be had, so no socket was opened. Never on the wire.
pub const NO_TOKEN: u16 = 4001;

/// A `ping` was not answered in time. The client closes the socket with it.
pub const NO_PONG: u16 = 4002;

/// The server did not say how it goes on with an execution of which events are missing. The client
/// closes the socket with it, because the next connection's answer brings them.
pub const NO_ANSWER: u16 = 4003;
