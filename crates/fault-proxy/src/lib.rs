//! A TCP proxy that breaks connections in the ways that networks do: for tests of what stands on
//! both sides of it.
//!
//! What happens to a connection is its [`Rule`]: cut after so many bytes, gone silent in one
//! direction, handed on byte by byte, answered by something that is no server. Rules are used up in
//! order, one a connection; those after them get what the [`Plan`] says, which may be drawn from a
//! seed. All of it is steered over HTTP ([`control`]).

mod control;
mod proxy;
mod pump;
mod rule;

pub use control::control;
pub use proxy::{Proxy, Stats};
pub use rule::{Direction, End, Plan, Rule};
