//! What a user may configure.

use flowmaestro_session::{Jitter, Options};
use serde::Deserialize;
use tsify::Tsify;

/// Options of the client. Each one that is left out keeps its value.
#[derive(Debug, Default, Deserialize, Tsify)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ClientOptions {
    /// The server's address, absolute or relative to the page; `http:` counts as `ws:`, `https:` as
    /// `wss:`. Takes effect at the next connection. Default: `/ws` on the page's own host.
    #[tsify(optional)]
    url: Option<String>,
    /// How the token travels, since a browser cannot set headers on a WebSocket. Default: `"query"`.
    #[tsify(optional)]
    token_placement: Option<TokenPlacement>,
    /// When to try again after a connection has ended.
    #[tsify(optional)]
    reconnect: Option<ReconnectOptions>,
    /// How long to wait for a token, and then for the server's welcome, before the attempt counts
    /// as failed, in ms. Default: 10,000.
    #[tsify(optional)]
    connect_timeout_ms: Option<f64>,
    /// How long an unsubscribed execution is still held, in ms, so that a component that unmounts
    /// and mounts again costs no message. Default: 250.
    #[tsify(optional)]
    unsubscribe_delay_ms: Option<f64>,
    /// How often a server that answers pings is asked for a sign of life, in ms. Default: 10,000.
    #[tsify(optional)]
    ping_interval_ms: Option<f64>,
    /// How long its answer may take before the connection counts as dead, in ms. Default: 5,000.
    #[tsify(optional)]
    pong_timeout_ms: Option<f64>,
    /// What is refused.
    #[tsify(optional)]
    limits: Option<LimitOptions>,
    /// What is written to the console, never with a token or a payload. Default: `"warn"`.
    #[tsify(optional)]
    log_level: Option<LogLevel>,
}

/// How the token travels.
///
/// - `query`: in `?token=`, which every FlowMaestro server understands, but proxies may log.
/// - `subprotocol`: as the subprotocol `bearer.<token>` beside `flowmaestro.v1`, which no log shows.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Tsify)]
#[serde(rename_all = "camelCase")]
pub enum TokenPlacement {
    /// In `?token=`.
    #[default]
    Query,
    /// As a subprotocol.
    Subprotocol,
}

/// When to try again: `initialDelayMs × multiplier^(attempt − 1)`, at most `maxDelayMs`, jittered.
#[derive(Debug, Default, Deserialize, Tsify)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ReconnectOptions {
    /// How many retries before giving up; `Infinity` never gives up. Default: 5.
    #[tsify(optional)]
    max_attempts: Option<f64>,
    /// The delay before the first retry, in ms. Default: 1,000.
    #[tsify(optional)]
    initial_delay_ms: Option<f64>,
    /// By how much each delay is longer than the one before. Default: 2.
    #[tsify(optional)]
    multiplier: Option<f64>,
    /// The longest delay, in ms, before jitter. Default: 30,000.
    #[tsify(optional)]
    max_delay_ms: Option<f64>,
    /// How delays are spread, so that the pages of a restarted server do not return all at once:
    /// a fraction to either side, `"full"` (anything from 0 to the delay) or `"none"`. Default: 0.3.
    #[tsify(optional)]
    jitter: Option<JitterOption>,
    /// How long a connection must have lasted for the attempts to be counted from zero again, in
    /// ms. Default: 5,000.
    #[tsify(optional)]
    stable_after_ms: Option<f64>,
}

/// How delays are spread.
#[derive(Clone, Copy, Debug, Deserialize, Tsify)]
#[serde(untagged)]
pub enum JitterOption {
    /// One of the named ways.
    Named(NamedJitter),
    /// By this fraction to either side, from 0 to 1.
    Fraction(f64),
}

/// How delays are spread, by name.
#[derive(Clone, Copy, Debug, Deserialize, Tsify)]
#[serde(rename_all = "camelCase")]
pub enum NamedJitter {
    /// Not at all.
    None,
    /// Evenly between 0 and the delay.
    Full,
}

/// What is refused.
#[derive(Debug, Default, Deserialize, Tsify)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct LimitOptions {
    /// The longest message that is read, in UTF-16 code units. A longer one is dropped and told in
    /// `connection:error`. Default: 16,777,216.
    #[tsify(optional)]
    max_received_length: Option<f64>,
    /// The largest message that is sent, in bytes. Default: 65,536.
    #[tsify(optional)]
    max_message_bytes: Option<f64>,
    /// How many executions may be subscribed at a time. Default: 128.
    #[tsify(optional)]
    max_subscriptions: Option<f64>,
    /// How many messages may wait for the connection. Default: 100.
    #[tsify(optional)]
    max_queued_messages: Option<f64>,
    /// How many bytes of messages may wait for the connection. Default: 1,048,576.
    #[tsify(optional)]
    max_queued_bytes: Option<f64>,
    /// How long a message may wait for the connection and the server's acknowledgement, in ms.
    /// Default: 600,000.
    #[tsify(optional)]
    max_message_age_ms: Option<f64>,
}

/// What is written to the console: this and everything more serious.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, PartialOrd, Ord, Tsify)]
#[serde(rename_all = "camelCase")]
pub enum LogLevel {
    /// Nothing.
    Silent,
    /// What makes the client useless.
    Error,
    /// What was refused or could not be read.
    #[default]
    Warn,
    /// Each connection.
    Info,
    /// Each subscription and attempt.
    Debug,
}

/// The options in force.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) url: Option<String>,
    pub(crate) token_placement: TokenPlacement,
    pub(crate) max_received_length: f64,
    pub(crate) log_level: LogLevel,
    pub(crate) session: Options,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            url: None,
            token_placement: TokenPlacement::default(),
            max_received_length: 16.0 * 1024.0 * 1024.0,
            log_level: LogLevel::default(),
            session: Options::default(),
        }
    }
}

impl Settings {
    /// These settings with some options changed.
    ///
    /// # Errors
    /// A sentence that names the option that is out of its range.
    pub(crate) fn with(mut self, options: ClientOptions) -> Result<Self, String> {
        self.url = options.url.or(self.url);
        set(&mut self.token_placement, options.token_placement);
        set(&mut self.log_level, options.log_level);
        set(
            &mut self.session.connect_timeout_ms,
            options.connect_timeout_ms,
        );
        set(
            &mut self.session.unsubscribe_delay_ms,
            options.unsubscribe_delay_ms,
        );
        set(&mut self.session.ping_interval_ms, options.ping_interval_ms);
        set(&mut self.session.pong_timeout_ms, options.pong_timeout_ms);
        self.with_reconnect(options.reconnect.unwrap_or_default())?;
        self.with_limits(options.limits.unwrap_or_default())?;
        self.session.validate().map_err(|invalid| {
            format!(
                "{} must be {}",
                camel_case(invalid.option),
                invalid.expected
            )
        })?;
        Ok(self)
    }

    fn with_reconnect(&mut self, options: ReconnectOptions) -> Result<(), String> {
        let reconnect = &mut self.session.reconnect;
        if let Some(attempts) = options.max_attempts {
            reconnect.max_attempts = attempt_count(attempts)?;
        }
        set(&mut reconnect.initial_delay_ms, options.initial_delay_ms);
        set(&mut reconnect.multiplier, options.multiplier);
        set(&mut reconnect.max_delay_ms, options.max_delay_ms);
        set(&mut reconnect.stable_after_ms, options.stable_after_ms);
        set(&mut reconnect.jitter, options.jitter.map(Jitter::from));
        Ok(())
    }

    fn with_limits(&mut self, options: LimitOptions) -> Result<(), String> {
        let session = &mut self.session;
        set_count(
            &mut session.max_message_bytes,
            options.max_message_bytes,
            "maxMessageBytes",
        )?;
        set_count(
            &mut session.max_subscriptions,
            options.max_subscriptions,
            "maxSubscriptions",
        )?;
        let messages = options.max_queued_messages;
        set_count(
            &mut session.max_queued_messages,
            messages,
            "maxQueuedMessages",
        )?;
        set_count(
            &mut session.max_queued_bytes,
            options.max_queued_bytes,
            "maxQueuedBytes",
        )?;
        set(&mut session.max_message_age_ms, options.max_message_age_ms);
        if let Some(length) = options.max_received_length {
            self.max_received_length = count(length, "maxReceivedLength")? as f64;
        }
        Ok(())
    }
}

impl From<JitterOption> for Jitter {
    fn from(option: JitterOption) -> Self {
        match option {
            JitterOption::Fraction(fraction) => Self::Spread(fraction),
            JitterOption::Named(NamedJitter::None) => Self::None,
            JitterOption::Named(NamedJitter::Full) => Self::Full,
        }
    }
}

fn set<T>(setting: &mut T, option: Option<T>) {
    if let Some(value) = option {
        *setting = value;
    }
}

fn set_count(setting: &mut usize, option: Option<f64>, name: &'static str) -> Result<(), String> {
    if let Some(value) = option {
        *setting = count(value, name)?;
    }
    Ok(())
}

/// A whole number from 1. `Infinity` is as good as the largest there is.
fn count(value: f64, name: &str) -> Result<usize, String> {
    if value >= 1.0 && (value.fract() == 0.0 || value.is_infinite()) {
        Ok(value as usize)
    } else {
        Err(format!("{name} must be a whole number from 1"))
    }
}

fn attempt_count(value: f64) -> Result<u32, String> {
    if value >= 0.0 && (value.fract() == 0.0 || value.is_infinite()) {
        Ok(value as u32)
    } else {
        Err("maxAttempts must be a whole number from 0, or Infinity".into())
    }
}

/// The option's name in JavaScript.
fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let (head, tail) = word.split_at_checked(1).unwrap_or_default();
        name + &head.to_ascii_uppercase() + tail
    })
}
