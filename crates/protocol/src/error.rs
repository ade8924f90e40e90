use std::borrow::Cow;
use std::fmt;

/// Why a text is not a message of the protocol. It names the message's type and the field, and
/// never repeats content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    message_type: Option<&'static str>,
    field: Option<Cow<'static, str>>,
    kind: DecodeErrorKind,
}

/// What is wrong, in a [`DecodeError`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The text is longer than [`MAX_TEXT_BYTES`](crate::MAX_TEXT_BYTES).
    TooLarge {
        /// The text's length in bytes.
        bytes: usize,
    },
    /// The text is not JSON, or JSON that JavaScript and Rust would read differently: a number
    /// beyond `f64`, half of a surrogate pair, nesting deeper than [`MAX_DEPTH`](crate::MAX_DEPTH).
    Malformed {
        /// The parser's words, without content.
        reason: String,
    },
    /// A value of another kind than declared.
    Unexpected {
        /// What the declaration asks for.
        expected: Cow<'static, str>,
        /// The kind that was found.
        found: &'static str,
    },
    /// A field that has to be there is not.
    Missing,
    /// A field stands twice in one message.
    Duplicate,
    /// An id longer than [`MAX_ID_BYTES`](crate::MAX_ID_BYTES), or empty.
    BadId {
        /// The id's length in bytes.
        bytes: usize,
    },
    /// The `type` is none that the receiver knows.
    UnknownType,
}

/// A value cannot be written as JSON.
#[derive(Debug)]
pub struct EncodeError(pub(crate) serde_json::Error);

impl DecodeError {
    /// The `type` of the message, where it was known by then.
    pub fn message_type(&self) -> Option<&str> {
        self.message_type
    }

    /// The field that is wrong, where it is one.
    pub fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }

    /// What is wrong.
    pub fn kind(&self) -> &DecodeErrorKind {
        &self.kind
    }

    pub(crate) fn in_field(field: impl Into<Cow<'static, str>>, kind: DecodeErrorKind) -> Self {
        Self {
            message_type: None,
            field: Some(field.into()),
            kind,
        }
    }

    /// A field whose value is not what it has to be.
    pub(crate) fn expected(field: &'static str, expected: &'static str) -> Self {
        let kind = DecodeErrorKind::Unexpected {
            expected: expected.into(),
            found: "something else",
        };
        Self::in_field(field, kind)
    }

    pub(crate) fn of_type(self, message_type: &'static str) -> Self {
        Self {
            message_type: Some(message_type),
            ..self
        }
    }
}

impl From<DecodeErrorKind> for DecodeError {
    fn from(kind: DecodeErrorKind) -> Self {
        Self {
            message_type: None,
            field: None,
            kind,
        }
    }
}

impl From<serde_json::Error> for DecodeErrorKind {
    fn from(error: serde_json::Error) -> Self {
        Self::Malformed {
            reason: error.to_string(),
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.message_type, &self.field) {
            (Some(message_type), Some(field)) => write!(f, "{message_type}.{field}: ")?,
            (Some(name), None) => write!(f, "{name}: ")?,
            (None, Some(field)) => write!(f, "{field}: ")?,
            (None, None) => {}
        }
        self.kind.fmt(f)
    }
}

impl fmt::Display for DecodeErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { bytes } => {
                write!(
                    f,
                    "{bytes} bytes, at most {} are read",
                    crate::MAX_TEXT_BYTES
                )
            }
            Self::Malformed { reason } => write!(f, "not valid JSON: {reason}"),
            Self::Unexpected { expected, found } => write!(f, "expected {expected}, found {found}"),
            Self::Missing => f.write_str("missing"),
            Self::Duplicate => f.write_str("stands twice in the message"),
            Self::BadId { bytes } => {
                write!(
                    f,
                    "an id has 1 to {} bytes, this one {bytes}",
                    crate::MAX_ID_BYTES
                )
            }
            Self::UnknownType => f.write_str("unknown message type"),
        }
    }
}

impl std::error::Error for DecodeError {}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot be written as JSON: {}", self.0)
    }
}

impl std::error::Error for EncodeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}
