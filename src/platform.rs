//! What the client needs from wherever it runs; see `platform.js`.

use flowmaestro_session::{Millis, State};
use wasm_bindgen::prelude::*;

use crate::errors;
use crate::inbox::Inbox;
use crate::options::LogLevel;

#[wasm_bindgen(module = "/src/platform.js")]
extern "C" {
    /// Milliseconds on a clock that never runs backwards.
    #[wasm_bindgen(js_name = now)]
    fn read_clock() -> f64;

    /// Timer, provider and the page's signs of life, which are all reported to one function.
    pub(crate) type Page;

    #[wasm_bindgen(constructor)]
    pub(crate) fn new(inbox: Inbox) -> Page;

    #[wasm_bindgen(method)]
    fn arm(this: &Page, deadline: f64);

    /// Reports from now on whenever trying again may work.
    #[wasm_bindgen(method)]
    pub(crate) fn watch(this: &Page);

    /// Ends that.
    #[wasm_bindgen(method)]
    pub(crate) fn unwatch(this: &Page);

    /// Asks a provider for a token, and reports the answer under this number.
    #[wasm_bindgen(method)]
    pub(crate) fn ask(this: &Page, provider: &JsValue, request: u32);

    /// The function that everything is reported to.
    #[wasm_bindgen(method, getter)]
    pub(crate) fn report(this: &Page) -> JsValue;

    /// The client is gone: nothing is reported any more.
    #[wasm_bindgen(method)]
    pub(crate) fn stop(this: &Page);

    #[wasm_bindgen(js_name = stateObject)]
    fn state_object(
        status: u8,
        attempt: u32,
        retry_at: f64,
        code: u16,
        reason: &str,
        connection_id: &JsValue,
        error: &JsValue,
    ) -> JsValue;

    /// `connection:state`, as handlers see it.
    #[wasm_bindgen(js_name = stateEvent)]
    pub(crate) fn state_event(state: &JsValue) -> JsValue;

    /// The statistics as an object; `platform.js` has their order.
    #[wasm_bindgen(js_name = statsObject)]
    pub(crate) fn stats_object(counts: &[f64]) -> JsValue;

    /// A number that no two clients share, most likely.
    pub(crate) fn seed() -> f64;

    /// Whether gzip can be undone here.
    #[wasm_bindgen(js_name = canInflate)]
    pub(crate) fn can_inflate() -> bool;

    /// Asks for a sign of life.
    pub(crate) fn ping(id: u32) -> JsValue;

    /// A token that replaces the one in use.
    pub(crate) fn auth(token: &str) -> JsValue;

    /// Says that an event was handled; nothing, where it has no id.
    pub(crate) fn ack(event: &JsValue) -> JsValue;

    #[wasm_bindgen(js_name = log)]
    fn write_log(level: u8, line: &str);

    #[wasm_bindgen(js_name = logError)]
    fn write_error(event: &JsValue);
}

impl Page {
    /// Sets the one timer, or none.
    pub(crate) fn set_timer(&self, deadline: Option<Millis>) {
        self.arm(deadline.map_or(f64::INFINITY, |deadline| deadline.0));
    }
}

pub(crate) fn now() -> Millis {
    Millis(read_clock())
}

/// Writes a line to the console when the configured level asks for it. No line carries a token, a
/// URL with a query, or a payload.
pub(crate) fn log(configured: LogLevel, level: LogLevel, line: &str) {
    if level <= configured {
        write_log(level as u8, line);
    }
}

/// Writes what a `connection:error` says to the console, likewise.
pub(crate) fn log_error(configured: LogLevel, event: &JsValue) {
    if LogLevel::Warn <= configured {
        write_error(event);
    }
}

/// The session's state as the frozen object that everybody sees.
pub(crate) fn public_state(state: &State, connection_id: &JsValue) -> JsValue {
    let none = &JsValue::UNDEFINED;
    match state {
        State::Disconnected { .. } => state_object(0, 0, 0.0, 0, "", none, none),
        State::Connecting { attempt } => state_object(1, *attempt, 0.0, 0, "", none, none),
        State::Connected => state_object(2, 0, 0.0, 0, "", connection_id, none),
        State::Waiting {
            attempt,
            retry_at,
            cause,
        } => state_object(
            3,
            *attempt,
            retry_at.0,
            cause.code,
            &cause.reason,
            none,
            none,
        ),
        State::Failed { error } => {
            let error = errors::connection_failed(error);
            state_object(4, 0, 0.0, 0, "", none, &error)
        }
    }
}
