//! Who connects.

use alloc::string::String;
use core::fmt;

/// A bearer token. Its `Debug` shows no character of it, so it cannot reach a log by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Wraps the token's text, which is neither parsed nor checked here.
    #[must_use]
    pub fn new(token: String) -> Self {
        Self(token)
    }

    /// The token's text, for the socket that presents it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(redacted)")
    }
}

/// With what to authenticate. Two equal values are the same identity: connecting again with the
/// same one changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// No token (a server that asks for none, or a cookie).
    None,
    /// The same token for every connection.
    Token(Token),
    /// The caller's number of an asynchronous function that is asked for a token at each connection.
    Provider(u32),
}
