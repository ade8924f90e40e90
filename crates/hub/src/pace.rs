use crate::{Config, Millis};

/// What one message takes from the bucket, which is counted in thousandths of a message.
const MESSAGE: i64 = 1_000;

/// For how many seconds in all a client may send more than it may, before that counts as a flood.
const PATIENCE_S: u64 = 10;

/// A client that was quiet for this long, and for the time of two messages, begins anew, in ms.
const QUIET_MS: u64 = 1_000;

/// How fast one client sends: a bucket that fills with time, and from which each message takes.
///
/// Nothing is refused for being early. Whoever reads the socket is told how long to wait before the
/// next message, so a burst of questions (a page that comes back with all of its subscriptions) is
/// slowed down by the network itself and loses none of them, whatever protocol its client speaks.
/// What never pauses is a flood.
#[derive(Debug)]
pub(crate) struct Pace {
    level: i64,
    /// When the level was that.
    at: Millis,
    /// When the last message came.
    last: Millis,
    /// The messages that left none for the next, since the client was last quiet.
    excess: u64,
    /// The acknowledgements that are free: each answers an event that was sent.
    acks: usize,
}

impl Pace {
    pub(crate) fn new(now: Millis, config: &Config) -> Self {
        Self {
            level: full(config),
            at: now,
            last: now,
            excess: 0,
            acks: 0,
        }
    }

    /// Counts an event that the client may acknowledge.
    pub(crate) fn owe_ack(&mut self, config: &Config) {
        self.acks = (self.acks + 1).min(config.max_unacknowledged);
    }

    /// Counts an acknowledgement.
    pub(crate) fn take_ack(&mut self, now: Millis, config: &Config) {
        match self.acks.checked_sub(1) {
            Some(acks) => self.acks = acks,
            None => self.take(now, config),
        }
    }

    /// Counts a message.
    pub(crate) fn take(&mut self, now: Millis, config: &Config) {
        self.fill(now, config);
        let rate = u64::from(config.messages_per_second.max(1));
        if now.since(self.last) > QUIET_MS + 2_000 / rate {
            self.excess = 0;
        }
        self.last = now;
        self.level = self.level.saturating_sub(MESSAGE);
        if self.level < MESSAGE {
            self.excess += 1;
        }
    }

    /// How long to wait before the next message is read, in ms.
    pub(crate) fn pause_ms(&mut self, now: Millis, config: &Config) -> u64 {
        self.fill(now, config);
        let missing = u64::try_from(MESSAGE - self.level).unwrap_or_default();
        missing.div_ceil(config.messages_per_second.max(1).into())
    }

    /// Whether the client has been sending too much for too long.
    pub(crate) fn is_flood(&self, config: &Config) -> bool {
        self.excess > PATIENCE_S * u64::from(config.messages_per_second)
    }

    /// A clock that went back fills nothing, and counts from where it is.
    fn fill(&mut self, now: Millis, config: &Config) {
        let gained = now.since(self.at);
        let gained = gained.saturating_mul(config.messages_per_second.into());
        let gained = i64::try_from(gained).unwrap_or(i64::MAX);
        self.level = self.level.saturating_add(gained).min(full(config));
        self.at = now;
    }
}

fn full(config: &Config) -> i64 {
    i64::from(config.message_burst).saturating_mul(MESSAGE)
}
