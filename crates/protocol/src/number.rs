use serde::{Serialize, Serializer};

/// The largest integer up to which a JavaScript number is exact: 2^53 − 1.
pub const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// A JavaScript number as JSON can carry it: a finite `f64`, written without a fraction where it has
/// none (`18000`, not `18000.0`).
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Number(f64);

/// The value is infinite or not a number, which JSON cannot carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotFinite;

impl Number {
    /// The value.
    pub const fn get(self) -> f64 {
        self.0
    }

    /// The nearest number to an integer; exact up to 2^53.
    pub const fn from_integer(value: u64) -> Self {
        Self(value as f64)
    }
}

impl From<u32> for Number {
    fn from(value: u32) -> Self {
        Self(f64::from(value))
    }
}

impl TryFrom<f64> for Number {
    type Error = NotFinite;

    fn try_from(value: f64) -> Result<Self, NotFinite> {
        if value.is_finite() {
            Ok(Self(value))
        } else {
            Err(NotFinite)
        }
    }
}

impl core::fmt::Display for NotFinite {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("JSON carries finite numbers only")
    }
}

impl core::error::Error for NotFinite {}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let whole = self.0.abs() <= MAX_SAFE_INTEGER as f64 && self.0 as i64 as f64 == self.0;
        if whole {
            serializer.serialize_i64(self.0 as i64)
        } else {
            serializer.serialize_f64(self.0)
        }
    }
}
