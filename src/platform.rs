//! What the client imports from wherever it runs; see `platform.js`.

use js_sys::{Function, JsString};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/src/platform.js")]
extern "C" {
    /// Milliseconds on a clock that never runs backwards.
    pub(crate) fn now() -> f64;

    /// Hands an exception of a handler to the page's error reporting.
    pub(crate) fn report(error: &JsValue);

    /// The socket's absolute address. The error quotes the URL: never repeat it.
    #[wasm_bindgen(catch, js_name = socketUrl)]
    pub(crate) fn socket_url(url: Option<&str>, token: Option<&str>) -> Result<String, JsValue>;

    /// Calls back whenever trying again may work; the answer ends that.
    #[wasm_bindgen(js_name = watchPage)]
    pub(crate) fn watch_page(wake: &JsValue) -> Function;

    /// The bytes of a text in UTF-8.
    #[wasm_bindgen(js_name = byteLength)]
    pub(crate) fn byte_length(text: &JsString) -> usize;

    /// The event that answers `user:input:required`.
    #[wasm_bindgen(js_name = userInputResponse)]
    pub(crate) fn user_input_response(
        execution_id: &str,
        node_id: &str,
        value: &JsValue,
    ) -> JsValue;

    /// Whether gzip can be undone here.
    #[wasm_bindgen(js_name = canInflate)]
    pub(crate) fn can_inflate() -> bool;

    /// The answer to a welcome that offers features.
    pub(crate) fn hello(features: Vec<JsString>) -> String;

    /// Asks for a sign of life.
    pub(crate) fn ping(id: u32) -> String;

    /// A token that replaces the one in use.
    pub(crate) fn auth(token: &str) -> String;

    /// Says that an event was handled.
    pub(crate) fn ack(event_id: &str) -> String;
}
