//! The close codes that the two ends use (RFC 6455, section 7.4, and FlowMaestro's own 44xx).

/// Normal closure. Proxies close idle links with it too, so a client reconnects.
pub const NORMAL: u16 = 1000;
/// The server goes away.
pub const GOING_AWAY: u16 = 1001;
/// A frame of a kind that the receiver does not take, such as a binary one.
pub const UNSUPPORTED: u16 = 1003;
/// No close frame was received: what a browser reports when the network failed.
pub const ABNORMAL: u16 = 1006;
/// Authentication failed, or the peer broke the rules too often.
pub const POLICY: u16 = 1008;
/// A message was larger than the receiver takes.
pub const TOO_LARGE: u16 = 1009;
/// The server failed.
pub const INTERNAL_ERROR: u16 = 1011;
/// The server restarts.
pub const RESTART: u16 = 1012;
/// The server is overloaded: try again later.
pub const TRY_AGAIN_LATER: u16 = 1013;
/// The token expired while the connection was open: come back with a fresh one.
pub const TOKEN_EXPIRED: u16 = 4401;
/// This origin or user is not allowed.
pub const FORBIDDEN: u16 = 4403;
/// The client reads too slowly.
pub const TOO_SLOW: u16 = 4408;
