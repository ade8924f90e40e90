//! Carries out what the session decides.
//!
//! The rule that everything here keeps: nothing is borrowed while JavaScript runs. A handler may
//! call anything on the client; its inputs reach the session at once, and the effects are carried
//! out by the outermost call, in order.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use flowmaestro_protocol::{Feature, Features};
use flowmaestro_session::{
    Credentials, Effect, ExecutionKey, FrameKind, Gap, GapReason, Generation, Input, Millis,
    Outgoing, Problem, Refused, SendError, SendId, Session, State, Token, TokenRequest,
};
use gloo_timers::callback::Timeout;
use js_sys::{Date, Function, JsString, Object, Promise, Reflect};
use tsify::Tsify;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};

use crate::decoder::{Decoder, ROOM};
use crate::errors;
use crate::executions::{Executions, Holder};
use crate::handlers::{HandlerId, Handlers, Registration, Removed, Topic};
use crate::log::log;
use crate::options::{LogLevel, Settings};
use crate::platform;
use crate::socket::Socket;
use crate::state::ConnectionState;

/// Everything that one client owns.
pub(crate) struct Driver {
    session: RefCell<Session<JsValue>>,
    pub(crate) settings: RefCell<Settings>,
    executions: RefCell<Executions>,
    handlers: RefCell<Handlers>,
    socket: RefCell<Option<Socket>>,
    timer: RefCell<Option<Timer>>,
    provider: RefCell<Provider>,
    credentials: RefCell<Credentials>,
    connects: RefCell<Vec<Settle>>,
    messages: RefCell<Messages>,
    connection_id: RefCell<String>,
    state: RefCell<JsValue>,
    draining: Cell<bool>,
    page: RefCell<Option<PageWatch>>,
}

/// The one timer, and what it is armed for.
struct Timer {
    deadline: Millis,
    timeout: Timeout,
}

/// The token provider in use. Its number changes with the function.
#[derive(Default)]
struct Provider {
    number: u32,
    function: Option<Function>,
}

/// The two ends of a promise.
pub(crate) struct Settle {
    pub(crate) resolve: Function,
    pub(crate) reject: Function,
}

/// The messages of `submitUserInput` that were not sent yet.
#[derive(Default)]
struct Messages {
    last_id: u32,
    waiting: BTreeMap<u32, (JsValue, Settle)>,
}

/// The page's signs of life, watched while a connection is wished for.
struct PageWatch {
    stop: Function,
    _wake: Closure<dyn Fn()>,
}

impl Drop for PageWatch {
    fn drop(&mut self) {
        let _ = self.stop.call0(&JsValue::UNDEFINED);
    }
}

impl Driver {
    pub(crate) fn new() -> Rc<Self> {
        let mut settings = Settings::default();
        settings.session.features = features();
        let decoder = Decoder::new();
        decoder.set_limit(settings.max_received_length);
        let seed = (js_sys::Math::random() * 2f64.powi(53)) as u64;
        let driver = Rc::new(Self {
            session: RefCell::new(Session::new(settings.session, seed)),
            settings: RefCell::new(settings),
            executions: RefCell::new(Executions::new(decoder)),
            handlers: RefCell::default(),
            socket: RefCell::default(),
            timer: RefCell::default(),
            provider: RefCell::default(),
            credentials: RefCell::new(Credentials::None),
            connects: RefCell::default(),
            messages: RefCell::default(),
            connection_id: RefCell::default(),
            state: RefCell::new(JsValue::UNDEFINED),
            draining: Cell::new(false),
            page: RefCell::default(),
        });
        driver.publish_state(&State::Disconnected { cause: None });
        driver
    }

    pub(crate) fn session(&self) -> std::cell::Ref<'_, Session<JsValue>> {
        self.session.borrow()
    }

    pub(crate) fn handler_count(&self) -> usize {
        self.handlers.borrow().len()
    }

    pub(crate) fn subscription_count(&self) -> usize {
        self.executions.borrow().held_by_session()
    }

    /// The frozen public state; the same object until it changes.
    pub(crate) fn state(&self) -> JsValue {
        self.state.borrow().clone()
    }

    pub(crate) fn log(&self, level: LogLevel, message: &str) {
        log(self.settings.borrow().log_level, level, message);
    }

    pub(crate) fn configure(&self, settings: Settings) {
        self.executions
            .borrow()
            .decoder()
            .set_limit(settings.max_received_length);
        self.session.borrow_mut().configure(settings.session);
        *self.settings.borrow_mut() = settings;
    }

    /// Tells the session what happened and carries out what it asks for.
    ///
    /// # Errors
    /// What the session refused; nothing was changed then.
    pub(crate) fn input(self: &Rc<Self>, input: Input<JsValue>) -> Result<(), Refused> {
        let result = self
            .session
            .borrow_mut()
            .handle(Millis(platform::now()), input);
        self.drain();
        result
    }

    /// Carries out every effect. A call from within one leaves them to the outermost.
    fn drain(self: &Rc<Self>) {
        if self.draining.replace(true) {
            return;
        }
        loop {
            let effect = self.session.borrow_mut().poll_effect();
            let Some(effect) = effect else { break };
            self.carry_out(effect);
        }
        self.draining.set(false);
        self.arm_timer();
    }

    /// An input that the session has no reason to refuse.
    fn report(self: &Rc<Self>, input: Input<JsValue>) {
        if let Err(refused) = self.input(input) {
            self.log(LogLevel::Debug, &refused.to_string());
        }
    }

    fn carry_out(self: &Rc<Self>, effect: Effect<JsValue>) {
        match effect {
            Effect::Deliver {
                event,
                execution,
                acknowledge,
                payload,
            } => {
                // An event that comes through a room has no subscription of its own to end.
                let subscription = execution.filter(|key| self.session().is_wanted(*key));
                self.deliver(Some(event.into()), execution, &payload, subscription);
                if let Some(generation) = acknowledge {
                    self.acknowledge(generation, &payload);
                }
            }
            Effect::Acknowledge {
                generation,
                payload,
            } => self.acknowledge(generation, &payload),
            Effect::Gap { execution, gap } => self.gap(execution, gap),
            Effect::DeliverUnknown { payload } => self.deliver_unknown(&payload),
            Effect::OpenSocket { generation, token } => self.open_socket(generation, token),
            Effect::CloseSocket { generation, code } => self.close_socket(generation, code),
            Effect::RequestToken { request, provider } => self.request_token(request, provider),
            Effect::Transmit {
                generation,
                message,
            } => self.transmit(generation, message),
            Effect::Sent { id } => self.sent(id),
            Effect::SendFailed { id, error } => self.send_failed(id, error),
            Effect::Welcomed { payload } => self.welcomed(&payload),
            Effect::Subscribed {
                execution,
                resumed,
                recovered,
            } => self.subscribed(execution, resumed, recovered),
            Effect::Reported { problem } => self.problem(problem),
            Effect::StateChanged(state) => self.state_changed(&state),
            Effect::Released(key) => self.executions.borrow_mut().release(key, Holder::Session),
        }
    }

    // --- connecting -----------------------------------------------------------------------------

    /// Connects with these credentials; the promise's ends are settled with the outcome.
    pub(crate) fn connect(self: &Rc<Self>, credentials: Credentials, settle: Settle) {
        let replaced = self.credentials.replace(credentials.clone()) != credentials;
        let superseded = if replaced {
            self.connects.take()
        } else {
            Vec::new()
        };
        for settle in superseded {
            reject(&settle, &errors::superseded());
        }
        self.connects.borrow_mut().push(settle);
        self.watch_page();
        self.report(Input::Connect { credentials });
        if *self.session().state() == State::Connected {
            self.resolve_connects();
        }
    }

    /// The credentials for a provider function: the same for the same function.
    pub(crate) fn provider(&self, function: Function) -> Credentials {
        let mut provider = self.provider.borrow_mut();
        if provider.function.as_ref() != Some(&function) {
            provider.number = provider.number.wrapping_add(1);
            provider.function = Some(function);
        }
        Credentials::Provider(provider.number)
    }

    /// The credentials of the last `connect`.
    pub(crate) fn credentials(&self) -> Credentials {
        self.credentials.borrow().clone()
    }

    pub(crate) fn disconnect(self: &Rc<Self>) {
        *self.page.borrow_mut() = None;
        // The next user of this page must not be taken for the last one.
        *self.credentials.borrow_mut() = Credentials::None;
        self.provider.borrow_mut().function = None;
        self.report(Input::Disconnect);
    }

    fn open_socket(self: &Rc<Self>, generation: Generation, token: Option<Token>) {
        self.log(LogLevel::Debug, "opening a socket");
        let driver = Rc::downgrade(self);
        let sink = move |input| {
            if let Some(driver) = driver.upgrade() {
                driver.note_welcome(&input);
                driver.report(input);
            }
        };
        let socket = {
            let settings = self.settings.borrow();
            let executions = self.executions.borrow();
            Socket::open(
                generation,
                token.as_ref(),
                &settings,
                executions.decoder(),
                sink,
            )
        };
        match socket {
            Ok(socket) => *self.socket.borrow_mut() = Some(socket),
            Err(()) => self.report(Input::SocketFailed { generation }),
        }
    }

    fn close_socket(&self, generation: Generation, code: u16) {
        let socket = self
            .socket
            .borrow_mut()
            .take_if(|socket| socket.generation() == generation);
        if let Some(socket) = socket {
            socket.close(code);
        }
    }

    fn request_token(self: &Rc<Self>, request: TokenRequest, number: u32) {
        let function = {
            let provider = self.provider.borrow();
            provider
                .function
                .clone()
                .filter(|_| provider.number == number)
        };
        let driver = Rc::downgrade(self);
        spawn_local(async move {
            let token = match function {
                Some(function) => ask(&function).await,
                None => None,
            };
            if let Some(driver) = driver.upgrade() {
                driver.report(Input::TokenReady { request, token });
            }
        });
    }

    fn transmit(&self, generation: Generation, message: Outgoing<JsValue>) {
        let executions = self.executions.borrow();
        let decoder = executions.decoder();
        let text = match message {
            Outgoing::Hello(features) => platform::hello(names(features)),
            Outgoing::Subscribe {
                execution,
                after,
                presence,
            } => {
                let Some(name) = executions.name(execution) else {
                    return;
                };
                decoder.subscribe(name, after.map(|seq| seq as f64), presence)
            }
            Outgoing::Unsubscribe(execution) => {
                let Some(name) = executions.name(execution) else {
                    return;
                };
                decoder.unsubscribe(name)
            }
            Outgoing::Message {
                id,
                payload,
                confirm,
            } => {
                let text = if confirm {
                    decoder.numbered(&payload, id.0)
                } else {
                    payload
                };
                return self.with_socket(generation, |socket| socket.send_js(&text));
            }
            Outgoing::Ping(id) => platform::ping(id),
            Outgoing::Auth(token) => platform::auth(token.as_str()),
        };
        self.with_socket(generation, |socket| socket.send(&text));
    }

    /// Says that an event was handled.
    fn acknowledge(&self, generation: Generation, event: &JsValue) {
        if let Some(event_id) = string_field(event, "eventId") {
            let text = platform::ack(&event_id);
            self.with_socket(generation, |socket| socket.send(&text));
        }
    }

    /// Does something with a socket, unless it is gone.
    fn with_socket(&self, generation: Generation, act: impl FnOnce(&Socket)) {
        let socket = self.socket.borrow();
        if let Some(socket) = socket
            .as_ref()
            .filter(|socket| socket.generation() == generation)
        {
            act(socket);
        }
    }

    fn welcomed(&self, welcome: &JsValue) {
        self.log(LogLevel::Info, "connected");
        self.deliver_to("connection:established", None, welcome);
    }

    fn state_changed(self: &Rc<Self>, state: &State) {
        self.publish_state(state);
        match state {
            State::Connected => self.resolve_connects(),
            State::Failed { error } => self.reject_connects(&errors::connection_failed(error)),
            State::Disconnected { .. } => self.reject_connects(&errors::disconnected()),
            State::Connecting { .. } | State::Waiting { .. } => {}
        }
        let event = object(&[("type", "connection:state".into()), ("state", self.state())]);
        self.deliver_to("connection:state", None, &event);
    }

    fn publish_state(&self, state: &State) {
        let epoch_offset_ms = Date::now() - platform::now();
        let connection_id = self.connection_id.borrow().clone();
        let state = ConnectionState::new(state, &connection_id, epoch_offset_ms).into_js();
        if let Ok(state) = state {
            let state: Object = state.unchecked_into();
            self.state.replace(Object::freeze(&state).into());
        }
    }

    fn resolve_connects(&self) {
        for settle in self.connects.take() {
            let _ = settle.resolve.call0(&JsValue::UNDEFINED);
        }
    }

    fn reject_connects(&self, error: &JsValue) {
        for settle in self.connects.take() {
            reject(&settle, error);
        }
    }

    // --- subscriptions and messages ----------------------------------------------------------------

    /// One more holder of a subscription.
    ///
    /// # Errors
    /// When there are too many subscriptions.
    pub(crate) fn subscribe(self: &Rc<Self>, execution_id: &str) -> Result<(), Refused> {
        self.hold(execution_id, Input::Subscribe)
    }

    fn hold(
        self: &Rc<Self>,
        name: &str,
        input: fn(ExecutionKey) -> Input<JsValue>,
    ) -> Result<(), Refused> {
        let held = self.executions.borrow().is_held_by_session(name);
        let key = self.executions.borrow_mut().retain(name, Holder::Session);
        let result = self.input(input(key));
        if result.is_err() && !held {
            self.executions.borrow_mut().release(key, Holder::Session);
        }
        result
    }

    /// One more holder of a subscription to a room.
    ///
    /// # Errors
    /// When there are too many subscriptions.
    pub(crate) fn subscribe_room(self: &Rc<Self>, room: &str) -> Result<(), Refused> {
        self.hold(&format!("{ROOM}{room}"), Input::SubscribeRoom)
    }

    /// One holder of a subscription to a room less.
    pub(crate) fn unsubscribe_room(self: &Rc<Self>, room: &str) {
        self.unsubscribe(&format!("{ROOM}{room}"));
    }

    /// Wants to know who else watches an execution that is subscribed.
    pub(crate) fn watch_presence(self: &Rc<Self>, execution_id: &str) {
        let key = self.executions.borrow().key(execution_id);
        if let Some(execution) = key {
            let watch = true;
            self.report(Input::WatchPresence { execution, watch });
        }
    }

    /// One holder of a subscription less.
    pub(crate) fn unsubscribe(self: &Rc<Self>, execution_id: &str) {
        let key = self.executions.borrow().key(execution_id);
        if let Some(key) = key {
            self.report(Input::Unsubscribe(key));
        }
    }

    /// Sends a message when connected. `text` is the message as JSON, `event` as local handlers
    /// will see it.
    pub(crate) fn send(self: &Rc<Self>, text: &JsString, event: JsValue, settle: Settle) {
        let id = {
            let mut messages = self.messages.borrow_mut();
            messages.last_id = messages.last_id.wrapping_add(1);
            let id = messages.last_id;
            messages.waiting.insert(id, (event, settle));
            SendId(id)
        };
        let bytes = platform::byte_length(text);
        let message = JsValue::from(text.clone());
        if let Err(refused) = self.input(Input::Send { id, message, bytes })
            && let Some((_, settle)) = self.take_message(id)
        {
            reject(&settle, &errors::refused(refused));
        }
    }

    fn take_message(&self, id: SendId) -> Option<(JsValue, Settle)> {
        self.messages.borrow_mut().waiting.remove(&id.0)
    }

    fn sent(&self, id: SendId) {
        if let Some((event, settle)) = self.take_message(id) {
            let _ = settle.resolve.call0(&JsValue::UNDEFINED);
            let execution = string_field(&event, "executionId");
            let scope = execution.and_then(|name| self.executions.borrow().key(&name));
            let topic = self.handlers.borrow().topic("user:input:response");
            self.deliver(topic, scope, &event, None);
        }
    }

    fn send_failed(&self, id: SendId, error: SendError) {
        if let Some((_, settle)) = self.take_message(id) {
            reject(&settle, &errors::not_sent(error));
        }
    }

    fn subscribed(&self, key: ExecutionKey, resumed: bool, recovered: bool) {
        let Some(name) = self.execution_name(key) else {
            return;
        };
        self.log(LogLevel::Debug, "subscribed");
        let subject = match name.strip_prefix(ROOM) {
            Some(room) => ("room", room.into()),
            None => ("executionId", name.into()),
        };
        let event = object(&[
            ("type", "connection:subscribed".into()),
            subject,
            ("resumed", resumed.into()),
            ("recovered", recovered.into()),
        ]);
        self.deliver_to("connection:subscribed", Some(key), &event);
    }

    fn gap(&self, key: ExecutionKey, gap: Gap) {
        let Some(name) = self.execution_name(key) else {
            return;
        };
        self.log(LogLevel::Warn, "events of an execution are missing");
        let seq = |seq: Option<u64>| seq.map_or(JsValue::NULL, |seq| (seq as f64).into());
        let reason = match gap.reason {
            GapReason::Evicted => "evicted",
            GapReason::Restarted => "restarted",
            GapReason::Baseline => "baseline",
        };
        let event = object(&[
            ("type", "connection:gap".into()),
            ("executionId", name.into()),
            ("fromSeq", seq(gap.from)),
            ("toSeq", seq(gap.to)),
            ("reason", reason.into()),
        ]);
        self.deliver_to("connection:gap", Some(key), &event);
    }

    fn execution_name(&self, key: ExecutionKey) -> Option<String> {
        self.executions.borrow().name(key).map(str::to_owned)
    }

    // --- handlers ------------------------------------------------------------------------------

    /// Registers a handler, for one execution if named. The answer is its number.
    pub(crate) fn add_handler(
        &self,
        name: &str,
        handler: Function,
        execution_id: Option<&str>,
        once: bool,
        on_removed: Option<Function>,
    ) -> HandlerId {
        let scope =
            execution_id.map(|name| self.executions.borrow_mut().retain(name, Holder::Handler));
        let registration = Registration {
            handler,
            scope,
            once,
            on_removed,
        };
        let (id, added) = self.handlers.borrow_mut().add(name, registration);
        if let (false, Some(key)) = (added, scope) {
            self.executions.borrow_mut().release(key, Holder::Handler);
        }
        id
    }

    pub(crate) fn remove_handler(&self, id: HandlerId) {
        let removed = self.handlers.borrow_mut().remove(id);
        if let Some(removed) = removed {
            self.let_go(removed);
        }
    }

    pub(crate) fn remove_handlers(&self, name: &str, handler: Option<&Function>) {
        let ids = self.handlers.borrow().registered(name, handler);
        for id in ids {
            self.remove_handler(id);
        }
    }

    pub(crate) fn has_handlers(&self, name: &str) -> bool {
        self.handlers.borrow().has_any(name)
    }

    fn let_go(&self, removed: Removed) {
        if let Some(key) = removed.scope {
            self.executions.borrow_mut().release(key, Holder::Handler);
        }
        if let Some(on_removed) = removed.on_removed {
            self.call(&on_removed, None);
        }
    }

    /// An event of the server's, or one that the client sent: typed handlers first, then `"*"`.
    /// Where `subscription` is given, a handler that ends it also ends the delivery.
    fn deliver(
        &self,
        topic: Option<Topic>,
        scope: Option<ExecutionKey>,
        event: &JsValue,
        subscription: Option<ExecutionKey>,
    ) {
        let go_on = || subscription.is_none_or(|key| self.session().is_wanted(key));
        if let Some(topic) = topic {
            self.walk(topic, scope, event, go_on);
        }
        self.walk(Topic::ANY, scope, event, go_on);
    }

    /// A message of a type that is no event's: handlers may be registered under its name still.
    fn deliver_unknown(&self, message: &JsValue) {
        let name = string_field(message, "type").unwrap_or_default();
        self.log(LogLevel::Debug, "a message of an unknown type");
        let topic = self.handlers.borrow().topic(&name);
        let execution = string_field(message, "executionId");
        let scope = execution.and_then(|name| self.executions.borrow().key(&name));
        self.deliver(topic, scope, message, None);
    }

    /// An event of the client's own, which `"*"` handlers do not get.
    fn deliver_to(&self, name: &str, scope: Option<ExecutionKey>, event: &JsValue) {
        let topic = self.handlers.borrow().topic(name);
        if let Some(topic) = topic {
            self.walk(topic, scope, event, || true);
        }
    }

    fn walk(
        &self,
        topic: Topic,
        scope: Option<ExecutionKey>,
        event: &JsValue,
        go_on: impl Fn() -> bool,
    ) {
        let mut walk = self.handlers.borrow().walk(topic, scope);
        while go_on() {
            let next = self.handlers.borrow_mut().next(&mut walk);
            let Some((handler, removed)) = next else {
                return;
            };
            if let Some(removed) = removed {
                self.let_go(removed);
            }
            self.call(&handler, Some(event));
        }
    }

    /// Calls a function of the user's. Its exception is reported, and stops nothing.
    fn call(&self, function: &Function, event: Option<&JsValue>) {
        let result = match event {
            Some(event) => function.call1(&JsValue::UNDEFINED, event),
            None => function.call0(&JsValue::UNDEFINED),
        };
        if let Err(error) = result {
            platform::report(&error);
        }
    }

    // --- what went wrong -------------------------------------------------------------------------

    fn problem(&self, problem: Problem<JsValue>) {
        let (code, message, execution) = match problem {
            Problem::SubscriptionRefused {
                execution, payload, ..
            } => (
                server_code(&payload),
                server_message(&payload),
                Some(execution),
            ),
            Problem::ServerError { execution, payload } => {
                (server_code(&payload), server_message(&payload), execution)
            }
            Problem::SubscriptionUnanswered { execution } => (
                "subscription_unanswered".into(),
                "the server did not answer a subscription; its events are delivered if they come"
                    .into(),
                Some(execution),
            ),
            Problem::UnreadableFrame { payload } => (
                "invalid_message".into(),
                payload.as_string().unwrap_or_default(),
                None,
            ),
            Problem::TokenUnavailable => (
                "token_unavailable".into(),
                "the token provider failed, or did not answer in time with a token".into(),
                None,
            ),
            Problem::TokenExpiring => (
                "token_expiring".into(),
                "the token ends soon: call connect() with another, or give it a provider".into(),
                None,
            ),
        };
        self.log(LogLevel::Warn, &format!("{code}: {message}"));
        let mut fields = vec![
            ("type", "connection:error".into()),
            ("code", code.into()),
            ("message", message.into()),
        ];
        if let Some(name) = execution.and_then(|key| self.execution_name(key)) {
            fields.push(("executionId", name.into()));
        }
        self.deliver_to("connection:error", execution, &object(&fields));
    }

    // --- time and the page -----------------------------------------------------------------------

    fn arm_timer(self: &Rc<Self>) {
        let deadline = self.session().next_deadline();
        let mut timer = self.timer.borrow_mut();
        if timer.as_ref().map(|timer| timer.deadline) == deadline {
            return;
        }
        *timer = deadline.map(|deadline| {
            let driver = Rc::downgrade(self);
            let delay = (deadline.0 - platform::now()).max(0.0).ceil();
            let timeout = Timeout::new(delay as u32, move || {
                if let Some(driver) = driver.upgrade() {
                    // The timer is running, not waiting: dropping it would cancel nothing.
                    if let Some(timer) = driver.timer.borrow_mut().take() {
                        timer.timeout.forget();
                    }
                    driver.report(Input::Tick);
                }
            });
            Timer { deadline, timeout }
        });
    }

    fn watch_page(self: &Rc<Self>) {
        if self.page.borrow().is_some() {
            return;
        }
        let driver = Rc::downgrade(self);
        let wake = Closure::<dyn Fn()>::new(move || {
            if let Some(driver) = driver.upgrade() {
                driver.report(Input::Wake);
            }
        });
        let stop = platform::watch_page(wake.as_ref());
        *self.page.borrow_mut() = Some(PageWatch { stop, _wake: wake });
    }

    /// Remembers the server's id of the connection before the session hears of the welcome.
    fn note_welcome(&self, input: &Input<JsValue>) {
        if let Input::SocketFrame { frame, .. } = input
            && matches!(frame.kind, FrameKind::Welcome { .. })
        {
            let connection_id = string_field(&frame.payload, "connectionId");
            *self.connection_id.borrow_mut() = connection_id.unwrap_or_default();
        }
    }
}

/// Asks a provider for a token: a string, or a promise of one.
async fn ask(provider: &Function) -> Option<Token> {
    let answer = provider.call0(&JsValue::UNDEFINED).ok()?;
    let token = JsFuture::from(Promise::resolve(&answer)).await.ok()?;
    token
        .as_string()
        .filter(|token| !token.is_empty())
        .map(Token::new)
}

fn reject(settle: &Settle, error: &JsValue) {
    let _ = settle.reject.call1(&JsValue::UNDEFINED, error);
}

fn object(fields: &[(&str, JsValue)]) -> JsValue {
    let object = Object::new();
    for (name, value) in fields {
        // Defining a plain field on a fresh object cannot fail.
        let _ = Reflect::set(&object, &JsValue::from_str(name), value);
    }
    object.into()
}

fn string_field(object: &JsValue, name: &str) -> Option<String> {
    Reflect::get(object, &JsValue::from_str(name))
        .ok()?
        .as_string()
}

/// What they are called on the wire.
fn names(features: Features) -> Vec<JsString> {
    features
        .iter()
        .map(|feature| feature.as_str().into())
        .collect()
}

/// What this client speaks in this browser.
fn features() -> Features {
    if platform::can_inflate() {
        Features::ALL
    } else {
        Features::ALL.without(Feature::Gzip)
    }
}

fn server_code(frame: &JsValue) -> String {
    string_field(frame, "code").unwrap_or_else(|| "server_error".into())
}

fn server_message(frame: &JsValue) -> String {
    string_field(frame, "message").unwrap_or_else(|| "the server refused a message".into())
}
