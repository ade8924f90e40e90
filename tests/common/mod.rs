//! The real gateway, steered through the control server that `npm run test:browser` starts.
#![allow(dead_code, reason = "each test file uses its own part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may panic, its helpers too"
)]

use std::cell::RefCell;
use std::rc::Rc;

use flowmaestro_websocket::WebSocketClient;
use gloo_timers::future::TimeoutFuture;
use js_sys::{Array, Function, JSON, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Request, RequestInit, Response, WebSocket};

/// How often a condition is looked at, and for how long, in ms.
const POLL_MS: u32 = 10;
const PATIENCE_MS: u32 = 20_000;

/// Waits until a condition holds.
pub async fn until(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..PATIENCE_MS / POLL_MS {
        if condition() {
            return;
        }
        TimeoutFuture::new(POLL_MS).await;
    }
    panic!("waited in vain for: {what}");
}

/// What a server answers: whether it does what it was asked, and the text.
async fn request(method: &str, url: &str, body: Option<&str>) -> (bool, String) {
    let init = RequestInit::new();
    init.set_method(method);
    if let Some(body) = body {
        init.set_body(&body.into());
    }
    let request = Request::new_with_str_and_init(url, &init).unwrap();
    let window = web_sys::window().unwrap();
    let response = JsFuture::from(window.fetch_with_request(&request))
        .await
        .unwrap();
    let response: Response = response.unchecked_into();
    let text = JsFuture::from(response.text().unwrap()).await.unwrap();
    (response.ok(), text.as_string().unwrap())
}

/// Asks the control server for something that it may refuse.
async fn try_control(method: &str, path: &str, body: Option<&str>) -> (bool, String) {
    let (_, harness) = request("GET", "/target/test-harness.json", None).await;
    let harness = JSON::parse(&harness).unwrap();
    request(method, &(text(&harness, "controlUrl") + path), body).await
}

async fn control(method: &str, path: &str, body: Option<&str>) -> JsValue {
    let (ok, text) = try_control(method, path, body).await;
    assert!(ok, "{method} {path}: {text}");
    JSON::parse(&text).unwrap_or(JsValue::NULL)
}

/// A field of an object.
pub fn get(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).unwrap()
}

/// A string field of an object.
pub fn text(object: &JsValue, name: &str) -> String {
    get(object, name).as_string().unwrap()
}

/// A number field of an object.
pub fn number(object: &JsValue, name: &str) -> f64 {
    get(object, name).as_f64().unwrap()
}

/// The gateway's socket address.
pub async fn ws_url() -> String {
    text(&control("GET", "/info", None).await, "wsUrl")
}

/// The gateway's socket address behind the proxy that breaks connections.
pub async fn proxy_ws_url() -> String {
    text(&control("GET", "/info", None).await, "proxyWsUrl")
}

/// Tells the proxy what to do with connections: `rules`, `plan` or `cut`.
pub async fn proxy(path: &str, body: Option<&str>) {
    control("POST", &format!("/proxy/{path}"), body).await;
}

/// What the proxy has counted: connections that it has cut, and those of them by a reset.
pub async fn proxy_stats() -> (f64, f64) {
    let stats = control("GET", "/proxy/stats", None).await;
    (number(&stats, "cut"), number(&stats, "reset"))
}

/// How many connections the proxy has cut.
pub async fn proxy_cuts() -> f64 {
    proxy_stats().await.0
}

/// How many connections a test under load is to cut.
pub async fn cuts_under_load() -> f64 {
    number(&control("GET", "/info", None).await, "cuts")
}

/// Reports what a test has counted, as JSON.
pub async fn report(figures: &str) {
    control("POST", "/figures", Some(figures)).await;
}

/// A token of this user.
pub async fn token(user: &str) -> String {
    let body = format!(r#"{{"userId":"{user}"}}"#);
    text(&control("POST", "/token", Some(&body)).await, "token")
}

/// Registers an execution of this user.
pub async fn register(execution: &str, user: &str) {
    let body = format!(r#"{{"executionId":"{execution}","userId":"{user}"}}"#);
    control("POST", "/execution", Some(&body)).await;
}

/// Emits as a backend does: an event, or an object of an event and its user.
pub async fn emit(body: &str) {
    control("POST", "/emit", Some(body)).await;
}

/// Emits what a gateway that is about to die may not accept. Returns whether it did.
pub async fn try_emit(body: &str) -> bool {
    try_control("POST", "/emit", Some(body)).await.0
}

/// Emits a `node:stream`.
pub async fn emit_chunk(execution: &str, chunk: &str) {
    emit(&format!(
        r#"{{"type":"node:stream","timestamp":1,"executionId":"{execution}","nodeId":"n","chunk":"{chunk}"}}"#
    ))
    .await;
}

/// The first answer about this execution that the gateway handed to its backend.
pub async fn answer_about(execution: &str) -> JsValue {
    for _ in 0..PATIENCE_MS / POLL_MS {
        let answers: Array = control("GET", "/user-input", None).await.unchecked_into();
        let mut answers = answers.iter();
        if let Some(answer) = answers.find(|answer| text(answer, "executionId") == execution) {
            return answer;
        }
        TimeoutFuture::new(POLL_MS).await;
    }
    panic!("waited in vain for: an answer about {execution}");
}

/// Kills or starts the gateway.
pub async fn gateway(action: &str) {
    control("POST", &format!("/gateway/{action}"), None).await;
}

/// Starts the gateway with this kind of history.
pub async fn start_gateway(history: &str) {
    let options = format!(r#"{{"history":"{history}"}}"#);
    control("POST", "/gateway/start", Some(&options)).await;
}

/// A client of the gateway with fast and exact retries, not connected yet.
pub async fn client(options: &str) -> WebSocketClient {
    let client = WebSocketClient::new();
    let url = ws_url().await;
    configure(
        &client,
        &format!(r#"{{"url":"{url}","logLevel":"silent"}}"#),
    );
    configure(&client, options);
    client
}

/// Sets options given as JSON.
pub fn configure(client: &WebSocketClient, options: &str) {
    try_configure(client, options).unwrap();
}

/// Sets options given as JSON, which the client may refuse.
pub fn try_configure(client: &WebSocketClient, options: &str) -> Result<(), JsValue> {
    client.configure(&JSON::parse(options).unwrap())
}

/// A client of the gateway, connected as this user.
pub async fn connected(user: &str) -> WebSocketClient {
    let client =
        client(r#"{"reconnect":{"maxAttempts":100,"maxDelayMs":100,"initialDelayMs":50}}"#).await;
    settle(client.connect(token(user).await.into()))
        .await
        .unwrap();
    client
}

/// Waits for a promise.
pub async fn settle(promise: impl Into<JsValue>) -> Result<JsValue, JsValue> {
    JsFuture::from(promise.into().unchecked_into::<Promise>()).await
}

/// A handler that remembers what it was called with.
pub struct Recorder {
    events: Rc<RefCell<Vec<JsValue>>>,
    handler: Closure<dyn Fn(JsValue)>,
}

impl Recorder {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    /// A handler that also does this with each event.
    pub fn with(also: impl Fn(&JsValue) + 'static) -> Self {
        let events = Rc::new(RefCell::new(Vec::new()));
        let seen = Rc::clone(&events);
        let handler = Closure::new(move |event: JsValue| {
            also(&event);
            seen.borrow_mut().push(event);
        });
        Self { events, handler }
    }

    pub fn function(&self) -> JsValue {
        self.handler.as_ref().clone()
    }

    /// Registers it for an event type.
    pub fn on(&self, client: &WebSocketClient, event_type: &str) -> u32 {
        client
            .on(
                &event_type.into(),
                &self.function(),
                &JsValue::UNDEFINED,
                false,
                &JsValue::UNDEFINED,
            )
            .unwrap()
    }

    pub fn count(&self) -> usize {
        self.events.borrow().len()
    }

    /// What it was called with, in order.
    pub fn events(&self) -> Vec<JsValue> {
        self.events.borrow().clone()
    }

    /// One string field of every event.
    pub fn texts(&self, field: &str) -> Vec<String> {
        self.events
            .borrow()
            .iter()
            .map(|event| text(event, field))
            .collect()
    }

    pub fn last(&self) -> JsValue {
        self.events.borrow().last().unwrap().clone()
    }
}

/// The sockets that the page opens while this is alive, in order.
pub struct Sockets {
    opened: Array,
    native: JsValue,
}

impl Sockets {
    pub fn watch() -> Self {
        let opened = Array::new();
        let native = get(&js_sys::global(), "WebSocket");
        let watched = Function::new_with_args(
            "Native, opened",
            "return class extends Native {
                constructor(...args) { super(...args); opened.push(this); }
            };",
        );
        let watched = watched.call2(&JsValue::UNDEFINED, &native, &opened);
        set_web_socket(&watched.unwrap());
        Self { opened, native }
    }

    pub fn count(&self) -> u32 {
        self.opened.length()
    }

    /// The socket of this number, from 0.
    pub fn at(&self, index: u32) -> WebSocket {
        self.opened.get(index).unchecked_into()
    }

    /// Whether a socket was closed, which the server may still have to answer.
    pub fn is_closed(&self, index: u32) -> bool {
        self.at(index).ready_state() >= WebSocket::CLOSING
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        set_web_socket(&self.native);
    }
}

fn set_web_socket(class: &JsValue) {
    Reflect::set(&js_sys::global(), &"WebSocket".into(), class).unwrap();
}
