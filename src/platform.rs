//! What the client imports from wherever it runs; see `platform.js`.

use js_sys::Function;
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
    pub(crate) fn byte_length(text: &js_sys::JsString) -> usize;

    /// The event that answers `user:input:required`.
    #[wasm_bindgen(js_name = userInputResponse)]
    pub(crate) fn user_input_response(
        execution_id: &str,
        node_id: &str,
        value: &JsValue,
    ) -> JsValue;

    /// A message that is about an execution and says no more.
    #[wasm_bindgen(js_name = executionMessage)]
    pub(crate) fn execution_message(message_type: &str, execution_id: &str) -> String;
}
