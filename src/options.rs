//! What a user may configure: which numbers there are, and their ranges. `options.js` reads them.

use alloc::vec::Vec;

use flowmaestro_execution::Options as ExecutionOptions;
use flowmaestro_session::{Jitter, Options};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/src/options.js")]
extern "C" {
    #[wasm_bindgen(catch, js_name = readOptions)]
    fn read_options(options: &JsValue) -> Result<Vec<f64>, JsValue>;

    #[wasm_bindgen(js_name = textOption)]
    fn text_option(options: &JsValue, name: &str) -> JsValue;

    #[wasm_bindgen(js_name = invalidOption)]
    fn invalid_option(option: &str, expected: &str) -> JsValue;
}

/// What is written to the console: this and everything more serious.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LogLevel {
    Silent,
    Error,
    Warn,
    Info,
    Debug,
}

/// The options in force.
#[derive(Clone)]
pub(crate) struct Settings {
    /// Undefined for the page's own host.
    pub(crate) url: JsValue,
    /// How the token travels: as `options.js` counts it.
    pub(crate) token_placement: u8,
    /// Undefined for the address below that of the server.
    pub(crate) ticket_url: JsValue,
    pub(crate) max_received_length: f64,
    pub(crate) log_level: LogLevel,
    pub(crate) session: Options,
    pub(crate) execution: ExecutionOptions,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            url: JsValue::UNDEFINED,
            token_placement: 0,
            ticket_url: JsValue::UNDEFINED,
            max_received_length: 16.0 * 1024.0 * 1024.0,
            log_level: LogLevel::Warn,
            session: Options::default(),
            execution: ExecutionOptions::default(),
        }
    }
}

impl Settings {
    /// These settings with some options changed.
    ///
    /// # Errors
    /// A `TypeError` that names the option that is unknown, of another type, or out of its range.
    pub(crate) fn with(mut self, options: &JsValue) -> Result<Self, JsValue> {
        let numbers = read_options(options)?;
        for pair in numbers.chunks_exact(2) {
            if let [option, value] = pair {
                self.set(*option as u8, *value)?;
            }
        }
        for (name, text) in [("url", &mut self.url), ("ticketUrl", &mut self.ticket_url)] {
            let option = text_option(options, name);
            if !option.is_undefined() {
                *text = option;
            }
        }
        self.session
            .validate()
            .map_err(|invalid| invalid_option(invalid.option, invalid.expected))?;
        Ok(self)
    }

    /// Sets the option of this place in the tables of `options.js`.
    fn set(&mut self, option: u8, value: f64) -> Result<(), JsValue> {
        let execution = &mut self.execution;
        let session = &mut self.session;
        let reconnect = &mut session.reconnect;
        match option {
            1 => self.token_placement = value as u8,
            3 => session.connect_timeout_ms = value,
            4 => session.unsubscribe_delay_ms = value,
            5 => session.ping_interval_ms = value,
            6 => session.pong_timeout_ms = value,
            8 => self.log_level = log_level(value),
            9 => session.renew_token_before_ms = value,
            16 => reconnect.max_attempts = attempt_count(value)?,
            17 => reconnect.initial_delay_ms = value,
            18 => reconnect.multiplier = value,
            19 => reconnect.max_delay_ms = value,
            20 => reconnect.jitter = jitter(value),
            21 => reconnect.stable_after_ms = value,
            32 => self.max_received_length = count(value, "max_received_length")? as f64,
            33 => session.max_message_bytes = count(value, "max_message_bytes")?,
            34 => session.max_subscriptions = count(value, "max_subscriptions")?,
            35 => session.max_queued_messages = count(value, "max_queued_messages")?,
            36 => session.max_queued_bytes = count(value, "max_queued_bytes")?,
            37 => session.max_message_age_ms = value,
            48 => execution.max_log = count(value, "execution.max_log_entries")? as u32,
            49 => execution.max_text = count(value, "execution.max_text_length")? as u32,
            50 => execution.max_payload = count(value, "execution.max_output_length")? as u32,
            _ => {}
        }
        Ok(())
    }
}

fn log_level(place: f64) -> LogLevel {
    match place as u8 {
        0 => LogLevel::Silent,
        1 => LogLevel::Error,
        2 => LogLevel::Warn,
        3 => LogLevel::Info,
        _ => LogLevel::Debug,
    }
}

/// A fraction, or one of the words as `options.js` counts them.
fn jitter(value: f64) -> Jitter {
    if value == -1.0 {
        Jitter::None
    } else if value == -2.0 {
        Jitter::Full
    } else {
        Jitter::Spread(value)
    }
}

/// A whole number from 1. `Infinity` is as good as the largest there is.
fn count(value: f64, option: &str) -> Result<usize, JsValue> {
    if value >= 1.0 && is_whole(value) {
        Ok(value as usize)
    } else {
        Err(invalid_option(option, "a whole number from 1"))
    }
}

fn attempt_count(value: f64) -> Result<u32, JsValue> {
    if value >= 0.0 && is_whole(value) {
        Ok(value as u32)
    } else {
        Err(invalid_option(
            "max_attempts",
            "a whole number from 0, or Infinity",
        ))
    }
}

/// Beyond 2^53 there are no fractions.
fn is_whole(value: f64) -> bool {
    value >= (1u64 << 53) as f64 || value as u64 as f64 == value
}
