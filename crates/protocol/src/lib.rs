//! What FlowMaestro's event socket says: the events that both ends share, the messages of the
//! client, and the codec for their text frames.
//!
//! Every event is declared once, in [`event`]. From that declaration come the struct with its serde
//! codec, the [`Field`] table by which the browser client checks an object that `JSON.parse` made,
//! and the TypeScript types (`typescript`, feature `json`).
//!
//! All messages are JSON objects with a string `type`. Unknown fields are kept and handed on;
//! unknown types are not an error of the socket but of the one who asked for a known one.

// The browser client does without the standard library, which would be most of its download.
#![cfg_attr(not(feature = "json"), no_std)]

extern crate alloc;

#[cfg(feature = "json")]
mod client_message;
pub mod close_code;
#[cfg(feature = "json")]
mod codec;
#[cfg(feature = "json")]
mod error;
pub mod event;
mod feature;
mod field;
#[cfg(feature = "json")]
mod json;
mod literal;
mod number;
#[cfg(feature = "json")]
mod object;
mod room;
#[cfg(feature = "json")]
mod server_message;
#[cfg(feature = "json")]
pub mod typescript;

#[cfg(feature = "json")]
pub use client_message::{ClientMessage, MAX_TOKEN_BYTES, Secret, Subscribe, UserInputMessage};
#[cfg(feature = "json")]
pub use error::{DecodeError, DecodeErrorKind, EncodeError};
pub use event::*;
pub use feature::{Feature, Features};
pub use field::{Field, FieldKind};
#[cfg(feature = "json")]
pub use json::{Json, MAX_DEPTH};
pub use literal::{Completed, Failed};
pub use number::{MAX_SAFE_INTEGER, NotFinite, Number};
pub use room::Room;
#[cfg(feature = "json")]
pub use server_message::{ErrorCode, Position, ServerError, ServerMessage, Subscribed, Viewer};

/// The longest id (`executionId`, `nodeId`, …) that a client message may carry, in bytes of UTF-8.
pub const MAX_ID_BYTES: usize = 128;

/// The longest text frame that the codec reads, in bytes.
pub const MAX_TEXT_BYTES: usize = 16 * 1024 * 1024;
