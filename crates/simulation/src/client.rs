//! A client as an application has it: the session, and around it what `src/driver.rs`,
//! `src/executions.rs` and `src/decoder.js` do.

use std::collections::{BTreeSet, VecDeque};
use std::fmt::Write;
use std::rc::Rc;

use flowmaestro_protocol::{EventType, Feature, Features};
use flowmaestro_session::{
    Credentials, Effect, ExecutionKey, Frame, FrameKind, Generation, Input, Jitter, Millis,
    Outgoing, Position, Problem, SendError, SendId, Session, State, Token, TokenRequest,
};

use crate::Check;
use crate::fields::{Fields, elements, integer, string};
use crate::network::UpFrame;
use crate::plan::{ClientPlan, MAX_EXECUTIONS};
use crate::random::Random;
use crate::tracker::Tracker;
use crate::world::{Happening, Message, World};

/// What the session carries and never looks into.
#[derive(Clone, Debug)]
pub(crate) enum Payload {
    Nothing,
    Event(Received),
    /// A message of the user's, as text.
    Text(Rc<str>),
}

/// An event as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// `None` for an event of the user's.
    pub(crate) execution: Option<usize>,
    /// Which of its emissions it is.
    pub(crate) index: u32,
    /// Its number, on a connection that numbers.
    pub(crate) seq: Option<u64>,
    pub(crate) event_id: Option<Rc<str>>,
    pub(crate) connection: usize,
}

pub(crate) struct Client {
    pub(crate) plan: ClientPlan,
    /// Who is signed in.
    pub(crate) user: usize,
    pub(crate) session: Session<Payload>,
    pub(crate) random: Random,
    /// What its network does.
    pub(crate) network: Random,
    /// The executions by key.
    slots: Vec<Option<usize>>,
    keys: [Option<ExecutionKey>; MAX_EXECUTIONS],
    epochs: [Option<Rc<str>>; MAX_EXECUTIONS],
    pub(crate) socket: Option<usize>,
    /// The connection that takes the place of the socket's once it is welcomed.
    pub(crate) successor: Option<usize>,
    /// It had two connections for a moment.
    pub(crate) has_renewed: bool,
    /// The page was told that there is no network.
    offline: bool,
    pub(crate) sockets_opened: u32,
    timer: Option<f64>,
    timer_version: u64,
    pub(crate) clock_offset: u64,
    pub(crate) asleep_until: u64,
    pub(crate) credentials: Credentials,
    pub(crate) providers: u32,
    last_message: u32,
    draining: bool,
    /// A subscription is being asked for that the session may refuse.
    pub(crate) asking: bool,
    /// The one that is on already, while it is subscribed again.
    asking_again: Option<usize>,
    /// How often that was on this connection.
    asked_again: u32,
    pub(crate) wished: bool,
    pub(crate) trackers: [Tracker; MAX_EXECUTIONS],
    /// The critical events that were handed to handlers.
    pub(crate) handled: BTreeSet<Rc<str>>,
    /// When sockets were opened, and when there was a reason of the user's to.
    opens: VecDeque<u64>,
    excuses: VecDeque<u64>,
    token_requests: VecDeque<u64>,
    opens_in_vain: u32,
    connected_at: u64,
    pub(crate) documents_seen: u32,
}

impl Client {
    pub(crate) fn new(seed: u64, index: usize, plan: ClientPlan) -> Self {
        let actor = 10 * (index as u32 + 1);
        let mut random = Random::stream(seed, actor);
        Self {
            user: plan.user,
            session: Session::new(plan.options, random.bits()),
            random,
            network: Random::stream(seed, actor + 1),
            slots: Vec::new(),
            keys: [None; MAX_EXECUTIONS],
            epochs: [const { None }; MAX_EXECUTIONS],
            socket: None,
            successor: None,
            has_renewed: false,
            offline: false,
            sockets_opened: 0,
            timer: None,
            timer_version: 0,
            clock_offset: 0,
            asleep_until: 0,
            credentials: Credentials::None,
            providers: 0,
            last_message: 0,
            draining: false,
            asking: false,
            asking_again: None,
            asked_again: 0,
            wished: false,
            trackers: std::array::from_fn(|_| Tracker::default()),
            handled: BTreeSet::new(),
            opens: VecDeque::new(),
            excuses: VecDeque::new(),
            token_requests: VecDeque::new(),
            opens_in_vain: 0,
            connected_at: 0,
            documents_seen: 0,
            plan,
        }
    }

    /// The key of an execution, kept until the session releases it.
    fn retain(&mut self, execution: usize) -> ExecutionKey {
        if let Some(key) = self.keys[execution] {
            return key;
        }
        let slot = self.slots.iter().position(Option::is_none);
        let slot = slot.unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        self.slots[slot] = Some(execution);
        let key = ExecutionKey(slot as u32);
        self.keys[execution] = Some(key);
        key
    }

    fn release(&mut self, key: ExecutionKey) -> Option<usize> {
        let execution = self.slots.get_mut(key.0 as usize)?.take()?;
        self.keys[execution] = None;
        self.epochs[execution] = None;
        Some(execution)
    }

    /// Whether the client still listens to a connection.
    pub(crate) fn holds(&self, connection: usize) -> bool {
        self.socket == Some(connection) || self.successor == Some(connection)
    }

    /// A connection is over. Its successor, if it has one, takes its place.
    pub(crate) fn let_go(&mut self, connection: usize) {
        if self.successor == Some(connection) {
            self.successor = None;
        } else {
            self.socket = self.successor.take();
        }
    }

    pub(crate) fn name(&self, key: ExecutionKey) -> Option<usize> {
        self.slots.get(key.0 as usize).copied().flatten()
    }

    pub(crate) fn held(&self) -> usize {
        self.keys.iter().flatten().count()
    }

    /// Whether the connection was granted the numbers of events.
    pub(crate) fn speaks_with(&self, server: Features, feature: Feature) -> bool {
        self.plan.options.features.contains(feature) && server.contains(feature)
    }
}

pub(crate) fn execution_name(execution: usize) -> String {
    format!("exec_{execution}")
}

fn execution_of(value: &str) -> Option<usize> {
    string(value)?.strip_prefix("exec_")?.parse().ok()
}

impl World {
    fn client_now(&self, client: usize) -> f64 {
        (self.now + self.clients[client].clock_offset) as f64
    }

    /// `Driver::input`. Returns whether the session took it.
    pub(crate) fn input(&mut self, client: usize, input: Input<Payload>) -> bool {
        let now = Millis(self.client_now(client));
        let taken = self.clients[client].session.handle(now, input).is_ok();
        self.drain(client);
        taken
    }

    fn drain(&mut self, client: usize) {
        if std::mem::replace(&mut self.clients[client].draining, true) {
            return;
        }
        while let Some(effect) = self.clients[client].session.poll_effect() {
            self.carry_out(client, effect);
            if self.violation.is_some() {
                break;
            }
        }
        self.clients[client].draining = false;
        self.check_client_bounds(client);
        self.arm_timer(client);
    }

    fn arm_timer(&mut self, client: usize) {
        let now = self.client_now(client);
        let it = &mut self.clients[client];
        let deadline = it.session.next_deadline().map(|deadline| deadline.0);
        if it.timer == deadline {
            return;
        }
        it.timer = deadline;
        it.timer_version += 1;
        let version = it.timer_version;
        if let Some(deadline) = deadline {
            let delay = (deadline - now).max(0.0).ceil();
            self.schedule(delay as u64, Happening::ClientTimer { client, version });
        }
    }

    pub(crate) fn client_timer(&mut self, client: usize, version: u64) {
        if self.clients[client].timer_version != version
            || self.postpone(client, Happening::ClientTimer { client, version })
        {
            return;
        }
        self.clients[client].timer = None;
        self.step(&("tick", client));
        self.input(client, Input::Tick);
    }

    fn carry_out(&mut self, client: usize, effect: Effect<Payload>) {
        match effect {
            Effect::Deliver {
                execution,
                acknowledge,
                payload,
                ..
            } => self.deliver(client, execution, acknowledge, payload),
            Effect::Acknowledge {
                generation,
                payload,
            } => self.send_acknowledgement(client, generation, &payload),
            Effect::Gap { execution, gap } => {
                self.step(&(
                    "gap",
                    client,
                    execution.0,
                    gap.from,
                    gap.to,
                    gap.reason as u8,
                ));
                self.track_gap(client, execution, gap);
            }
            Effect::DeliverUnknown { .. } => self.step(&("unknown", client)),
            Effect::Replayed { .. } | Effect::ReplayFailed { .. } => {
                self.fail(
                    Check::Bounds,
                    format!("client {client} got a replay unasked"),
                );
            }
            Effect::Welcomed { .. } => self.step(&("welcomed", client)),
            Effect::OpenSocket { generation, token } => {
                self.open_socket(client, generation, token);
            }
            Effect::CloseSocket { generation, code } => {
                self.step(&("close", client, generation, code));
                self.close_socket(client, generation, code);
            }
            Effect::RequestToken { request, .. } => self.request_token(client, request),
            Effect::Transmit {
                generation,
                message,
            } => self.transmit(client, generation, message),
            Effect::Sent { id } => self.settle_message(client, id, None),
            Effect::SendFailed { id, error } => self.settle_message(client, id, Some(error)),
            Effect::Subscribed {
                execution,
                resumed,
                recovered,
            } => {
                self.step(&("subscribed", client, execution.0, resumed, recovered));
                self.track_subscribed(client, execution);
            }
            Effect::Reported { problem } => self.note_problem(client, &problem),
            Effect::StateChanged(state) => self.note_state(client, state),
            Effect::Released(key) => {
                let Some(execution) = self.clients[client].release(key) else {
                    return self.fail(Check::Bounds, format!("client {client} released twice"));
                };
                self.step(&("released", client, execution));
                let tracker = &mut self.clients[client].trackers[execution];
                if tracker.holders > 0 {
                    return self.fail(Check::Liveness, "released what is held".to_owned());
                }
                *tracker = Tracker::default();
            }
        }
    }

    // Sockets.

    fn open_socket(&mut self, client: usize, generation: Generation, token: Option<Token>) {
        self.step(&("open", client, generation));
        if !self.clients[client].wished {
            self.fail(
                Check::Credentials,
                format!("client {client} connects although it was told not to"),
            );
        }
        let renews = self.clients[client].socket.is_some();
        if !renews {
            self.check_storm(client);
        }
        let token = token.map(|token| token.as_str().to_owned());
        let connection = self.connect_socket(client, generation, token);
        let it = &mut self.clients[client];
        if renews {
            it.has_renewed = true;
            it.successor = Some(connection);
        } else {
            it.socket = Some(connection);
        }
        it.asked_again = 0;
    }

    fn connection_of(&self, client: usize, generation: Generation) -> Option<usize> {
        let it = &self.clients[client];
        let is_meant = |socket: &usize| self.connections[*socket].generation == generation;
        [it.socket, it.successor]
            .into_iter()
            .flatten()
            .find(is_meant)
    }

    fn close_socket(&mut self, client: usize, generation: Generation, code: u16) {
        if let Some(connection) = self.connection_of(client, generation) {
            self.clients[client].let_go(connection);
            self.close_from_client(connection, code);
        }
    }

    fn send(&mut self, client: usize, generation: Generation, text: String) {
        if let Some(connection) = self.connection_of(client, generation) {
            self.send_up(connection, UpFrame::Text(text));
        }
    }

    fn transmit(&mut self, client: usize, generation: Generation, message: Outgoing<Payload>) {
        let it = &self.clients[client];
        let text = match message {
            Outgoing::Hello(features) => {
                let mut names = String::new();
                for feature in features.iter() {
                    let comma = if names.is_empty() { "" } else { "," };
                    let _ = write!(names, "{comma}\"{feature}\"");
                }
                format!(r#"{{"type":"hello","features":[{names}]}}"#)
            }
            Outgoing::Subscribe {
                execution,
                after,
                presence,
            } => {
                let Some(execution) = it.name(execution) else {
                    return self.fail(Check::Bounds, "subscribes to a nameless key".to_owned());
                };
                let mut text = format!(r#"{{"type":"subscribe","executionId":"exec_{execution}""#);
                if let Some(after) = after {
                    let _ = write!(text, r#","after":{after}"#);
                    if let Some(epoch) = &it.epochs[execution] {
                        let _ = write!(text, r#","epoch":"{epoch}""#);
                    }
                }
                // Once in a while there is a reason: an answer was late, or a refusal forgotten.
                let again = it.asked_again + u32::from(it.asking_again == Some(execution));
                self.clients[client].asked_again = again;
                if again > 2 {
                    let message = format!("client {client} subscribes to {execution} again");
                    return self.fail(Check::Storm, message);
                }
                text.push_str(if presence {
                    r#","presence":true}"#
                } else {
                    "}"
                });
                text
            }
            Outgoing::Unsubscribe(execution) => {
                let Some(execution) = it.name(execution) else {
                    return self.fail(Check::Bounds, "unsubscribes a nameless key".to_owned());
                };
                format!(r#"{{"type":"unsubscribe","executionId":"exec_{execution}"}}"#)
            }
            Outgoing::Message {
                id,
                payload,
                confirm,
            } => {
                let Payload::Text(text) = payload else {
                    return;
                };
                if confirm {
                    let open = text.strip_suffix('}').unwrap_or_default();
                    format!(r#"{open},"messageId":"c{client}.{}"}}"#, id.0)
                } else {
                    text.to_string()
                }
            }
            Outgoing::Replay { .. } => {
                let message = format!("client {client} asks for a replay unasked");
                return self.fail(Check::Bounds, message);
            }
            Outgoing::Ping(id) => format!(r#"{{"type":"ping","id":{id}}}"#),
            Outgoing::Auth(token) => format!(r#"{{"type":"auth","token":"{}"}}"#, token.as_str()),
        };
        self.send(client, generation, text);
    }

    fn send_acknowledgement(&mut self, client: usize, generation: Generation, event: &Payload) {
        let Payload::Event(Received {
            event_id: Some(event_id),
            execution: Some(execution),
            seq: Some(seq),
            ..
        }) = event
        else {
            return;
        };
        // What was lost, told, and came all the same was not handled either.
        let told = *seq <= self.clients[client].trackers[*execution].told_until;
        if !self.clients[client].handled.contains(event_id) && !told {
            self.fail(
                Check::Acknowledgement,
                format!("client {client} acknowledges {event_id}, which nobody handled"),
            );
        }
        let text = format!(r#"{{"type":"ack","eventId":"{event_id}"}}"#);
        self.send(client, generation, text);
    }

    // Tokens.

    fn request_token(&mut self, client: usize, TokenRequest(request): TokenRequest) {
        self.step(&("asks for a token", client, request));
        let it = &mut self.clients[client];
        it.token_requests.push_back(self.now);
        while it
            .token_requests
            .front()
            .is_some_and(|at| at + 10_000 < self.now)
        {
            it.token_requests.pop_front();
        }
        if it.token_requests.len() > 40 + it.excuses.len() {
            let message = format!("client {client} asks for tokens without end");
            return self.fail(Check::Storm, message);
        }
        let fails = self.plan.faults.token_fails;
        let calm = self.calm;
        let random = &mut self.clients[client].random;
        // A provider may be slow, and may never answer.
        let answers = calm || !random.permille(fails / 2);
        let delay = random.pick(&[0, 1, 100, if calm { 100 } else { 12_000 }]);
        if answers {
            self.schedule(delay, Happening::TokenAnswer { client, request });
        }
    }

    pub(crate) fn token_answer(&mut self, client: usize, request: u32) {
        if self.postpone(client, Happening::TokenAnswer { client, request }) {
            return;
        }
        let fails = !self.calm && {
            let permille = self.plan.faults.token_fails / 2;
            self.clients[client].random.permille(permille)
        };
        self.step(&("token", client, request, fails));
        let token = (!fails).then(|| self.issue_token(client));
        let request = TokenRequest(request);
        self.input(client, Input::TokenReady { request, token });
    }

    /// A token for the user who is signed in.
    pub(crate) fn issue_token(&mut self, client: usize) -> Token {
        let ttl = match self.plan.faults.token_ttl_ms {
            Some(ttl) if !self.calm => ttl,
            _ => 86_400_000,
        };
        let user = self.clients[client].user;
        let expires_at = self.server_now().plus(ttl).0;
        let issue = self.server.revoked[user];
        let text = format!("{user}.{expires_at}.{issue}");
        let knows_end = self.clients[client].plan.knows_token_ends;
        Token::expiring(text, knows_end.then_some(ttl as f64))
    }

    // Frames.

    /// What a frame says, as `decoder.js` reads it.
    pub(crate) fn receive_text(&mut self, client: usize, connection: usize, text: &str) {
        let mut wire_type = "";
        let mut events = "";
        for (key, value) in Fields::of(text) {
            match key {
                "type" => wire_type = string(value).unwrap_or_default(),
                "events" => events = value,
                _ => {}
            }
        }
        if wire_type != "batch" {
            return self.receive_message(client, connection, wire_type, text);
        }
        for event in elements(events) {
            let wire_type = Fields::of(event).find(|(key, _)| *key == "type");
            let wire_type = wire_type.and_then(|(_, value)| string(value));
            self.receive_message(client, connection, wire_type.unwrap_or_default(), event);
        }
    }

    fn receive_message(&mut self, client: usize, connection: usize, wire_type: &str, text: &str) {
        let generation = self.connections[connection].generation;
        let mut message = Known::default();
        for (key, value) in Fields::of(text) {
            message.take(key, value);
        }
        let it = &mut self.clients[client];
        let key = message.execution.and_then(|execution| it.keys[execution]);
        let mut payload = Payload::Nothing;
        let kind = match wire_type {
            "connected" => {
                let features = message
                    .features
                    .map(|features| Features::from_names(elements(features).filter_map(string)));
                FrameKind::Welcome { features }
            }
            "subscribed" => {
                let position = match (message.epoch, message.recovered) {
                    (Some(epoch), Some(recovered)) => {
                        let mut restarted = false;
                        if let Some(execution) = message.execution {
                            let before = it.epochs[execution].take();
                            restarted = before.is_some_and(|before| &*before != epoch);
                            if key.is_some() {
                                it.epochs[execution] = Some(epoch.into());
                            }
                        }
                        Some(Position {
                            head: message.head,
                            recovered,
                            restarted: restarted && !recovered,
                        })
                    }
                    _ => None,
                };
                match key {
                    Some(execution) => FrameKind::Subscribed {
                        execution,
                        position,
                    },
                    None => FrameKind::StrayAnswer,
                }
            }
            "unsubscribed" => key.map_or(FrameKind::StrayAnswer, FrameKind::Unsubscribed),
            "error" => FrameKind::Error {
                execution: key,
                message: message.number(client),
                forbidden: message.forbidden,
            },
            "ack" => FrameKind::Acknowledged(message.number(client).unwrap_or(SendId(0))),
            "pong" => {
                for (name, head) in Fields::of(message.heads) {
                    let execution = name.strip_prefix("exec_").and_then(|it| it.parse().ok());
                    let execution =
                        execution.and_then(|execution: usize| self.clients[client].keys[execution]);
                    if let Some(execution) = execution {
                        let seq = integer(head);
                        self.input(
                            client,
                            Input::Head {
                                generation,
                                execution,
                                seq,
                            },
                        );
                    }
                }
                FrameKind::Pong(message.id as u32)
            }
            "auth:expiring" => FrameKind::TokenExpiring,
            "authenticated" => FrameKind::Authenticated,
            _ => match EventType::from_wire(wire_type) {
                None => FrameKind::Unknown,
                Some(event_type) => {
                    payload = Payload::Event(Received {
                        execution: message.execution,
                        index: message.timestamp as u32,
                        seq: (message.seq > 0).then_some(message.seq),
                        event_id: message.event_id.map(Rc::from).filter(|_| message.ack),
                        connection,
                    });
                    let event = event_type as u8;
                    match (message.execution, key) {
                        (Some(_), None) => FrameKind::ForeignEvent { event },
                        (_, execution) => FrameKind::Event {
                            event,
                            execution,
                            terminal: event_type.is_terminal(),
                            seq: (message.seq > 0).then_some(message.seq),
                            ack: message.ack,
                        },
                    }
                }
            },
        };
        if self.take_next(client, generation, kind) {
            return self.deliver_next(client, key, payload);
        }
        let frame = Frame { kind, payload };
        self.input(client, Input::SocketFrame { generation, frame });
    }

    /// Whether the session takes an event by its short way, as `Driver::take_next` hands it over.
    fn take_next(&mut self, client: usize, generation: Generation, kind: FrameKind) -> bool {
        let Some(event) = kind.plain_event() else {
            return false;
        };
        let it = &mut self.clients[client];
        !it.draining && it.session.take_next(generation, event)
    }

    fn deliver_next(&mut self, client: usize, key: Option<ExecutionKey>, payload: Payload) {
        self.clients[client].draining = true;
        self.deliver(client, key, None, payload);
        self.clients[client].draining = false;
        self.drain(client);
    }

    // What the user wants.

    pub(crate) fn begin_client(&mut self, client: usize) {
        self.connect_client(client);
        // Whoever opens a page wants something.
        self.subscribe_to_any(client);
        let pause = {
            let it = &mut self.clients[client];
            it.random.pause(it.plan.pace_ms)
        };
        self.schedule(pause, Happening::Act { client });
    }

    pub(crate) fn connect_client(&mut self, client: usize) {
        self.excuse(client);
        let credentials = if self.clients[client].plan.provider {
            // The same function for as long as the same user is signed in.
            let it = &mut self.clients[client];
            if !matches!(it.credentials, Credentials::Provider(_)) {
                it.providers += 1;
            }
            Credentials::Provider(it.providers)
        } else {
            Credentials::Token(self.issue_token(client))
        };
        let it = &mut self.clients[client];
        it.credentials = credentials.clone();
        it.wished = true;
        self.step(&("connect", client));
        self.input(client, Input::Connect { credentials });
    }

    fn disconnect_client(&mut self, client: usize) {
        self.step(&("disconnect", client));
        let it = &mut self.clients[client];
        it.credentials = Credentials::None;
        it.wished = false;
        self.input(client, Input::Disconnect);
        let it = &self.clients[client];
        if it.session.next_deadline().is_some() {
            self.fail(
                Check::Credentials,
                "a timer runs after disconnect()".to_owned(),
            );
        }
    }

    pub(crate) fn act(&mut self, client: usize) {
        if self.calm || self.postpone(client, Happening::Act { client }) {
            return;
        }
        self.act_once(client);
        let it = &mut self.clients[client];
        let pause = it.random.pause(it.plan.pace_ms);
        self.schedule(pause, Happening::Act { client });
    }

    fn act_once(&mut self, client: usize) {
        let it = &mut self.clients[client];
        let habits = it.plan.habits.clone();
        let weights = [
            habits.subscribe,
            habits.unsubscribe,
            habits.flicker,
            habits.send,
            habits.disconnect,
            habits.reconnect,
            habits.wake,
            habits.presence,
            habits.switch_user,
            habits.network,
        ];
        let mut at = it.random.below(weights.iter().sum());
        let action = weights.iter().position(|weight| {
            let hit = at < *weight;
            at = at.saturating_sub(*weight);
            hit
        });
        match action {
            Some(0) => self.subscribe_to_any(client),
            Some(1) => {
                if let Some(execution) = self.any_held(client) {
                    self.unsubscribe(client, execution);
                }
            }
            Some(2) => {
                if let Some(execution) = self.any_held(client) {
                    self.unsubscribe(client, execution);
                    self.subscribe(client, execution);
                }
            }
            Some(3) => self.submit(client),
            Some(4) => {
                if self.clients[client].wished {
                    self.disconnect_client(client);
                } else {
                    self.connect_client(client);
                }
            }
            Some(5) => {
                self.excuse(client);
                if !self.input(client, Input::ReconnectNow) {
                    self.connect_client(client);
                }
            }
            Some(6) => {
                self.excuse(client);
                self.input(client, Input::Wake);
            }
            Some(7) => {
                if let Some(execution) = self.any_held(client) {
                    let watch = self.clients[client].random.permille(700);
                    if let Some(execution) = self.clients[client].keys[execution] {
                        self.input(client, Input::WatchPresence { execution, watch });
                    }
                }
            }
            Some(8) => {
                let it = &mut self.clients[client];
                it.user = 1 - it.user;
                it.credentials = Credentials::None;
                it.documents_seen = 0;
                self.connect_client(client);
            }
            Some(9) => {
                let online = self.clients[client].offline;
                self.tell_network(client, online);
            }
            _ => {}
        }
    }

    /// What the page says of the network, which is not always true.
    pub(crate) fn tell_network(&mut self, client: usize, online: bool) {
        self.clients[client].offline = !online;
        self.excuse(client);
        self.step(&("network", client, online));
        self.input(client, Input::Network { online });
    }

    fn subscribe_to_any(&mut self, client: usize) {
        // Another's among them, and one that nobody knows.
        let count = self.plan.executions.len() as u64 + 1;
        let mut execution = self.clients[client].random.below(count) as usize;
        if execution == self.plan.executions.len() {
            execution = MAX_EXECUTIONS - 1;
        }
        if self.clients[client].trackers[execution].holders < 3 {
            self.subscribe(client, execution);
        }
    }

    fn any_held(&mut self, client: usize) -> Option<usize> {
        let it = &mut self.clients[client];
        let held = it.trackers.iter().filter(|tracker| tracker.holders > 0);
        let count = held.count() as u64;
        let nth = it.random.below(count) as usize;
        let held = (0..MAX_EXECUTIONS).filter(|at| it.trackers[*at].holders > 0);
        held.skip(nth).take(usize::from(count > 0)).next()
    }

    pub(crate) fn subscribe(&mut self, client: usize, execution: usize) {
        let numbered = self.is_numbered(client);
        let it = &mut self.clients[client];
        let held_before = it.keys[execution].is_some();
        let key = it.retain(execution);
        let before = it.trackers[execution].clone();
        let tracker = &mut it.trackers[execution];
        tracker.subscribe(numbered);
        let is_live = before.live_on.is_some() && before.live_on == it.socket;
        let is_on = is_live
            && before.holders > 0
            && !before.finished
            && !before.refused
            && !before.unanswered;
        it.asking_again = is_on.then_some(execution);
        self.step(&("subscribe", client, execution));
        self.clients[client].asking = true;
        let taken = self.input(client, Input::Subscribe(key));
        self.clients[client].asking = false;
        self.clients[client].asking_again = None;
        if !taken {
            self.step(&("refused", client, execution));
            let it = &mut self.clients[client];
            it.trackers[execution] = before;
            if !held_before {
                it.release(key);
            }
            let wanted = it.trackers.iter().filter(|tracker| tracker.holders > 0);
            if wanted.count() < it.plan.options.max_subscriptions {
                self.fail(Check::Bounds, "refused within the limit".to_owned());
            }
        } else if before.holders == 0 {
            // Without a connection, nothing is kept for those who may come back.
            let it = &mut self.clients[client];
            let is_new = it.session.cursor(key).is_none();
            if is_new && (before.finished || *it.session.state() != State::Connected) {
                it.trackers[execution] = Tracker::default();
                it.trackers[execution].subscribe(numbered);
            }
        }
    }

    fn unsubscribe(&mut self, client: usize, execution: usize) {
        let it = &mut self.clients[client];
        it.trackers[execution].unsubscribe();
        let key = it.keys[execution];
        self.step(&("unsubscribe", client, execution));
        if let Some(key) = key {
            self.input(client, Input::Unsubscribe(key));
        }
    }

    /// Whoever had enough of an execution: all of its holders go.
    fn leave(&mut self, client: usize, execution: Option<usize>) {
        let Some(execution) = execution else { return };
        while self.clients[client].trackers[execution].holders > 0 {
            self.unsubscribe(client, execution);
        }
    }

    /// `submitUserInput`.
    fn submit(&mut self, client: usize) {
        let count = self.plan.executions.len() as u64;
        let it = &mut self.clients[client];
        let execution = it.random.below(count) as usize;
        it.last_message += 1;
        let id = it.last_message;
        let value = client as u64 * 1_000_000 + u64::from(id);
        let text = format!(
            r#"{{"type":"user:input:response","timestamp":1,"executionId":"exec_{execution}","nodeId":"node","value":{value}}}"#
        );
        let message = Message {
            user: it.user,
            execution,
            acted: Vec::new(),
            settled: false,
            disowned: false,
        };
        self.messages.insert((client, id), message);
        self.step(&("submit", client, id));
        let bytes = text.len();
        let message = Payload::Text(text.into());
        let id = SendId(id);
        if !self.input(client, Input::Send { id, message, bytes }) {
            self.settle_message(client, id, Some(SendError::Disconnected));
        }
    }

    fn settle_message(&mut self, client: usize, SendId(id): SendId, error: Option<SendError>) {
        self.step(&("settled", client, id, error.map(|error| error as u8)));
        let Some(message) = self.messages.get_mut(&(client, id)) else {
            return self.fail(Check::Messages, format!("message {id} was never sent"));
        };
        if std::mem::replace(&mut message.settled, true) {
            return self.fail(Check::Messages, format!("message {id} was settled twice"));
        }
        message.disowned = error.is_some_and(|error| error != SendError::Unconfirmed);
        let life = self.server.life;
        if message.disowned && message.acted.contains(&life) {
            self.fail(
                Check::Messages,
                format!("message {id} was acted on, and its sender is told {error:?}"),
            );
        }
    }

    // What the handlers do.

    fn deliver(
        &mut self,
        client: usize,
        key: Option<ExecutionKey>,
        acknowledge: Option<Generation>,
        payload: Payload,
    ) {
        let Payload::Event(event) = &payload else {
            return self.fail(Check::Order, "an event of nothing".to_owned());
        };
        if !self.clients[client].wished {
            self.fail(
                Check::Credentials,
                format!("client {client} is handed an event after disconnect()"),
            );
        }
        // `Driver::deliver`: a handler that ends the subscription also ends the delivery.
        let go_on = key.is_none_or(|key| self.clients[client].session.is_wanted(key));
        // The session and its driver each see to it: the bug is in both.
        #[cfg(feature = "planted-bugs")]
        let go_on = go_on
            || flowmaestro_planted_bugs::is_planted(
                flowmaestro_planted_bugs::Bug::DeliversAfterUnsubscribe,
            );
        self.step(&("deliver", client, event.execution, event.index, go_on));
        if go_on {
            self.track_event(client, key, event);
            if let Some(event_id) = &event.event_id {
                self.clients[client].handled.insert(Rc::clone(event_id));
            }
            let from_handler = self.clients[client].plan.habits.from_handler;
            if !self.calm && self.clients[client].random.permille(from_handler) {
                self.act_once(client);
            }
            let leaves = self.clients[client].plan.habits.leaves;
            if !self.calm && self.clients[client].random.permille(leaves) {
                self.leave(client, event.execution);
            }
        }
        if let Some(generation) = acknowledge {
            self.send_acknowledgement(client, generation, &payload);
        }
    }

    fn note_problem(&mut self, client: usize, problem: &Problem<Payload>) {
        match problem {
            Problem::SubscriptionRefused { execution, .. } => {
                self.step(&("refused", client, execution.0));
                if let Some(execution) = self.clients[client].name(*execution) {
                    let visible = self.may_see(self.clients[client].user, execution);
                    // The server may not have heard that others were let go of.
                    let lost = self.plan.faults.lose_answers > 0;
                    let tracker = &mut self.clients[client].trackers[execution];
                    tracker.refused = !visible;
                    tracker.unanswered |= lost;
                    tracker.live_on = None;
                }
            }
            Problem::SubscriptionUnanswered { execution } => {
                self.step(&("unanswered", client, execution.0));
                if let Some(execution) = self.clients[client].name(*execution) {
                    let lost = self.plan.faults.mangles();
                    self.clients[client].trackers[execution].unanswered = lost;
                    self.clients[client].trackers[execution].live_on = None;
                }
            }
            Problem::ServerError { .. } => self.step(&("error", client)),
            Problem::UnreadableFrame { .. } => self.step(&("unreadable", client)),
            Problem::TokenUnavailable => self.step(&("no token", client)),
            Problem::RenewalFailed => self.step(&("renewal failed", client)),
            Problem::TokenExpiring => self.step(&("token expiring", client)),
        }
    }

    fn note_state(&mut self, client: usize, state: State) {
        let limit = self.clients[client].plan.options.reconnect.max_attempts;
        match state {
            State::Connected => {
                self.step(&("connected", client));
                let it = &mut self.clients[client];
                it.connected_at = self.now;
                for tracker in &mut it.trackers {
                    tracker.refused = false;
                    tracker.unanswered = false;
                }
            }
            State::Waiting {
                attempt,
                retry_at,
                cause,
            } => {
                self.step(&("waiting", client, attempt, retry_at.0.to_bits(), cause.code));
                if attempt > limit && !self.clients[client].offline {
                    self.fail(Check::Storm, format!("client {client}: retry {attempt}"));
                }
                self.check_spread(client, retry_at.0);
            }
            State::Connecting { attempt } => self.step(&("connecting", client, attempt)),
            State::Failed { .. } => self.step(&("failed", client)),
            State::Disconnected { .. } => self.step(&("disconnected", client)),
        }
    }

    // I9.

    /// The user had a reason to connect.
    pub(crate) fn excuse(&mut self, client: usize) {
        let it = &mut self.clients[client];
        it.excuses.push_back(self.now);
        it.opens_in_vain = 0;
        if it.excuses.len() > 64 {
            it.excuses.pop_front();
        }
    }

    fn check_storm(&mut self, client: usize) {
        const WINDOW_MS: u64 = 10_000;
        let now = self.now;
        let it = &mut self.clients[client];
        let backoff = it.plan.options.reconnect;
        if it.connected_at > 0 && now >= it.connected_at + 5_000 {
            it.opens_in_vain = 0;
        }
        it.connected_at = 0;
        it.opens_in_vain += 1;
        it.opens.push_back(now);
        while it.opens.front().is_some_and(|at| at + WINDOW_MS < now) {
            it.opens.pop_front();
        }
        let excused = it.excuses.iter().filter(|at| **at + 2 * WINDOW_MS >= now);
        let bound = if backoff.jitter == Jitter::Full {
            12
        } else {
            7
        };
        let (opens, excused) = (it.opens.len(), excused.count());
        let in_vain = it.opens_in_vain;
        // A clock that jumps makes every pause pass at once.
        let jumps = self.plan.faults.client_clock.is_some() || self.plan.faults.sleep.is_some();
        if opens > bound + excused && !jumps {
            self.fail(
                Check::Storm,
                format!("client {client} opened {opens} sockets within 10 s"),
            );
        }
        let offline = self.clients[client].offline;
        if in_vain > backoff.max_attempts.saturating_add(3) && !jumps && !offline {
            self.fail(
                Check::Storm,
                format!("client {client} tries for ever: {in_vain} times"),
            );
        }
    }

    /// Those who lose their server at once do not come back at once.
    fn check_spread(&mut self, client: usize, retry_at: f64) {
        if self.clients[client].plan.options.reconnect.jitter == Jitter::None {
            return;
        }
        let now = self.now;
        self.waits.retain(|(at, ..)| *at == now);
        let retry_at = (retry_at - self.clients[client].clock_offset as f64).to_bits();
        let together = |wait: &&(u64, usize, u64)| wait.1 != client && wait.2 == retry_at;
        if self.waits.iter().any(|wait| together(&wait)) {
            self.fail(
                Check::Storm,
                format!("client {client} comes back at the same time as another"),
            );
        }
        self.waits.push((now, client, retry_at));
    }
}

/// The fields of a message that decide.
#[derive(Default)]
struct Known<'a> {
    execution: Option<usize>,
    features: Option<&'a str>,
    epoch: Option<&'a str>,
    recovered: Option<bool>,
    head: u64,
    heads: &'a str,
    id: u64,
    seq: u64,
    timestamp: u64,
    ack: bool,
    event_id: Option<&'a str>,
    message_id: Option<&'a str>,
    forbidden: bool,
}

impl<'a> Known<'a> {
    fn take(&mut self, key: &str, value: &'a str) {
        match key {
            "executionId" => self.execution = execution_of(value),
            "features" => self.features = Some(value),
            "epoch" => self.epoch = string(value),
            "recovered" => self.recovered = Some(value == "true"),
            "head" => self.head = integer(value),
            "heads" => self.heads = value,
            "id" => self.id = integer(value),
            "seq" => self.seq = integer(value),
            "timestamp" => self.timestamp = integer(value),
            "ack" => self.ack = value == "true",
            "eventId" => self.event_id = string(value),
            "messageId" => self.message_id = string(value),
            "code" => self.forbidden = string(value) == Some("forbidden"),
            _ => {}
        }
    }

    /// The number of one of this client's messages.
    fn number(&self, client: usize) -> Option<SendId> {
        let (owner, number) = self.message_id?.strip_prefix('c')?.split_once('.')?;
        (owner.parse() == Ok(client))
            .then(|| number.parse().ok().map(SendId))
            .flatten()
    }
}
