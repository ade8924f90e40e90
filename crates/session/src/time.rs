//! Time as the session sees it: a number that the caller reads off its own clock.

/// A point on a monotonic clock, in milliseconds since an origin of the caller's choice.
///
/// A float because `performance.now()` is one. The session only ever compares points and adds
/// durations to them; it owns no clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Millis(pub f64);

/// The longest duration that [`Millis::plus`] adds, in milliseconds (24.8 days): what a browser's
/// timer can hold.
pub const MAX_DURATION_MS: f64 = i32::MAX as f64;

impl Millis {
    /// The point `ms` milliseconds later.
    ///
    /// A duration that is not a number or negative counts as none, and a longer one than
    /// [`MAX_DURATION_MS`] as that, so a deadline is always finite.
    #[must_use]
    pub fn plus(self, ms: f64) -> Self {
        if ms > 0.0 {
            Self(self.0 + ms.min(MAX_DURATION_MS))
        } else {
            self
        }
    }

    /// Milliseconds from `earlier` to this point; negative when `earlier` is the later one.
    #[must_use]
    pub fn since(self, earlier: Self) -> f64 {
        self.0 - earlier.0
    }

    /// The later of the two points. A point that is not a finite number loses.
    pub(crate) fn latest(self, other: Self) -> Self {
        if other.0.is_finite() && other.0 > self.0 {
            other
        } else {
            self
        }
    }
}

/// The earlier of two deadlines, where `None` is never.
pub(crate) fn earliest(a: Option<Millis>, b: Option<Millis>) -> Option<Millis> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if b < a { b } else { a }),
        (a, b) => a.or(b),
    }
}
