//! The console. No line carries a token, a URL with a query, or a payload.

use wasm_bindgen::JsValue;
use web_sys::console;

use crate::options::LogLevel;

/// Writes a line when the configured level asks for it.
pub(crate) fn log(configured: LogLevel, level: LogLevel, message: &str) {
    if level > configured {
        return;
    }
    let line = JsValue::from_str(&format!("[flowmaestro] {message}"));
    match level {
        LogLevel::Silent => {}
        LogLevel::Error => console::error_1(&line),
        LogLevel::Warn => console::warn_1(&line),
        LogLevel::Info => console::info_1(&line),
        LogLevel::Debug => console::debug_1(&line),
    }
}
