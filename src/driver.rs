//! Carries out what the session decides.
//!
//! The rule that everything here keeps: nothing is borrowed while JavaScript of others runs. A handler
//! may call anything on the client; its inputs reach the session at once, and the effects are carried
//! out by the outermost call, in order.
//!
//! # The way of an event
//!
//! A page may get ten thousand events a second, so this is what each costs, beside reading the frame's
//! text and `JSON.parse`, which are four fifths of the time and every client's:
//!
//! 1. `decoder.js` checks the fields by the tables that came from Rust, and finds the execution's
//!    number. An event of a type that nobody listens to is not parsed: its beginning and its `seq` are
//!    enough (`skip`), which takes half of what `JSON.parse` and a look into a `Map` take.
//! 2. One call into wasm ([`Inbox::report`]) with two numbers, the object, and its `seq`. The object is
//!    put into a table for that; nothing of it is copied.
//! 3. `Session::take_next` says that it is the next one and wanted: two binary searches, no clock, no
//!    allocation. Whatever else it may be takes the long way (`Session::handle`), which reads the clock
//!    once: about a tenth of an event's cost in browsers that count time coarsely.
//! 4. One call out of wasm for each handler, with the handler's number and the object.
//!
//! An execution that is watched costs its reading beside that; see [`store`].

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::{Cell, Ref};

use flowmaestro_protocol::{EventType, Feature, Features};
use flowmaestro_session::{
    Credentials, Effect, ExecutionKey, Frame, FrameKind, Gap, GapReason, Generation, Input, Millis,
    Outgoing, PlainEvent, Problem, Refused, ReplayError, ReplayId, SendError, SendId, Session,
    State, Token, TokenRequest,
};
use wasm_bindgen::prelude::*;

use crate::arguments::{Answer, Deferred, Replay};
use crate::decoder::{self, Decoder, NextEvent};
use crate::errors;
use crate::executions::{Executions, Holder};
use crate::handlers::{Functions, HandlerId, Handlers, Registration, Topic};
use crate::inbox::Inbox;
use crate::options::{LogLevel, Settings};
use crate::platform::{self, Page};
use crate::slot::Slot;
use crate::socket::Socket;
use crate::store::{self, Watching};

/// Everything that one client owns.
pub(crate) struct Driver {
    session: Slot<Session<JsValue>>,
    pub(crate) settings: Slot<Settings>,
    pub(crate) decoder: Decoder,
    executions: Slot<Executions>,
    functions: Functions,
    handlers: Slot<Handlers>,
    watching: Watching,
    page: Page,
    /// The one in use, and the one that is to take its place.
    sockets: Slot<Vec<Socket>>,
    /// What the one timer is set to.
    timer: Cell<Option<Millis>>,
    provider: Slot<Provider>,
    credentials: Slot<Credentials>,
    connects: Slot<Vec<Deferred>>,
    answers: Slot<Answers>,
    replays: Slot<Replays>,
    state: Slot<JsValue>,
    /// The server's id of the connection that the state tells.
    told_id: Slot<JsValue>,
    draining: Cell<bool>,
    /// The events that somebody listens to, as the decoder was told.
    heard: Cell<i32>,
}

/// The token provider in use. Its number changes with the function.
#[derive(Default)]
struct Provider {
    number: u32,
    /// Undefined without one.
    function: JsValue,
}

/// The messages of `submitUserInput` that were not sent yet.
#[derive(Default)]
struct Answers {
    last_id: u32,
    waiting: Vec<(SendId, Answer)>,
}

/// The calls of `replay` that have no outcome yet.
#[derive(Default)]
struct Replays {
    last_id: u32,
    waiting: Vec<(ReplayId, ExecutionKey, Replay)>,
}

impl Driver {
    pub(crate) fn new() -> Rc<Self> {
        let mut settings = Settings::default();
        settings.session.features = features();
        let decoder = Decoder::new();
        decoder.set_limit(settings.max_received_length);
        let functions = Functions::new();
        functions.define_topics();
        let seed = platform::seed() as u64;
        let driver = Rc::new_cyclic(|driver| {
            let page = Page::new(Inbox::new(driver.clone()));
            Self {
                session: Slot::new(Session::new(settings.session, seed)),
                settings: Slot::new(settings),
                watching: Watching::new(&decoder, &page.report()),
                decoder,
                executions: Slot::default(),
                functions,
                handlers: Slot::default(),
                page,
                sockets: Slot::default(),
                timer: Cell::default(),
                provider: Slot::default(),
                credentials: Slot::new(Credentials::None),
                connects: Slot::default(),
                answers: Slot::default(),
                replays: Slot::default(),
                state: Slot::new(JsValue::UNDEFINED),
                told_id: Slot::new(JsValue::UNDEFINED),
                draining: Cell::new(false),
                heard: Cell::new(-1),
            }
        });
        driver.publish_state(&State::Disconnected { cause: None });
        driver.tell_heard();
        driver
    }

    pub(crate) fn session(&self) -> Ref<'_, Session<JsValue>> {
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

    fn log(&self, level: LogLevel, line: &str) {
        platform::log(self.settings.borrow().log_level, level, line);
    }

    pub(crate) fn configure(&self, settings: Settings) {
        self.decoder.set_limit(settings.max_received_length);
        self.watching.configure(settings.execution);
        self.session.borrow_mut().configure(settings.session);
        *self.settings.borrow_mut() = settings;
    }

    /// Tells the session what happened and carries out what it asks for.
    ///
    /// # Errors
    /// What the session refused; nothing was changed then.
    pub(crate) fn input(&self, input: Input<JsValue>) -> Result<(), Refused> {
        let now = platform::now();
        let result = self.session.borrow_mut().handle(now, input);
        self.drain();
        result
    }

    /// Whether an event needs no decision of the session's, nor a look at the clock, but only to be
    /// delivered: most are such. It counts as delivered then.
    fn take_next(&self, next: &NextEvent) -> bool {
        let mut session = self.session.borrow_mut();
        !self.draining.get() && session.take_next(next.generation, next.event)
    }

    /// Hands over an event that was taken so.
    fn deliver_next(&self, next: &NextEvent, event: &JsValue) {
        let PlainEvent {
            event: index,
            execution,
            ..
        } = next.event;
        let execution = Some(execution);
        self.observe(index, execution, event);
        self.draining.set(true);
        self.deliver(Some(index.into()), execution, event, execution);
        self.draining.set(false);
        self.drain();
    }

    /// Carries out every effect. A call from within one leaves them to the outermost.
    fn drain(&self) {
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
        self.watching.settle();
    }

    /// Takes in what the JavaScript beside this reports. Returns whether that was enough: an event
    /// that it did not read may have to be read.
    pub(crate) fn receive(&self, number: u32, kind: u32, payload: JsValue, detail: f64) -> bool {
        if kind == store::FRAME {
            self.watching.publish();
            return true;
        }
        if let Some(next) = decoder::next_event(number, kind, detail) {
            let is_taken = self.take_next(&next);
            if is_taken && !next.is_unread {
                self.deliver_next(&next, &payload);
            }
            if is_taken || next.is_unread {
                return is_taken;
            }
        }
        let input = decoder::unpack(number, kind, payload, detail);
        match &input {
            // The timer has run out.
            Input::Tick => self.timer.set(None),
            Input::SocketClosed { generation, .. } => drop(self.take_socket(*generation)),
            Input::SocketFrame { frame, .. } => self.observe_frame(frame),
            _ => {}
        }
        self.report(input);
        true
    }

    /// An input that the session has no reason to refuse.
    fn report(&self, input: Input<JsValue>) {
        if self.input(input).is_err() {
            self.log(LogLevel::Debug, "refused");
        }
    }

    fn carry_out(&self, effect: Effect<JsValue>) {
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
            Effect::Replayed {
                id,
                count,
                complete,
            } => self.replayed(id, count, complete),
            Effect::ReplayFailed { id, error } => self.replay_failed(id, error),
            Effect::Welcomed { payload } => self.welcomed(&payload),
            Effect::Subscribed {
                execution,
                resumed,
                recovered,
            } => self.subscribed(execution, resumed, recovered),
            Effect::Reported { problem } => self.problem(problem),
            Effect::StateChanged(state) => self.state_changed(&state),
            Effect::Released(key) => self.release(key, Holder::Session),
        }
    }

    // --- connecting -----------------------------------------------------------------------------

    /// Connects with these credentials; the promise is settled with the outcome.
    pub(crate) fn connect(&self, credentials: Credentials, deferred: Deferred) {
        let replaced = self.credentials.replace(credentials.clone()) != credentials;
        if replaced {
            self.reject_connects(errors::superseded);
        }
        self.connects.borrow_mut().push(deferred);
        self.page.watch();
        self.report(Input::Connect { credentials });
        if matches!(self.session().state(), State::Connected) {
            self.resolve_connects();
        }
    }

    /// The credentials for a provider function: the same for the same function.
    pub(crate) fn provider(&self, function: &JsValue) -> Credentials {
        let mut provider = self.provider.borrow_mut();
        if provider.function != *function {
            provider.number = provider.number.wrapping_add(1);
            provider.function = function.clone();
        }
        Credentials::Provider(provider.number)
    }

    /// The credentials of the last `connect`.
    pub(crate) fn credentials(&self) -> Credentials {
        self.credentials.borrow().clone()
    }

    pub(crate) fn disconnect(&self) {
        self.page.unwatch();
        // The next user of this page must not be taken for the last one.
        *self.credentials.borrow_mut() = Credentials::None;
        self.provider.borrow_mut().function = JsValue::UNDEFINED;
        self.report(Input::Disconnect);
    }

    fn open_socket(&self, generation: Generation, token: Option<Token>) {
        self.log(LogLevel::Debug, "opening a socket");
        let socket = Socket::open(
            generation,
            token.as_ref(),
            &self.settings.borrow(),
            &self.decoder,
            &self.page.report(),
        );
        match socket {
            Some(socket) => self.sockets.borrow_mut().push(socket),
            None => self.report(Input::SocketFailed { generation }),
        }
    }

    fn close_socket(&self, generation: Generation, code: u16) {
        if let Some(socket) = self.take_socket(generation) {
            socket.close(code);
        }
    }

    fn take_socket(&self, generation: Generation) -> Option<Socket> {
        let mut sockets = self.sockets.borrow_mut();
        let mut of_generation = sockets.iter();
        let at = of_generation.position(|socket| socket.generation() == generation)?;
        Some(sockets.remove(at))
    }

    fn request_token(&self, request: TokenRequest, number: u32) {
        let provider = self.provider.borrow();
        let is_current = provider.number == number;
        let none = JsValue::UNDEFINED;
        let function = if is_current {
            &provider.function
        } else {
            &none
        };
        self.page.ask(function, request.0);
    }

    fn transmit(&self, generation: Generation, message: Outgoing<JsValue>) {
        let decoder = &self.decoder;
        let text = match message {
            Outgoing::Hello(features) => decoder.hello(features.bits()),
            Outgoing::Subscribe {
                execution,
                after,
                presence,
            } => decoder.subscribe(execution.0, after.map(|seq| seq as f64), presence),
            Outgoing::Unsubscribe(execution) => decoder.unsubscribe(execution.0),
            Outgoing::Replay { execution, since } => decoder.replay(execution.0, since as f64),
            Outgoing::Message {
                id,
                payload,
                confirm,
            } => {
                if confirm {
                    decoder.numbered(&payload, id.0)
                } else {
                    payload
                }
            }
            Outgoing::Ping(id) => platform::ping(id),
            Outgoing::Auth(token) => platform::auth(token.as_str()),
        };
        self.send_on(generation, &text);
    }

    /// Says that an event was handled.
    fn acknowledge(&self, generation: Generation, event: &JsValue) {
        let text = platform::ack(event);
        if !text.is_undefined() {
            self.send_on(generation, &text);
        }
    }

    /// Sends on a socket, unless it is gone.
    fn send_on(&self, generation: Generation, text: &JsValue) {
        for socket in &*self.sockets.borrow() {
            if socket.generation() == generation {
                socket.send(text);
            }
        }
    }

    fn welcomed(&self, welcome: &JsValue) {
        self.log(LogLevel::Info, "connected");
        // A connection that has taken the place of another has changed nothing but this.
        if *self.told_id.borrow() != self.decoder.connection_id() {
            self.state_changed(&State::Connected);
        }
        let topic = Topic::from(EventType::ConnectionEstablished as u8);
        self.walk(topic, None, welcome, None);
    }

    fn state_changed(&self, state: &State) {
        self.publish_state(state);
        if let State::Waiting { .. } | State::Failed { .. } | State::Disconnected { .. } = state {
            self.watching.gap_of_knowledge_bases();
        }
        match state {
            State::Connected => self.resolve_connects(),
            State::Failed { error } => self.reject_connects(|| errors::connection_failed(error)),
            State::Disconnected { .. } => self.reject_connects(errors::disconnected),
            State::Connecting { .. } | State::Waiting { .. } => {}
        }
        self.walk(
            Topic::STATE,
            None,
            &platform::state_event(&self.state()),
            None,
        );
    }

    fn publish_state(&self, state: &State) {
        let id = self.decoder.connection_id();
        self.state.replace(platform::public_state(state, &id));
        self.told_id.replace(id);
    }

    fn resolve_connects(&self) {
        for deferred in self.connects.take() {
            deferred.resolve();
        }
    }

    fn reject_connects(&self, error: impl FnOnce() -> JsValue) {
        let connects = self.connects.take();
        if !connects.is_empty() {
            let error = error();
            for deferred in connects {
                deferred.reject(&error);
            }
        }
    }

    // --- subscriptions and messages ----------------------------------------------------------------

    /// One more holder of a subscription, to an execution or to a room.
    ///
    /// # Errors
    /// When there are too many subscriptions.
    pub(crate) fn hold(
        &self,
        name: &JsValue,
        input: fn(ExecutionKey) -> Input<JsValue>,
    ) -> Result<(), Refused> {
        let held = {
            let executions = self.executions.borrow();
            let key = self.decoder.key(name);
            key.is_some_and(|key| executions.is_held_by_session(key))
        };
        let key = self.retain(name, Holder::Session);
        let result = self.input(input(key));
        if result.is_err() && !held {
            self.release(key, Holder::Session);
        }
        result
    }

    /// One holder of a subscription less.
    pub(crate) fn let_go_of(&self, name: &JsValue) {
        if let Some(key) = self.decoder.key(name) {
            self.report(Input::Unsubscribe(key));
        }
    }

    /// Wants to know who else watches an execution that is subscribed.
    pub(crate) fn watch_presence(&self, execution_id: &JsValue) {
        if let Some(execution) = self.decoder.key(execution_id) {
            let watch = true;
            self.report(Input::WatchPresence { execution, watch });
        }
    }

    /// Takes a subscribed execution on from where another instance was.
    pub(crate) fn go_on_from(&self, execution_id: &JsValue, seq: f64, epoch: &JsValue) {
        if let Some(key) = self.decoder.key(execution_id) {
            self.decoder.go_on_from(key.0, seq, epoch);
            self.session.borrow_mut().go_on_from(key, seq as u64);
        }
    }

    fn retain(&self, name: &JsValue, holder: Holder) -> ExecutionKey {
        let mut executions = self.executions.borrow_mut();
        executions.retain(name, holder, &self.decoder)
    }

    fn release(&self, key: ExecutionKey, holder: Holder) {
        let mut executions = self.executions.borrow_mut();
        executions.release(key, holder, &self.decoder);
    }

    /// Sends an answer when connected.
    pub(crate) fn send(&self, answer: Answer) {
        let (message, bytes) = (answer.text(), answer.bytes());
        let id = {
            let mut answers = self.answers.borrow_mut();
            answers.last_id = answers.last_id.wrapping_add(1);
            let id = SendId(answers.last_id);
            answers.waiting.push((id, answer));
            id
        };
        if let Err(refused) = self.input(Input::Send { id, message, bytes })
            && let Some(answer) = self.take_answer(id)
        {
            answer.reject(&errors::refused(refused));
        }
    }

    fn take_answer(&self, id: SendId) -> Option<Answer> {
        let waiting = &mut self.answers.borrow_mut().waiting;
        let at = waiting.iter().position(|(other, _)| *other == id)?;
        Some(waiting.remove(at).1)
    }

    fn sent(&self, id: SendId) {
        if let Some(answer) = self.take_answer(id) {
            answer.resolve();
            let event = answer.event();
            let topic = Topic::from(EventType::UserInputResponse as u8);
            let execution = self.decoder.key_of(&event);
            self.watching
                .take(EventType::UserInputResponse, execution, false, &event);
            self.deliver(Some(topic), execution, &event, None);
        }
    }

    fn send_failed(&self, id: SendId, error: SendError) {
        if let Some(answer) = self.take_answer(id) {
            answer.reject(&errors::not_sent(error));
        }
    }

    /// Asks for what has happened in an execution.
    pub(crate) fn replay(&self, execution_id: &JsValue, replay: Replay) {
        let execution = self.retain(execution_id, Holder::Replay);
        let since = replay.since() as u64;
        let id = {
            let mut replays = self.replays.borrow_mut();
            replays.last_id = replays.last_id.wrapping_add(1);
            let id = ReplayId(replays.last_id);
            replays.waiting.push((id, execution, replay));
            id
        };
        let input = Input::Replay {
            id,
            execution,
            since,
        };
        if let Err(refused) = self.input(input)
            && let Some(replay) = self.take_replay(id)
        {
            replay.reject(&errors::refused(refused));
        }
    }

    fn take_replay(&self, id: ReplayId) -> Option<Replay> {
        let (_, execution, replay) = {
            let waiting = &mut self.replays.borrow_mut().waiting;
            let at = waiting.iter().position(|(other, ..)| *other == id)?;
            waiting.remove(at)
        };
        self.release(execution, Holder::Replay);
        Some(replay)
    }

    fn replayed(&self, id: ReplayId, count: u64, complete: bool) {
        if let Some(replay) = self.take_replay(id) {
            replay.done(count as f64, complete);
        }
    }

    fn replay_failed(&self, id: ReplayId, error: ReplayError) {
        if let Some(replay) = self.take_replay(id) {
            replay.reject(&errors::not_replayed(error));
        }
    }

    fn subscribed(&self, key: ExecutionKey, resumed: bool, recovered: bool) {
        self.log(LogLevel::Debug, "subscribed");
        if !resumed && !recovered {
            self.watching.gap(key, store::Gap::Missing);
        }
        let event = self.decoder.subscribed_event(key.0, resumed, recovered);
        self.walk(Topic::SUBSCRIBED, Some(key), &event, None);
    }

    fn gap(&self, key: ExecutionKey, gap: Gap) {
        self.log(LogLevel::Warn, "events of an execution are missing");
        let kind = match gap.reason {
            GapReason::Restarted => store::Gap::Restarted,
            GapReason::Evicted | GapReason::Baseline => store::Gap::Missing,
        };
        self.watching.gap(key, kind);
        let event = self.decoder.gap_event(key, gap);
        self.walk(Topic::GAP, Some(key), &event, None);
    }

    /// What went wrong.
    fn problem(&self, problem: Problem<JsValue>) {
        let (event, execution) = self.decoder.error_event(problem);
        platform::log_error(self.settings.borrow().log_level, &event);
        self.walk(Topic::ERROR, execution, &event, None);
    }

    // --- watching ------------------------------------------------------------------------------

    /// Watches what an execution looks like. Returns whether some of it has passed already.
    ///
    /// # Errors
    /// When there are too many subscriptions; nothing is watched then.
    pub(crate) fn watch(
        &self,
        execution_id: &JsValue,
        execution: &JsValue,
    ) -> Result<bool, Refused> {
        let key = self.retain(execution_id, Holder::Watch);
        let has_begun = self.session().has_begun(key);
        self.watching.open_run(key, execution);
        self.tell_heard();
        let result = self.hold(execution_id, Input::Subscribe);
        if result.is_err() {
            self.close(key);
        } else if has_begun {
            self.watching.gap(key, store::Gap::Missing);
            self.watching.settle();
        }
        result.map(|()| has_begun)
    }

    /// Ends that.
    pub(crate) fn unwatch(&self, execution_id: &JsValue) {
        if let Some(key) = self.decoder.key(execution_id) {
            self.close(key);
            self.let_go_of(execution_id);
        }
    }

    /// Adds these events to a watched execution, of which they are all.
    ///
    /// # Errors
    /// What is wrong with one of them; nothing is changed then.
    pub(crate) fn restore(
        &self,
        execution_id: &JsValue,
        events: &[JsValue],
    ) -> Result<(), JsValue> {
        let mut own = Vec::new();
        for event in events {
            let index = self.decoder.check_event(event, execution_id)?;
            let event_type = EventType::ALL.get(index as usize);
            own.extend(event_type.map(|event_type| (*event_type, event)));
        }
        if let Some(key) = self.decoder.key(execution_id) {
            self.watching.restore(key, &own);
            self.watching.settle();
        }
        Ok(())
    }

    /// All that a watched execution has missed was sent again.
    pub(crate) fn complete(&self, execution_id: &JsValue) {
        if let Some(key) = self.decoder.key(execution_id) {
            self.watching.restored(key);
            self.watching.settle();
        }
    }

    fn close(&self, key: ExecutionKey) {
        self.watching.close_run(key);
        self.tell_heard();
        self.release(key, Holder::Watch);
    }

    pub(crate) fn watching(&self) -> &Watching {
        &self.watching
    }

    /// An event came in. What it changes does not depend on the order in which handlers get it, so
    /// it is taken as it comes, repetitions among it.
    fn observe(&self, event: u8, execution: Option<ExecutionKey>, payload: &JsValue) {
        #[cfg(feature = "crash")]
        crate::crash::in_event();
        if let Some(is_numbered) = self.session().numbers_events()
            && let Some(event) = EventType::ALL.get(usize::from(event))
        {
            self.watching.take(*event, execution, is_numbered, payload);
        }
    }

    fn observe_frame(&self, frame: &Frame<JsValue>) {
        if let FrameKind::Event {
            event, execution, ..
        } = frame.kind
        {
            self.observe(event, execution, &frame.payload);
        }
    }

    // --- handlers ------------------------------------------------------------------------------

    /// Registers a handler, for one execution if named. The answer is its number.
    pub(crate) fn add_handler(
        &self,
        event_type: &JsValue,
        handler: &JsValue,
        execution_id: Option<&JsValue>,
        once: bool,
        on_removed: &JsValue,
    ) -> HandlerId {
        let scope = execution_id.map(|name| self.retain(name, Holder::Handler));
        let (id, added) = self.handlers.borrow_mut().add(
            &self.functions,
            event_type,
            handler,
            scope,
            once,
            on_removed,
        );
        if added {
            self.tell_heard();
        } else {
            self.release_scope(scope);
        }
        id
    }

    pub(crate) fn remove_handler(&self, id: HandlerId) {
        let removed = self.handlers.borrow_mut().remove(&self.functions, id);
        if let Some(removed) = removed {
            self.tell_heard();
            self.release_scope(removed.scope());
            self.functions.remove(id.0);
        }
    }

    /// Tells the decoder which events somebody listens to: the others it need not read.
    fn tell_heard(&self) {
        let heard = if self.watching.is_empty() {
            self.handlers.borrow().heard()
        } else {
            -1
        };
        if self.heard.replace(heard) != heard {
            self.decoder.set_heard(heard);
        }
    }

    /// Ends the registrations of a function for an event type, or where it is undefined of all.
    pub(crate) fn remove_handlers(&self, event_type: &JsValue, handler: &JsValue) {
        let Some(topic) = self.functions.topic(event_type) else {
            return;
        };
        let ids = self
            .handlers
            .borrow()
            .registered(&self.functions, topic, handler);
        for id in ids {
            self.remove_handler(id);
        }
    }

    pub(crate) fn has_handlers(&self, event_type: &JsValue) -> bool {
        let topic = self.functions.topic(event_type);
        topic.is_some_and(|topic| self.handlers.borrow().has_any(topic))
    }

    fn release_scope(&self, scope: Option<ExecutionKey>) {
        if let Some(key) = scope {
            self.release(key, Holder::Handler);
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
        for topic in topic.into_iter().chain([Topic::ANY]) {
            self.walk(topic, scope, event, subscription);
        }
    }

    /// A message of a type that is no event's: handlers may be registered under its name still.
    fn deliver_unknown(&self, message: &JsValue) {
        self.log(LogLevel::Debug, "a message of an unknown type");
        let topic = self.functions.topic_of(message);
        self.deliver(topic, self.decoder.key_of(message), message, None);
    }

    fn walk(
        &self,
        topic: Topic,
        scope: Option<ExecutionKey>,
        event: &JsValue,
        subscription: Option<ExecutionKey>,
    ) {
        let mut walk = self.handlers.borrow().walk(topic, scope);
        while subscription.is_none_or(|key| self.session().is_wanted(key)) {
            let next = self.handlers.borrow_mut().next(&self.functions, &mut walk);
            let Some(registration) = next else { return };
            self.call(registration, event);
        }
    }

    fn call(&self, registration: Registration, event: &JsValue) {
        let Registration { id, once, .. } = registration;
        if once {
            self.tell_heard();
            self.release_scope(registration.scope());
        }
        self.functions.call(id.0, event, once);
    }

    // --- time ------------------------------------------------------------------------------------

    fn arm_timer(&self) {
        let deadline = self.session().next_deadline();
        if self.timer.replace(deadline) != deadline {
            self.page.set_timer(deadline);
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.page.stop();
        self.watching.stop();
    }
}

/// What this client speaks in this browser.
fn features() -> Features {
    if platform::can_inflate() {
        Features::ALL
    } else {
        Features::ALL.without(Feature::Gzip)
    }
}
