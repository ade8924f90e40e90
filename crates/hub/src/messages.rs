use std::sync::Arc;

use flowmaestro_protocol::{
    ClientMessage, ErrorCode, Feature, Features, Json, Number, Position, Room, Secret, ServerError,
    ServerMessage, Subscribe, Subscribed, UserInputMessage, UserInputResponse,
};

use crate::acknowledgement::CriticalEvent;
use crate::connection::Connection;
use crate::hub::Hub;
use crate::replay::{Again, Replay};
use crate::subscription::{Presence, Progress, Start, Subscription};
use crate::timers::Timer;
use crate::{ConnectionId, Effect, History, Identity, Millis};

const FORBIDDEN: &str = "The execution does not exist, or belongs to someone else";
const ROOM_FORBIDDEN: &str = "The room does not exist, or is closed to you";
const TOKEN_FORBIDDEN: &str = "The token is not valid, or belongs to someone else";
const TOO_MANY_SUBSCRIPTIONS: &str =
    "The connection has as many subscriptions as it may: unsubscribe from some first";
const TOO_MANY_REPLAYS: &str = "As many replays wait as may: ask again when one has ended";

impl<H: History> Hub<H> {
    /// A text frame has come. Before the next one is read, [`pause_ms`](Self::pause_ms) and
    /// [`has_room`](Self::has_room) are to be asked.
    pub fn receive(&mut self, now: Millis, id: ConnectionId, text: &str) {
        self.advance(now);
        if let Some(connection) = self.connections.get_mut(&id)
            && !connection.is_closing()
        {
            if text.len() > self.cx.config.max_message_bytes {
                connection.on_too_large(&mut self.cx);
            } else {
                self.on_text(id, text);
            }
        }
        self.finish();
    }

    /// How long whoever reads the socket waits before the next message, in ms: a client sends no
    /// faster than [`Config::messages_per_second`](crate::Config::messages_per_second), save for a
    /// burst.
    pub fn pause_ms(&mut self, now: Millis, id: ConnectionId) -> u64 {
        let connection = self.connections.get_mut(&id);
        let open = connection.filter(|connection| !connection.is_closing());
        open.map_or(0, |connection| {
            connection.pace.pause_ms(now, &self.cx.config)
        })
    }

    /// A binary frame of so many bytes has come. Whatever it holds, it is no message of the protocol.
    pub fn receive_binary(&mut self, now: Millis, id: ConnectionId, bytes: usize) {
        self.advance(now);
        if let Some(connection) = self.connections.get_mut(&id)
            && !connection.is_closing()
        {
            if bytes > self.cx.config.max_message_bytes {
                connection.on_too_large(&mut self.cx);
            } else if connection.hears(&mut self.cx, false) {
                connection.on_invalid(&mut self.cx, "messages are text frames");
            }
        }
        self.finish();
    }

    /// The answer to [`Effect::VerifyToken`]: who the token belongs to, `None` if it is not valid.
    pub fn token_verified(&mut self, now: Millis, id: ConnectionId, identity: Option<Identity>) {
        self.advance(now);
        if let Some(connection) = self.connections.get_mut(&id)
            && !connection.is_closing()
        {
            let old = &connection.identity;
            match identity {
                Some(new)
                    if new.user_id == old.user_id
                        && new.expires_at.plus(self.cx.config.token_leeway_ms) > now =>
                {
                    let expires_at = new.expires_at.into();
                    connection.identity = new;
                    let authenticated = ServerMessage::Authenticated { expires_at };
                    connection.send(&mut self.cx, &authenticated);
                    self.watch_renewed_expiry(id);
                }
                _ => {
                    self.cx.counters.forbidden += 1;
                    let error = ServerError::new(ErrorCode::Forbidden, TOKEN_FORBIDDEN);
                    connection.refuse(&mut self.cx, error);
                }
            }
        }
        self.finish();
    }

    /// Says that the token ends soon.
    pub(crate) fn announce_expiry(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(&id) {
            let expires_at = connection.identity.expires_at.into();
            connection.send(&mut self.cx, &ServerMessage::AuthExpiring { expires_at });
        }
    }

    fn on_text(&mut self, id: ConnectionId, text: &str) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let message = ClientMessage::decode(text);
        let is_ack = matches!(message, Ok(ClientMessage::Ack { .. }));
        if !connection.hears(&mut self.cx, is_ack) {
            return;
        }
        match message {
            Ok(message) => self.on_message(id, message),
            Err(error) => connection.on_invalid(&mut self.cx, &error.to_string()),
        }
    }

    fn on_message(&mut self, id: ConnectionId, message: ClientMessage) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let needed = feature_of(&message);
        if needed.is_some_and(|feature| !connection.has(feature)) {
            let reason = "a feature that is not switched on";
            return connection.on_invalid(&mut self.cx, reason);
        }
        match message {
            ClientMessage::Hello { features } => self.on_hello(id, Features::from_names(features)),
            ClientMessage::Subscribe(subscribe) => self.on_subscribe(id, &subscribe),
            ClientMessage::Unsubscribe { execution_id } => self.on_unsubscribe(id, execution_id),
            ClientMessage::SubscribeRoom { room } => self.on_subscribe_room(id, room),
            ClientMessage::UnsubscribeRoom { room } => self.on_unsubscribe_room(id, room),
            ClientMessage::Replay {
                execution_id,
                since,
            } => self.on_replay(id, &execution_id, since),
            ClientMessage::Ack { event_id } => self.on_ack(id, &event_id),
            ClientMessage::Ping { id: number } => self.on_ping(id, number),
            ClientMessage::Auth { token } => self.on_auth(id, token),
            ClientMessage::UserInputResponse(message) => self.on_user_input(id, message),
        }
    }

    /// A feature stays on until the connection ends.
    fn on_hello(&mut self, id: ConnectionId, features: Features) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let features = features.intersection(self.cx.config.features);
        let had_auth = connection.has(Feature::Auth);
        connection.wants_errors = true;
        connection.features = connection.features.iter().chain(features.iter()).collect();
        if connection.has(Feature::Auth) && !had_auth {
            self.watch_expiry(id);
        }
    }

    fn on_subscribe(&mut self, id: ConnectionId, subscribe: &Subscribe) {
        let Some(connection) = self.connections.get(&id) else {
            return;
        };
        let Some(execution_id) = self.visible(&connection.identity, &subscribe.execution_id) else {
            return self.forbid(id, &subscribe.execution_id, None);
        };
        let is_new = !connection.subscriptions.contains_key(&execution_id);
        if is_new && self.is_full(connection) {
            let execution_id = Some(subscribe.execution_id.clone());
            return self.refuse_subscription(id, execution_id, None);
        }
        let user_id = Arc::clone(&connection.identity.user_id);
        if is_new {
            self.by_execution.add(Arc::clone(&execution_id), id);
            self.viewers.add(self.cx.now, &execution_id, &user_id);
            self.viewers_changed(&execution_id);
        }
        self.start_subscription(id, &execution_id, subscribe);
        self.pump(id);
    }

    /// Answers a subscription that was granted, and lets it begin.
    fn start_subscription(
        &mut self,
        id: ConnectionId,
        execution_id: &Arc<str>,
        subscribe: &Subscribe,
    ) {
        let Some(connection) = self.connections.get(&id) else {
            return;
        };
        let start = self.start(connection, execution_id, subscribe);
        let answer = self.subscribed(connection, execution_id, start);
        let again = self.unacknowledged(connection, |event| {
            event.execution_id == *execution_id && event.seq < start.next
        });
        let viewers = (subscribe.presence && connection.has(Feature::Presence))
            .then(|| self.viewers.message(execution_id));
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        connection.send(&mut self.cx, &answer);
        if let Some(viewers) = &viewers {
            connection.send_text(&mut self.cx, Arc::clone(viewers));
        }
        connection.stop_subscription(execution_id);
        let subscription = Subscription {
            progress: Progress::Live,
            presence: viewers.map_or(Presence::Unwanted, Presence::Told),
        };
        connection
            .subscriptions
            .insert(Arc::clone(execution_id), subscription);
        connection.again.extend(again);
        if connection.is_numbered() {
            connection.catch_up(execution_id, start.next);
        }
        if connection.has(Feature::Replay) {
            self.cx.counters.recovered += u64::from(start.recovered);
            self.cx.counters.unrecovered += u64::from(!start.recovered);
        }
    }

    /// From where on a subscription gets events; without the feature, from now on.
    fn start(&self, connection: &Connection, execution_id: &str, subscribe: &Subscribe) -> Start {
        let first = self.history.first(execution_id);
        let head = self.history.head(execution_id);
        let start = Start::new(subscribe, self.history.epoch(), first, head);
        if connection.has(Feature::Replay) {
            return start;
        }
        Start {
            next: head + 1,
            recovered: start.recovered && start.next > head,
        }
    }

    fn subscribed(
        &self,
        connection: &Connection,
        execution_id: &str,
        start: Start,
    ) -> ServerMessage {
        let position = connection.is_numbered().then(|| Position {
            epoch: self.history.epoch().to_owned(),
            head: self.history.head(execution_id),
            recovered: start.recovered || planted!(AlwaysRecovered),
        });
        ServerMessage::Subscribed(Subscribed {
            execution_id: execution_id.to_owned(),
            position,
        })
    }

    fn on_unsubscribe(&mut self, id: ConnectionId, execution_id: String) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let user_id = Arc::clone(&connection.identity.user_id);
        let was_subscribed = connection.unsubscribe(&execution_id);
        let shared_id: Arc<str> = execution_id.as_str().into();
        let answer = ServerMessage::Unsubscribed { execution_id };
        connection.send(&mut self.cx, &answer);
        if was_subscribed {
            self.on_unsubscribed(id, &user_id, &shared_id);
        }
        self.pump(id);
    }

    fn on_subscribe_room(&mut self, id: ConnectionId, room: Room) {
        let Some(connection) = self.connections.get(&id) else {
            return;
        };
        let is_new = !connection.rooms.contains(&room);
        if !self.authorizer.may_join(&connection.identity, &room) {
            self.cx.counters.forbidden += 1;
            let error = ServerError {
                room: Some(room),
                ..ServerError::new(ErrorCode::Forbidden, ROOM_FORBIDDEN)
            };
            return self.refuse(id, error);
        }
        if is_new && self.is_full(connection) {
            return self.refuse_subscription(id, None, Some(room));
        }
        self.by_room.add(room.clone(), id);
        let again = self.unacknowledged(connection, |event| {
            self.is_in_room(connection, &room, &event.execution_id)
        });
        if let Some(connection) = self.connections.get_mut(&id) {
            let answer = ServerMessage::SubscribedRoom { room: room.clone() };
            connection.send(&mut self.cx, &answer);
            connection.rooms.insert(room);
            connection.again.extend(again);
        }
        self.pump(id);
    }

    fn on_unsubscribe_room(&mut self, id: ConnectionId, room: Room) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        connection.rooms.remove(&room);
        self.by_room.remove(&room, id);
        connection.send(&mut self.cx, &ServerMessage::UnsubscribedRoom { room });
    }

    fn on_replay(&mut self, id: ConnectionId, execution_id: &str, since: Number) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let visible = self
            .executions
            .get(execution_id)
            .filter(|execution| self.authorizer.may_see(&connection.identity, execution));
        let Some(execution) = visible else {
            return self.forbid(id, execution_id, None);
        };
        if connection.replays.len() >= self.cx.config.max_replays {
            self.cx.counters.too_many_replays += 1;
            let error = ServerError {
                execution_id: Some(execution_id.to_owned()),
                ..ServerError::new(ErrorCode::RateLimited, TOO_MANY_REPLAYS)
            };
            return self.refuse(id, error);
        }
        match Replay::new(&self.history, execution.shared_id(), since) {
            Ok(replay) => connection.replays.push_back(replay),
            Err(_) => connection.on_history_error(&mut self.cx),
        }
        self.pump(id);
    }

    fn on_ping(&mut self, id: ConnectionId, number: u64) {
        let Some(connection) = self.connections.get(&id) else {
            return;
        };
        let heads = connection
            .subscriptions
            .iter()
            .filter(|(execution_id, _)| self.visible(&connection.identity, execution_id).is_some())
            .map(|(execution_id, subscription)| {
                // What has not been sent yet is not lost.
                let head = match subscription.progress {
                    Progress::Live => self.history.head(execution_id),
                    Progress::CatchingUp { next } => next - 1,
                };
                (execution_id.to_string(), head)
            })
            .collect();
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.send(&mut self.cx, &ServerMessage::Pong { id: number, heads });
        }
    }

    fn on_ack(&mut self, id: ConnectionId, event_id: &str) {
        let Some(connection) = self.connections.get(&id) else {
            return;
        };
        let user_id = &connection.identity.user_id;
        if let Some(event) = self.unacknowledged.acknowledge(user_id, event_id) {
            let execution = self.executions.get(&event.execution_id);
            if execution.is_some_and(|execution| execution.owner().user_id() == &**user_id) {
                self.history.acknowledge(&event.execution_id, event.seq);
            }
        }
    }

    fn on_auth(&mut self, id: ConnectionId, token: Secret) {
        let connection = id;
        self.cx
            .effects
            .push_back(Effect::VerifyToken { connection, token });
    }

    /// Hands an answer to the backends, once.
    fn on_user_input(&mut self, id: ConnectionId, message: UserInputMessage) {
        let Some(connection) = self.connections.get(&id) else {
            return;
        };
        let response = message.response;
        let message_id = message.message_id.filter(|_| connection.has(Feature::Ack));
        let may_answer = self.visible(&connection.identity, &response.execution_id);
        if may_answer.is_none() {
            return self.forbid(id, &response.execution_id, message_id);
        }
        let user_id = Arc::clone(&connection.identity.user_id);
        let Some(message_id) = message_id else {
            return self.hand_over(user_id, response);
        };
        let repeated = self.message_ids.contains(&user_id, &message_id);
        if repeated && !planted!(RepeatedMessageActedOn) {
            self.cx.counters.repeated_messages += 1;
        } else {
            self.remember_message(&user_id, &message_id);
            self.hand_over(user_id, response);
        }
        let connection = self.connections.get_mut(&id);
        if let Some(connection) = connection.filter(|_| !planted!(MessageNotAcknowledged)) {
            connection.send(&mut self.cx, &ServerMessage::Ack { message_id });
        }
    }

    /// `userId` is who the token says it is, whatever the client wrote there.
    fn hand_over(&mut self, user_id: Arc<str>, mut response: UserInputResponse) {
        response.extra.shift_remove("userId");
        let named = Json::from_serialize(&*user_id).map(|id| ("userId".to_owned(), id));
        response.extra.extend(named);
        let response = Box::new(response);
        self.cx
            .effects
            .push_back(Effect::UserInput { user_id, response });
    }

    fn remember_message(&mut self, user_id: &Arc<str>, message_id: &str) {
        let now = self.cx.now;
        self.message_ids
            .add(now, user_id, message_id, &self.cx.config);
        let at = now.plus(self.cx.config.message_id_retention_ms);
        let timer = Timer::MessageIds(Arc::clone(user_id));
        self.cx.timers.set_once(at, timer);
    }

    /// Follows the end of the connection's token, and announces it as soon as that is due.
    pub(crate) fn watch_expiry(&mut self, id: ConnectionId) {
        self.watch_expiry_from(id, self.cx.now);
    }

    /// Follows the end of a token that has just replaced another. One that does not last as long as
    /// the notice has half of its life first, or its successor would be asked for at once, and so on
    /// for ever.
    fn watch_renewed_expiry(&mut self, id: ConnectionId) {
        let now = self.cx.now;
        let connection = self.connections.get(&id);
        let lasts = connection.map_or(0, |connection| connection.identity.expires_at.since(now));
        self.watch_expiry_from(id, now.plus(lasts / 2));
    }

    fn watch_expiry_from(&mut self, id: ConnectionId, earliest: Millis) {
        let Some(connection) = self.connections.get(&id) else {
            return;
        };
        let expires_at = connection.identity.expires_at;
        let ends = expires_at.plus(self.cx.config.token_leeway_ms);
        self.cx.timers.set(ends, Timer::Expired(id));
        if connection.has(Feature::Auth) {
            let notice = expires_at.minus(self.cx.config.expiry_notice_ms);
            let at = notice.max(earliest);
            self.cx.timers.set(at, Timer::Expiring(id));
        }
    }

    /// The events of some kind that the connection's user has not acknowledged, if it can.
    fn unacknowledged(
        &self,
        connection: &Connection,
        is_wanted: impl Fn(&CriticalEvent) -> bool,
    ) -> Vec<Again> {
        if !connection.has(Feature::Ack) {
            return Vec::new();
        }
        let user_id = &connection.identity.user_id;
        let events = self.unacknowledged.of_user(user_id);
        let wanted = events.filter(|event| is_wanted(event));
        wanted
            .map(|event| Again {
                execution_id: Arc::clone(&event.execution_id),
                text: Arc::clone(&event.text),
            })
            .collect()
    }

    /// Whether the connection gets the events of an execution through a room.
    fn is_in_room(&self, connection: &Connection, room: &Room, execution_id: &str) -> bool {
        let execution = self.executions.get(execution_id);
        execution.is_some_and(|execution| {
            execution.rooms().contains(room)
                && self.authorizer.may_see(&connection.identity, execution)
        })
    }

    fn is_full(&self, connection: &Connection) -> bool {
        let held = connection.subscriptions.len() + connection.rooms.len();
        held >= self.cx.config.max_subscriptions
    }

    fn refuse_subscription(
        &mut self,
        id: ConnectionId,
        execution_id: Option<String>,
        room: Option<Room>,
    ) {
        self.cx.counters.too_many_subscriptions += 1;
        let error = ServerError {
            execution_id,
            room,
            ..ServerError::new(ErrorCode::TooManySubscriptions, TOO_MANY_SUBSCRIPTIONS)
        };
        self.refuse(id, error);
    }

    /// The same answer for another user's execution and for one that does not exist.
    fn forbid(&mut self, id: ConnectionId, execution_id: &str, message_id: Option<String>) {
        self.cx.counters.forbidden += 1;
        let code = match self.executions.get(execution_id) {
            Some(_) if planted!(TellsWhatExists) => ErrorCode::NotFound,
            _ => ErrorCode::Forbidden,
        };
        let error = ServerError {
            execution_id: Some(execution_id.to_owned()),
            message_id,
            ..ServerError::new(code, FORBIDDEN)
        };
        self.refuse(id, error);
    }

    fn refuse(&mut self, id: ConnectionId, error: ServerError) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.refuse(&mut self.cx, error);
        }
    }
}

/// The feature that a message belongs to.
fn feature_of(message: &ClientMessage) -> Option<Feature> {
    match message {
        ClientMessage::Hello { .. }
        | ClientMessage::Subscribe(_)
        | ClientMessage::Unsubscribe { .. }
        | ClientMessage::UserInputResponse(_) => None,
        ClientMessage::SubscribeRoom { .. } | ClientMessage::UnsubscribeRoom { .. } => {
            Some(Feature::Rooms)
        }
        ClientMessage::Replay { .. } => Some(Feature::Replay),
        ClientMessage::Ack { .. } => Some(Feature::Ack),
        ClientMessage::Ping { .. } => Some(Feature::Ping),
        ClientMessage::Auth { .. } => Some(Feature::Auth),
    }
}
