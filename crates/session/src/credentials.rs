//! Who connects.

use alloc::string::String;
use core::fmt;

/// A bearer token. Its `Debug` shows no character of it, so it cannot reach a log by accident. Two are
/// equal when their texts are.
#[derive(Clone)]
pub struct Token {
    text: String,
    expires_in_ms: Option<f64>,
}

impl Token {
    /// Wraps the token's text, which is neither parsed nor checked here.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self {
            text,
            expires_in_ms: None,
        }
    }

    /// The same, with how long it lasts from the moment on at which the session gets it, in
    /// milliseconds, as far as the caller knows. One that seems to have ended already counts as one
    /// whose end nobody knows: the clock may be wrong, and the server decides.
    #[must_use]
    pub fn expiring(text: String, expires_in_ms: Option<f64>) -> Self {
        Self {
            text,
            expires_in_ms,
        }
    }

    pub(crate) fn expires_in_ms(&self) -> Option<f64> {
        self.expires_in_ms
    }

    /// The token's text, for the socket that presents it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Token {}

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
