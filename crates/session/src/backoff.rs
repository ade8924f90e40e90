//! How long to wait before the next attempt.

use crate::random::Random;
use crate::{Backoff, Jitter};

/// Over how long the first retries after a server's restart are spread, in milliseconds. A server
/// that restarts loses all its clients in one instant; without this they come back in one as well.
const RESTART_SPREAD_MS: f64 = 5000.0;

impl Backoff {
    /// Whether another retry may follow `attempts` of them.
    pub(crate) fn allows_after(&self, attempts: u32) -> bool {
        attempts < self.max_attempts || planted!(RetriesForEver)
    }

    /// The delay before retry number `attempt` (from 1), in milliseconds. `restarted` says that the
    /// server announced its restart, or asked to be tried again later.
    pub(crate) fn delay(&self, attempt: u32, restarted: bool, random: &mut Random) -> f64 {
        if restarted && attempt == 1 && self.jitter != Jitter::None {
            return RESTART_SPREAD_MS * random.unit();
        }
        self.jitter.apply(self.exact_delay(attempt), random)
    }

    fn exact_delay(&self, attempt: u32) -> f64 {
        if planted!(RetriesEachSecond) {
            return 1000.0;
        }
        let exponent = attempt.saturating_sub(1);
        (self.initial_delay_ms * power(self.multiplier, exponent)).min(self.max_delay_ms)
    }
}

impl Jitter {
    fn apply(self, delay: f64, random: &mut Random) -> f64 {
        match self {
            _ if planted!(NoJitter) => delay,
            Self::None => delay,
            Self::Spread(spread) => delay * (1.0 + spread * (2.0 * random.unit() - 1.0)),
            Self::Full => delay * random.unit(),
        }
    }
}

/// By squaring, since the core library has no powers.
fn power(mut base: f64, mut exponent: u32) -> f64 {
    let mut power = 1.0;
    while exponent > 0 {
        if exponent & 1 == 1 {
            power *= base;
        }
        base *= base;
        exponent >>= 1;
    }
    power
}
