//! What the client's methods are called with; see `arguments.js`.

use flowmaestro_protocol::{MAX_ID_BYTES, Room};
use wasm_bindgen::prelude::*;

use crate::errors;

#[wasm_bindgen(module = "/src/arguments.js")]
extern "C" {
    #[wasm_bindgen(catch, js_name = checkString)]
    fn check_string(what: &str, value: &JsValue) -> Result<(), JsValue>;

    /// Refuses what is no function.
    #[wasm_bindgen(catch, js_name = checkHandler)]
    pub(crate) fn check_handler(handler: &JsValue) -> Result<(), JsValue>;

    #[wasm_bindgen(catch, js_name = checkId)]
    fn check_id(what: &str, value: &JsValue, max_bytes: usize) -> Result<(), JsValue>;

    /// The two ends of a promise.
    pub(crate) type Deferred;

    #[wasm_bindgen(constructor)]
    pub(crate) fn new() -> Deferred;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn promise(this: &Deferred) -> JsValue;

    #[wasm_bindgen(method)]
    pub(crate) fn resolve(this: &Deferred);

    #[wasm_bindgen(method)]
    pub(crate) fn reject(this: &Deferred, error: &JsValue);

    /// The answer to a `user:input:required`, on its way.
    #[wasm_bindgen(extends = Deferred)]
    pub(crate) type Answer;

    #[wasm_bindgen(constructor, catch)]
    fn create(
        execution_id: &JsValue,
        node_id: &JsValue,
        value: &JsValue,
        max_id_bytes: usize,
    ) -> Result<Answer, JsValue>;

    /// The event that answers.
    #[wasm_bindgen(method, getter)]
    pub(crate) fn event(this: &Answer) -> JsValue;

    /// Its text.
    #[wasm_bindgen(method, getter)]
    pub(crate) fn text(this: &Answer) -> JsValue;

    /// The text's length in bytes of UTF-8.
    #[wasm_bindgen(method, getter)]
    pub(crate) fn bytes(this: &Answer) -> usize;

    /// A `replay`, until the server has answered it.
    #[wasm_bindgen(extends = Deferred)]
    pub(crate) type Replay;

    #[wasm_bindgen(constructor, catch)]
    fn create(
        execution_id: &JsValue,
        since: &JsValue,
        max_id_bytes: usize,
    ) -> Result<Replay, JsValue>;

    /// In ms since the Unix epoch.
    #[wasm_bindgen(method, getter)]
    pub(crate) fn since(this: &Replay) -> f64;

    #[wasm_bindgen(method)]
    pub(crate) fn done(this: &Replay, count: f64, complete: bool);
}

impl Replay {
    /// # Errors
    /// What is wrong with one of the arguments.
    pub(crate) fn new(execution_id: &JsValue, since: &JsValue) -> Result<Self, JsValue> {
        Self::create(execution_id, since, MAX_ID_BYTES)
    }
}

impl Answer {
    /// # Errors
    /// What is wrong with one of the arguments.
    pub(crate) fn new(
        execution_id: &JsValue,
        node_id: &JsValue,
        value: &JsValue,
    ) -> Result<Self, JsValue> {
        Self::create(execution_id, node_id, value, MAX_ID_BYTES)
    }
}

pub(crate) fn check_event_type(value: &JsValue) -> Result<(), JsValue> {
    check_string("the event type", value)
}

pub(crate) fn check_execution_id(value: &JsValue) -> Result<(), JsValue> {
    check_id("executionId", value, MAX_ID_BYTES)
}

pub(crate) fn check_knowledge_base_id(value: &JsValue) -> Result<(), JsValue> {
    check_id("knowledgeBaseId", value, MAX_ID_BYTES)
}

pub(crate) fn check_room(value: &JsValue) -> Result<(), JsValue> {
    check_string("the room", value)?;
    match value.as_string().and_then(Room::new) {
        Some(_) => Ok(()),
        None => Err(errors::type_error(
            "the room must be workspace:<id> or project:<id>",
        )),
    }
}

/// A promise that is rejected already.
pub(crate) fn rejected(error: &JsValue) -> JsValue {
    let deferred = Deferred::new();
    deferred.reject(error);
    deferred.promise()
}
