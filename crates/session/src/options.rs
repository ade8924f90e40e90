//! What can be configured, with its defaults and its limits.

use core::fmt;

use flowmaestro_protocol::Features;

use crate::time::MAX_DURATION_MS;

/// Every number that can be configured. Durations are in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// When to try again.
    pub reconnect: Backoff,
    /// How long to wait for a token, and then for the welcome, before the attempt has failed.
    pub connect_timeout_ms: f64,
    /// How long before the end of a provider's token the next one is asked for; at most half of the
    /// token's life.
    pub renew_token_before_ms: f64,
    /// How long a subscription that nobody wants any more is kept, so that a component that
    /// unmounts and mounts again costs no frame.
    pub unsubscribe_delay_ms: f64,
    /// How many executions may be subscribed at a time.
    pub max_subscriptions: usize,
    /// How many messages may wait for the connection.
    pub max_queued_messages: usize,
    /// How many bytes of messages may wait for the connection.
    pub max_queued_bytes: usize,
    /// How large one message may be, in bytes.
    pub max_message_bytes: usize,
    /// How long a message may wait for the connection and the server's acknowledgement.
    pub max_message_age_ms: f64,
    /// How often a server that answers pings is asked for a sign of life.
    pub ping_interval_ms: f64,
    /// How long its answer may take before the connection counts as dead. While frames come, which it
    /// may be behind: two intervals.
    pub pong_timeout_ms: f64,
    /// What this client speaks beyond the baseline, with a server that offers it.
    pub features: Features,
}

/// When to try again after a connection ended: `initial_delay_ms × multiplier^(attempt − 1)`, at
/// most `max_delay_ms`, then jittered. The defaults are the five attempts after 1, 2, 4, 8 and 16 s
/// of the original FlowMaestro client, spread by 30 %.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// How many retries before giving up; `u32::MAX` is as good as never.
    pub max_attempts: u32,
    /// The delay before the first retry.
    pub initial_delay_ms: f64,
    /// By how much each delay is longer than the one before.
    pub multiplier: f64,
    /// The longest delay, before jitter.
    pub max_delay_ms: f64,
    /// How the delays are spread.
    pub jitter: Jitter,
    /// How long a connection must have lasted after its welcome for the attempts to be counted from
    /// zero again. A server that welcomes and then drops everybody would otherwise be met with an
    /// endless series of first retries.
    pub stable_after_ms: f64,
}

/// How delays are spread, so that the clients of a restarted server do not return all at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Jitter {
    /// Not at all: every delay is exact.
    None,
    /// Evenly by this fraction to either side: 0.3 makes 1000 ms into 700 to 1300 ms.
    Spread(f64),
    /// Evenly between nothing and the delay.
    Full,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            reconnect: Backoff::default(),
            connect_timeout_ms: 10_000.0,
            renew_token_before_ms: 60_000.0,
            unsubscribe_delay_ms: 250.0,
            max_subscriptions: 128,
            max_queued_messages: 100,
            max_queued_bytes: 1024 * 1024,
            max_message_bytes: 64 * 1024,
            max_message_age_ms: 600_000.0,
            ping_interval_ms: 10_000.0,
            pong_timeout_ms: 5000.0,
            features: Features::ALL,
        }
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            max_attempts: 5,
            initial_delay_ms: 1000.0,
            multiplier: 2.0,
            max_delay_ms: 30_000.0,
            jitter: Jitter::Spread(0.3),
            stable_after_ms: 5000.0,
        }
    }
}

impl Options {
    /// Checks every number.
    ///
    /// The session itself keeps working whatever it is given (a duration that is none counts as
    /// zero): this is for whoever takes options from a user and owes them an answer.
    ///
    /// # Errors
    ///
    /// The first option that is out of its range, with the range.
    pub fn validate(&self) -> Result<(), InvalidOption> {
        self.reconnect.validate()?;
        check(
            self.connect_timeout_ms,
            1.0,
            MAX_DURATION_MS,
            "connect_timeout_ms",
            POSITIVE_MS,
        )?;
        for (option, value) in [
            ("renew_token_before_ms", self.renew_token_before_ms),
            ("unsubscribe_delay_ms", self.unsubscribe_delay_ms),
        ] {
            check(value, 0.0, MAX_DURATION_MS, option, MS)?;
        }
        check_count(self.max_subscriptions, "max_subscriptions")?;
        check_count(self.max_queued_messages, "max_queued_messages")?;
        check_count(self.max_queued_bytes, "max_queued_bytes")?;
        check_count(self.max_message_bytes, "max_message_bytes")?;
        for (option, value) in [
            ("max_message_age_ms", self.max_message_age_ms),
            ("ping_interval_ms", self.ping_interval_ms),
            ("pong_timeout_ms", self.pong_timeout_ms),
        ] {
            check(value, 1.0, MAX_DURATION_MS, option, POSITIVE_MS)?;
        }
        Ok(())
    }
}

impl Backoff {
    fn validate(&self) -> Result<(), InvalidOption> {
        // A retry without any pause is a storm, hence the minimum of a millisecond.
        check(
            self.initial_delay_ms,
            1.0,
            MAX_DURATION_MS,
            "initial_delay_ms",
            POSITIVE_MS,
        )?;
        check(
            self.multiplier,
            1.0,
            1000.0,
            "multiplier",
            "a number from 1 to 1000",
        )?;
        check(
            self.max_delay_ms,
            1.0,
            MAX_DURATION_MS,
            "max_delay_ms",
            POSITIVE_MS,
        )?;
        check(
            self.stable_after_ms,
            0.0,
            MAX_DURATION_MS,
            "stable_after_ms",
            MS,
        )?;
        match self.jitter {
            Jitter::Spread(spread) => check(spread, 0.0, 1.0, "jitter", "a fraction from 0 to 1"),
            Jitter::None | Jitter::Full => Ok(()),
        }
    }
}

const MS: &str = "a number of milliseconds from 0 to 2147483647";
const POSITIVE_MS: &str = "a number of milliseconds from 1 to 2147483647";

/// An option is out of its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidOption {
    /// The option's name.
    pub option: &'static str,
    /// What it must be.
    pub expected: &'static str,
}

impl fmt::Display for InvalidOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.option)?;
        f.write_str(" must be ")?;
        f.write_str(self.expected)
    }
}

impl core::error::Error for InvalidOption {}

fn check(
    value: f64,
    min: f64,
    max: f64,
    option: &'static str,
    expected: &'static str,
) -> Result<(), InvalidOption> {
    if value >= min && value <= max {
        Ok(())
    } else {
        Err(InvalidOption { option, expected })
    }
}

fn check_count(value: usize, option: &'static str) -> Result<(), InvalidOption> {
    if value > 0 {
        Ok(())
    } else {
        Err(InvalidOption {
            option,
            expected: "a number from 1",
        })
    }
}
