//! The exported class: reads its arguments, and leaves the rest to the driver.

use std::rc::Rc;

use flowmaestro_protocol::{MAX_ID_BYTES, Room};
use flowmaestro_session::{Credentials, Input, State, Token};
use js_sys::{Function, JSON, JsString, Promise};
use tsify::{Ts, Tsify};
use wasm_bindgen::prelude::*;

use crate::driver::{Driver, Settle};
use crate::errors;
use crate::handlers::HandlerId;
use crate::options::ClientOptions;
use crate::platform;
use crate::state::{ClientStats, ConnectionState};

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
    /// A `TypeError` that names the option which is unknown or out of its range.
    pub fn configure(&self, options: Ts<ClientOptions>) -> Result<(), JsValue> {
        let options = options
            .to_rust()
            .map_err(|error| errors::type_error(&error.to_string()))?;
        let settings = self.driver.settings.borrow().clone();
        let settings = settings
            .with(options)
            .map_err(|message| errors::type_error(&message))?;
        self.driver.configure(settings);
        Ok(())
    }

    /// Connects with a token, a function that gives (a promise of) one, or what the last call gave.
    /// The promise resolves at the server's welcome and rejects with a `ConnectionError`.
    pub fn connect(&self, token: JsValue) -> Promise {
        match self.credentials(token) {
            Ok(credentials) => promise(|settle| self.driver.connect(credentials.clone(), settle)),
            Err(error) => Promise::reject(&error),
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
        *self.driver.session().state() == State::Connected
    }

    /// The state of the connection: the same frozen object until it changes.
    #[wasm_bindgen(getter)]
    pub fn state(&self) -> Ts<ConnectionState> {
        Ts::new_unchecked(self.driver.state())
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
        on_removed: Option<Function>,
    ) -> Result<u32, JsValue> {
        let event_type = string("the event type", event_type)?;
        let handler = function(handler)?;
        let execution_id = if execution_id.is_undefined() {
            None
        } else {
            Some(id("executionId", execution_id)?)
        };
        let id = self.driver.add_handler(
            &event_type,
            handler.clone(),
            execution_id.as_deref(),
            once,
            on_removed,
        );
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
        let event_type = string("the event type", event_type)?;
        if handler.is_undefined() {
            self.driver.remove_handlers(&event_type, None);
            return Ok(());
        }
        let handler = function(handler)?;
        self.driver.remove_handlers(&event_type, Some(handler));
        Ok(())
    }

    /// Whether anything is registered for this event type.
    ///
    /// # Errors
    /// A `TypeError` when the event type is not a string.
    #[wasm_bindgen(js_name = hasHandlers)]
    pub fn has_handlers(&self, event_type: &JsValue) -> Result<bool, JsValue> {
        Ok(self
            .driver
            .has_handlers(&string("the event type", event_type)?))
    }

    /// One more holder wants the events of this execution.
    ///
    /// # Errors
    /// A `TypeError` when the id is not one, a `RequestError` when there are too many subscriptions.
    #[wasm_bindgen(js_name = subscribeToExecution)]
    pub fn subscribe_to_execution(&self, execution_id: &JsValue) -> Result<(), JsValue> {
        let execution_id = id("executionId", execution_id)?;
        self.driver
            .subscribe(&execution_id)
            .map_err(errors::refused)
    }

    /// One holder less wants the events of this execution. After the last, none is delivered.
    ///
    /// # Errors
    /// A `TypeError` when the id is not one.
    #[wasm_bindgen(js_name = unsubscribeFromExecution)]
    pub fn unsubscribe_from_execution(&self, execution_id: &JsValue) -> Result<(), JsValue> {
        self.driver.unsubscribe(&id("executionId", execution_id)?);
        Ok(())
    }

    /// Wants to know who else watches an execution that is subscribed.
    ///
    /// # Errors
    /// A `TypeError` when the id is not one.
    #[wasm_bindgen(js_name = watchPresence)]
    pub fn watch_presence(&self, execution_id: &JsValue) -> Result<(), JsValue> {
        self.driver
            .watch_presence(&id("executionId", execution_id)?);
        Ok(())
    }

    /// One more holder wants the events of every execution in this room.
    ///
    /// # Errors
    /// A `TypeError` when it is none, a `RequestError` when there are too many subscriptions.
    #[wasm_bindgen(js_name = subscribeToRoom)]
    pub fn subscribe_to_room(&self, room: &JsValue) -> Result<(), JsValue> {
        self.driver
            .subscribe_room(&room_name(room)?)
            .map_err(errors::refused)
    }

    /// One holder less wants the events of this room.
    ///
    /// # Errors
    /// A `TypeError` when it is none.
    #[wasm_bindgen(js_name = unsubscribeFromRoom)]
    pub fn unsubscribe_from_room(&self, room: &JsValue) -> Result<(), JsValue> {
        self.driver.unsubscribe_room(&room_name(room)?);
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
    ) -> Promise {
        match response(execution_id, node_id, value) {
            Ok((event, text)) => promise(|settle| self.driver.send(&text, event.clone(), settle)),
            Err(error) => Promise::reject(&error),
        }
    }

    /// What was counted so far.
    ///
    /// # Errors
    /// Never: numbers have a JavaScript form.
    pub fn stats(&self) -> Result<Ts<ClientStats>, JsValue> {
        let session = self.driver.session();
        let stats = session.stats();
        let stats = ClientStats {
            attempts: stats.attempts as f64,
            connections: stats.connections as f64,
            delivered: stats.delivered as f64,
            unwanted: stats.unwanted as f64,
            unreadable: stats.unreadable as f64,
            sent: stats.sent as f64,
            send_failures: stats.send_failures as f64,
            handlers: self.driver.handler_count() as f64,
            subscriptions: self.driver.subscription_count() as f64,
        };
        stats
            .into_ts()
            .map_err(|error| errors::type_error(&error.to_string()))
    }

    fn credentials(&self, token: JsValue) -> Result<Credentials, JsValue> {
        if token.is_undefined() {
            return Ok(self.driver.credentials());
        }
        if let Some(provider) = token.dyn_ref::<Function>() {
            return Ok(self.driver.provider(provider.clone()));
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

/// A promise whose ends `start` may settle now or later.
fn promise(start: impl Fn(Settle)) -> Promise {
    Promise::new(&mut |resolve, reject| start(Settle { resolve, reject }))
}

/// A string that Rust can hold as it is: one with half of a surrogate pair would collide with
/// others like it.
fn string(what: &str, value: &JsValue) -> Result<String, JsValue> {
    let text = value
        .dyn_ref::<JsString>()
        .ok_or_else(|| errors::type_error(&format!("{what} must be a string")))?;
    if !text.is_well_formed() {
        return Err(errors::type_error(&format!(
            "{what} must be well-formed Unicode"
        )));
    }
    Ok(text.into())
}

fn function(handler: &JsValue) -> Result<&Function, JsValue> {
    handler
        .dyn_ref::<Function>()
        .ok_or_else(|| errors::type_error("the handler must be a function"))
}

fn id(what: &str, value: &JsValue) -> Result<String, JsValue> {
    let id = string(what, value)?;
    if id.is_empty() || id.len() > MAX_ID_BYTES {
        let message = format!("{what} must have 1 to {MAX_ID_BYTES} bytes");
        return Err(errors::type_error(&message));
    }
    Ok(id)
}

fn room_name(room: &JsValue) -> Result<String, JsValue> {
    let name = string("the room", room)?;
    match Room::new(&name) {
        Some(_) => Ok(name),
        None => Err(errors::type_error(
            "the room must be workspace:<id> or project:<id>",
        )),
    }
}

/// The event that answers a request for input, and its text.
fn response(
    execution_id: &JsValue,
    node_id: &JsValue,
    value: &JsValue,
) -> Result<(JsValue, JsString), JsValue> {
    let execution_id = id("executionId", execution_id)?;
    let node_id = id("nodeId", node_id)?;
    let has_no_json = value.is_undefined() || value.is_function() || value.is_symbol();
    if has_no_json {
        return Err(errors::not_serializable());
    }
    let event = platform::user_input_response(&execution_id, &node_id, value);
    let text = JSON::stringify(&event).map_err(|_| errors::not_serializable())?;
    Ok((event, text))
}
