//! The small numbers that name things between the session and its caller.

/// An execution, as a number that the caller interned: names stay at the two ends.
///
/// The session keeps a key from the first [`Input::Subscribe`](crate::Input::Subscribe) until
/// [`Effect::Released`](crate::Effect::Released), after which the caller may give the number to
/// another execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExecutionKey(pub u32);

/// One socket. Every [`Effect::OpenSocket`](crate::Effect::OpenSocket) carries a new generation, and
/// what a socket of an older one still reports is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub u32);

/// One question to a token provider. An answer to any but the latest question is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenRequest(pub u32);

/// One request for the past of an execution, numbered by the caller, who is told by this number what
/// became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplayId(pub u32);

/// One outgoing message, numbered by the caller, who is told by this number what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SendId(pub u32);
