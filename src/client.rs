//! The exported class: reads its arguments, and leaves the rest to the driver.

use alloc::rc::Rc;
use alloc::vec::Vec;

use flowmaestro_session::{Credentials, Input, State, Token};
use wasm_bindgen::prelude::*;

use crate::arguments::{
    Answer, Deferred, Replay, check_event_type, check_execution_id, check_handler,
    check_knowledge_base_id, check_room, rejected,
};
use crate::driver::Driver;
use crate::errors;
use crate::handlers::HandlerId;
use crate::platform;

/// One connection to a FlowMaestro server: its subscriptions, its handlers, its messages.
///
/// Every method may be called at any time and from within any handler.
#[wasm_bindgen]
pub struct WebSocketClient {
    driver: Rc<Driver>,
}

#[wasm_bindgen]
impl WebSocketClient {
    /// A client that is not connected yet.
    #[wasm_bindgen(constructor)]
    #[allow(clippy::new_without_default, reason = "a JavaScript constructor")]
    pub fn new() -> Self {
        Self {
            driver: Driver::new(),
        }
    }

    /// Changes options; those that are left out keep their values.
    ///
    /// # Errors
    /// A `TypeError` that names the option which is unknown, of another type, or out of its range;
    /// nothing is changed then.
    pub fn configure(&self, options: &JsValue) -> Result<(), JsValue> {
        let settings = self.driver.settings.borrow().clone();
        self.driver.configure(settings.with(options)?);
        Ok(())
    }

    /// Connects with a token, a function that gives (a promise of) one, or what the last call gave.
    /// The promise resolves at the server's welcome and rejects with a `ConnectionError`.
    pub fn connect(&self, token: JsValue) -> JsValue {
        match self.credentials(&token) {
            Ok(credentials) => {
                let deferred = Deferred::new();
                let promise = deferred.promise();
                self.driver.connect(credentials, deferred);
                promise
            }
            Err(error) => rejected(&error),
        }
    }

    /// Ends the connection for good, until `connect` is called. Subscriptions are remembered.
    pub fn disconnect(&self) {
        self.driver.disconnect();
    }

    /// Tries again now instead of waiting, also after giving up.
    #[wasm_bindgen(js_name = reconnectNow)]
    pub fn reconnect_now(&self) {
        // Without a wish for a connection there is nothing to try again.
        let _ = self.driver.input(Input::ReconnectNow);
    }

    /// Whether the server's welcome arrived on a connection that is still up.
    #[wasm_bindgen(js_name = isConnected)]
    pub fn is_connected(&self) -> bool {
        matches!(self.driver.session().state(), State::Connected)
    }

    /// The state of the connection: the same frozen object until it changes.
    #[wasm_bindgen(getter)]
    pub fn state(&self) -> JsValue {
        self.driver.state()
    }

    /// Registers a handler and answers with the number of its registration. The same function for
    /// the same events counts once.
    ///
    /// # Errors
    /// A `TypeError` when an argument is not what it should be.
    pub fn on(
        &self,
        event_type: &JsValue,
        handler: &JsValue,
        execution_id: &JsValue,
        once: bool,
        on_removed: &JsValue,
    ) -> Result<u32, JsValue> {
        check_event_type(event_type)?;
        check_handler(handler)?;
        let execution_id = (!execution_id.is_undefined()).then_some(execution_id);
        if let Some(execution_id) = execution_id {
            check_execution_id(execution_id)?;
        }
        let id = self
            .driver
            .add_handler(event_type, handler, execution_id, once, on_removed);
        Ok(id.0)
    }

    /// Ends the registration of this number.
    #[wasm_bindgen(js_name = removeHandler)]
    pub fn remove_handler(&self, id: u32) {
        self.driver.remove_handler(HandlerId(id));
    }

    /// Ends every registration of a function for an event type, or without a function all of the
    /// event type's.
    ///
    /// # Errors
    /// A `TypeError` when an argument is not what it should be.
    pub fn off(&self, event_type: &JsValue, handler: &JsValue) -> Result<(), JsValue> {
        check_event_type(event_type)?;
        if !handler.is_undefined() {
            check_handler(handler)?;
        }
        self.driver.remove_handlers(event_type, handler);
        Ok(())
    }

    /// Whether anything is registered for this event type.
    ///
    /// # Errors
    /// A `TypeError` when the event type is not a string.
    #[wasm_bindgen(js_name = hasHandlers)]
    pub fn has_handlers(&self, event_type: &JsValue) -> Result<bool, JsValue> {
        check_event_type(event_type)?;
        #[cfg(feature = "crash")]
        crate::crash::on_demand(event_type);
        Ok(self.driver.has_handlers(event_type))
    }

    /// One more holder wants the events of this execution.
    ///
    /// # Errors
    /// A `TypeError` when the id is not one, a `RequestError` when there are too many subscriptions.
    #[wasm_bindgen(js_name = subscribeToExecution)]
    pub fn subscribe_to_execution(&self, execution_id: &JsValue) -> Result<(), JsValue> {
        check_execution_id(execution_id)?;
        self.driver
            .hold(execution_id, Input::Subscribe)
            .map_err(errors::refused)
    }

    /// One holder less wants the events of this execution. After the last, none is delivered.
    ///
    /// # Errors
    /// A `TypeError` when the id is not one.
    #[wasm_bindgen(js_name = unsubscribeFromExecution)]
    pub fn unsubscribe_from_execution(&self, execution_id: &JsValue) -> Result<(), JsValue> {
        check_execution_id(execution_id)?;
        self.driver.let_go_of(execution_id);
        Ok(())
    }

    /// Wants to know who else watches an execution that is subscribed.
    ///
    /// # Errors
    /// A `TypeError` when the id is not one.
    #[wasm_bindgen(js_name = watchPresence)]
    pub fn watch_presence(&self, execution_id: &JsValue) -> Result<(), JsValue> {
        check_execution_id(execution_id)?;
        self.driver.watch_presence(execution_id);
        Ok(())
    }

    /// One more holder wants the events of every execution in this room.
    ///
    /// # Errors
    /// A `TypeError` when it is none, a `RequestError` when there are too many subscriptions.
    #[wasm_bindgen(js_name = subscribeToRoom)]
    pub fn subscribe_to_room(&self, room: &JsValue) -> Result<(), JsValue> {
        check_room(room)?;
        let room = self.driver.decoder.room(room);
        self.driver
            .hold(&room, Input::SubscribeRoom)
            .map_err(errors::refused)
    }

    /// One holder less wants the events of this room.
    ///
    /// # Errors
    /// A `TypeError` when it is none.
    #[wasm_bindgen(js_name = unsubscribeFromRoom)]
    pub fn unsubscribe_from_room(&self, room: &JsValue) -> Result<(), JsValue> {
        check_room(room)?;
        self.driver.let_go_of(&self.driver.decoder.room(room));
        Ok(())
    }

    /// Answers a `user:input:required`. The promise resolves once the answer was handed to an open
    /// connection and rejects with a `TypeError` or a `RequestError`.
    #[wasm_bindgen(js_name = submitUserInput)]
    pub fn submit_user_input(
        &self,
        execution_id: &JsValue,
        node_id: &JsValue,
        value: &JsValue,
    ) -> JsValue {
        match Answer::new(execution_id, node_id, value) {
            Ok(answer) => {
                let promise = answer.promise();
                self.driver.send(answer);
                promise
            }
            Err(error) => rejected(&error),
        }
    }

    /// Asks for what has happened in an execution since a time: a `Date`, or ms since the Unix epoch.
    /// The promise resolves with how many events the server has sent and whether these are all, and
    /// rejects with a `TypeError` or a `RequestError`.
    pub fn replay(&self, execution_id: &JsValue, since: &JsValue) -> JsValue {
        match Replay::new(execution_id, since) {
            Ok(replay) => {
                let promise = replay.promise();
                self.driver.replay(execution_id, replay);
                promise
            }
            Err(error) => rejected(&error),
        }
    }

    /// Goes on with a subscribed execution from where an instance before this one was: after the event
    /// of this number, in the history of this epoch.
    #[wasm_bindgen(js_name = goOnFrom)]
    pub fn go_on_from(&self, execution_id: &JsValue, seq: f64, epoch: &JsValue) {
        self.driver.go_on_from(execution_id, seq, epoch);
    }

    /// Keeps these snapshots of an execution up to date, and subscribes to it. Returns whether some
    /// of it has passed already.
    ///
    /// # Errors
    /// A `TypeError` when the id is not one, a `RequestError` when there are too many subscriptions.
    #[wasm_bindgen(js_name = watchExecution)]
    pub fn watch_execution(
        &self,
        execution_id: &JsValue,
        execution: &JsValue,
    ) -> Result<bool, JsValue> {
        check_execution_id(execution_id)?;
        self.driver
            .watch(execution_id, execution)
            .map_err(errors::refused)
    }

    /// Ends that.
    #[wasm_bindgen(js_name = unwatchExecution)]
    pub fn unwatch_execution(&self, execution_id: &JsValue) {
        self.driver.unwatch(execution_id);
    }

    /// Adds these events to a watched execution, of which they are all.
    ///
    /// # Errors
    /// A `TypeError` that names the field which is not as declared; nothing is changed then.
    #[wasm_bindgen(js_name = restoreExecution)]
    pub fn restore_execution(
        &self,
        execution_id: &JsValue,
        events: Vec<JsValue>,
    ) -> Result<(), JsValue> {
        self.driver.restore(execution_id, &events)
    }

    /// All that a watched execution has missed was sent again.
    #[wasm_bindgen(js_name = completeExecution)]
    pub fn complete_execution(&self, execution_id: &JsValue) {
        self.driver.complete(execution_id);
    }

    /// Keeps these snapshots of a knowledge base up to date.
    ///
    /// # Errors
    /// A `TypeError` when the id is not one.
    #[wasm_bindgen(js_name = watchKnowledgeBase)]
    pub fn watch_knowledge_base(
        &self,
        knowledge_base_id: &JsValue,
        base: &JsValue,
    ) -> Result<(), JsValue> {
        check_knowledge_base_id(knowledge_base_id)?;
        self.driver.watching().open_base(knowledge_base_id, base);
        Ok(())
    }

    /// Ends that.
    #[wasm_bindgen(js_name = unwatchKnowledgeBase)]
    pub fn unwatch_knowledge_base(&self, knowledge_base_id: &JsValue) {
        self.driver.watching().close_base(knowledge_base_id);
    }

    /// How long what nobody asks for any more is still held, in ms.
    #[wasm_bindgen(getter, js_name = unsubscribeDelayMs)]
    pub fn unsubscribe_delay_ms(&self) -> f64 {
        self.driver.settings.borrow().session.unsubscribe_delay_ms
    }

    /// What was counted so far.
    pub fn stats(&self) -> JsValue {
        let session = self.driver.session();
        let stats = session.stats();
        platform::stats_object(&[
            stats.attempts as f64,
            stats.connections as f64,
            stats.delivered as f64,
            stats.unwanted as f64,
            stats.unreadable as f64,
            stats.sent as f64,
            stats.send_failures as f64,
            self.driver.handler_count() as f64,
            self.driver.subscription_count() as f64,
        ])
    }

    fn credentials(&self, token: &JsValue) -> Result<Credentials, JsValue> {
        if token.is_undefined() {
            return Ok(self.driver.credentials());
        }
        if token.is_function() {
            return Ok(self.driver.provider(token));
        }
        match token.as_string() {
            Some(token) if !token.is_empty() => Ok(Credentials::Token(Token::new(token))),
            _ => Err(errors::type_error(
                "connect() takes a token (a string that is not empty) or a function that gives one: \
                 wait with it until the user has signed in",
            )),
        }
    }
}
