use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use flowmaestro_protocol::{
    ErrorCode, Feature, Features, Room, ServerError, ServerMessage, close_code,
};

use crate::batch::{Added, Batch};
use crate::context::Context;
use crate::event_text::EventText;
use crate::outbox::Outbox;
use crate::pace::Pace;
use crate::replay::{Again, Replay};
use crate::subscription::{Progress, Subscription};
use crate::timers::Timer;
use crate::{Close, ConnectionId, Effect, Identity, Millis};

pub(crate) const TOO_SLOW: Close = Close {
    code: close_code::TOO_SLOW,
    reason: "Too slow",
    discard: true,
};

const TOO_MANY_MESSAGES: Close = Close {
    code: close_code::TRY_AGAIN_LATER,
    reason: "Too many messages",
    discard: false,
};

/// How long after the end of its token a connection may still be sent something, in ms.
const EXPIRY_LEEWAY_MS: u64 = 5_000;

/// Who has taken nothing for this long while frames waited has stopped reading, in ms.
const STALLED_MS: u64 = 1_000;

/// The time within which too many invalid messages close the connection, in ms.
const INVALID_WINDOW_MS: u64 = 10_000;

/// One socket, as long as it is open.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) id: ConnectionId,
    pub(crate) identity: Identity,
    /// Whether the client understands `error` frames: it said hello.
    pub(crate) wants_errors: bool,
    pub(crate) features: Features,
    pub(crate) subscriptions: BTreeMap<Arc<str>, Subscription>,
    pub(crate) rooms: BTreeSet<Room>,
    /// The critical events that are to be sent again, before anything else from the history.
    pub(crate) again: VecDeque<Again>,
    pub(crate) replays: VecDeque<Replay>,
    /// The subscriptions that are not live.
    pub(crate) catching_up: BTreeSet<Arc<str>>,
    pub(crate) pace: Pace,
    /// When the client was last heard of.
    pub(crate) heard_at: Millis,
    outbox: Outbox,
    /// When frames were last taken, or began to wait.
    taken_at: Millis,
    batch: Batch,
    invalid: VecDeque<Millis>,
    closing: bool,
}

impl Connection {
    pub(crate) fn new(id: ConnectionId, identity: Identity, cx: &Context) -> Self {
        Self {
            id,
            identity,
            wants_errors: false,
            features: Features::NONE,
            subscriptions: BTreeMap::new(),
            rooms: BTreeSet::new(),
            again: VecDeque::new(),
            replays: VecDeque::new(),
            catching_up: BTreeSet::new(),
            pace: Pace::new(cx.now, &cx.config),
            heard_at: cx.now,
            outbox: Outbox::default(),
            taken_at: Millis(0),
            batch: Batch::default(),
            invalid: VecDeque::new(),
            closing: false,
        }
    }

    pub(crate) fn has(&self, feature: Feature) -> bool {
        self.features.contains(feature)
    }

    /// Whether it gets events with the hub's fields: it negotiated something.
    pub(crate) fn is_numbered(&self) -> bool {
        !self.features.is_empty()
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing
    }

    /// Sends a message that is no event, after the events that wait.
    pub(crate) fn send(&mut self, cx: &mut Context, message: &ServerMessage) {
        self.send_text(cx, message.encode().into());
    }

    /// Sends the text of a message that is no event, after the events that wait.
    pub(crate) fn send_text(&mut self, cx: &mut Context, text: Arc<str>) {
        self.flush(cx);
        self.push(cx, text);
    }

    /// Sends an event, or lets it wait for others, and says whether the client will get it.
    pub(crate) fn send_event(&mut self, cx: &mut Context, text: Arc<str>) -> bool {
        if self.has(Feature::Ack) {
            self.pace.owe_ack(&cx.config);
        }
        if !self.has(Feature::Batch) {
            self.push(cx, text);
            return !self.closing;
        }
        match self.batch.add(cx.now, text, &cx.config) {
            Added::Alone(text) => self.push(cx, text),
            Added::Gathered { until } => cx.timers.set_once(until, Timer::Batch(self.id)),
            Added::Full if planted!(FullBatchLost) => self.batch = Batch::default(),
            Added::Full => self.flush(cx),
        }
        !self.closing
    }

    /// Sends the events that wait for others.
    pub(crate) fn flush(&mut self, cx: &mut Context) {
        if let Some(text) = self.batch.take(cx.now, &cx.config) {
            cx.timers.cancel(&Timer::Batch(self.id));
            self.push(cx, text);
        }
    }

    /// Sends an event of an execution that the connection is subscribed to, at once or when its turn
    /// comes, and says whether the client will get it. `first` is the oldest event in the history.
    pub(crate) fn deliver(
        &mut self,
        cx: &mut Context,
        execution_id: &Arc<str>,
        event: &EventText,
        first: u64,
    ) -> bool {
        if !self.is_numbered() {
            return self.send_event(cx, Arc::clone(event.baseline()));
        }
        let Some(subscription) = self.subscriptions.get(execution_id) else {
            return self.send_event(cx, Arc::clone(&event.numbered));
        };
        match subscription.progress {
            Progress::CatchingUp { next } if next < first => {
                self.close_too_slow(cx);
                false
            }
            Progress::CatchingUp { .. } => true,
            Progress::Live if self.is_behind() || !self.takes(cx, event.numbered.len()) => {
                self.catch_up(execution_id, event.seq);
                true
            }
            Progress::Live => self.send_event(cx, Arc::clone(&event.numbered)),
        }
    }

    /// Lets a subscription read from the history, from a `seq` on.
    pub(crate) fn catch_up(&mut self, execution_id: &Arc<str>, next: u64) {
        if let Some(subscription) = self.subscriptions.get_mut(execution_id) {
            subscription.progress = Progress::CatchingUp { next };
            self.catching_up.insert(Arc::clone(execution_id));
        }
    }

    /// Whether at most half of the queue is taken.
    pub(crate) fn has_room(&self, cx: &Context) -> bool {
        self.closing
            || self.outbox.frames() <= cx.config.queue_frames / 2
                && self.queued_bytes() <= cx.config.queue_bytes / 2
    }

    /// Whether an event of this size can be sent without danger to the connection.
    pub(crate) fn takes(&self, cx: &Context, bytes: usize) -> bool {
        let is_idle = self.outbox.is_empty() && self.batch.is_empty();
        is_idle || self.has_room(cx) && self.queued_bytes() + bytes < cx.config.queue_bytes
    }

    /// Whether the socket has taken something of late, or nothing waits for it.
    pub(crate) fn has_read_lately(&self, now: Millis) -> bool {
        self.outbox.is_empty() || now.since(self.taken_at) < STALLED_MS
    }

    pub(crate) fn written(&mut self, now: Millis, frames: usize) {
        self.taken_at = now;
        if !planted!(WrittenForgotten) {
            self.outbox.written(frames);
        }
    }

    pub(crate) fn queued_bytes(&self) -> usize {
        self.outbox.bytes() + self.batch.bytes()
    }

    /// Ends a subscription, whatever was still to come of the execution, and says whether it was
    /// held.
    pub(crate) fn unsubscribe(&mut self, execution_id: &str) -> bool {
        self.replays
            .retain(|replay| &*replay.execution_id != execution_id);
        self.stop_subscription(execution_id)
    }

    /// Ends a subscription, perhaps to begin it anew.
    pub(crate) fn stop_subscription(&mut self, execution_id: &str) -> bool {
        self.catching_up.remove(execution_id);
        self.again
            .retain(|again| &*again.execution_id != execution_id);
        self.subscriptions.remove(execution_id).is_some()
    }

    /// Tells the client why its message was refused, if it understands.
    pub(crate) fn refuse(&mut self, cx: &mut Context, error: ServerError) {
        if self.wants_errors {
            self.send(cx, &ServerMessage::Error(error));
        }
    }

    /// Counts an invalid message. Too many of them close the connection.
    pub(crate) fn on_invalid(&mut self, cx: &mut Context, reason: &str) {
        cx.counters.invalid_messages += 1;
        self.refuse(cx, ServerError::new(ErrorCode::InvalidMessage, reason));
        let is_old = |at: &Millis| cx.now.since(*at) > INVALID_WINDOW_MS;
        while self.invalid.front().is_some_and(is_old) {
            self.invalid.pop_front();
        }
        self.invalid.push_back(cx.now);
        if self.invalid.len() >= cx.config.max_invalid_messages {
            cx.counters.too_many_invalid_messages += 1;
            let close = Close {
                code: close_code::POLICY,
                reason: "Too many invalid messages",
                discard: false,
            };
            self.close(cx, close);
        }
    }

    /// Counts a message, and says whether to act on it: a flood closes the connection.
    pub(crate) fn hears(&mut self, cx: &mut Context, is_ack: bool) -> bool {
        self.heard_at = cx.now;
        if is_ack {
            self.pace.take_ack(cx.now, &cx.config);
        } else {
            self.pace.take(cx.now, &cx.config);
        }
        if !self.pace.is_flood(&cx.config) {
            return true;
        }
        cx.counters.too_many_messages += 1;
        let message = "Too many messages: send fewer, or wait for the answers";
        self.refuse(cx, ServerError::new(ErrorCode::RateLimited, message));
        self.close(cx, TOO_MANY_MESSAGES);
        false
    }

    pub(crate) fn on_too_large(&mut self, cx: &mut Context) {
        cx.counters.too_large += 1;
        let max = cx.config.max_message_bytes;
        let message = format!("The message is larger than {max} bytes");
        self.refuse(cx, ServerError::new(ErrorCode::TooLarge, message));
        let close = Close {
            code: close_code::TOO_LARGE,
            reason: "Message too large",
            discard: false,
        };
        self.close(cx, close);
    }

    pub(crate) fn close_too_slow(&mut self, cx: &mut Context) {
        cx.counters.slow_consumers += u64::from(!self.closing);
        self.close(cx, TOO_SLOW);
    }

    /// Closes the connection, once.
    pub(crate) fn close(&mut self, cx: &mut Context, close: Close) {
        if !close.discard {
            self.flush(cx);
        }
        if self.closing {
            return;
        }
        self.closing = true;
        self.batch = Batch::default();
        let connection = self.id;
        cx.effects.push_back(Effect::Close { connection, close });
        cx.closed.push(connection);
    }

    /// Whether something older than the newest event is still to be sent.
    fn is_behind(&self) -> bool {
        !self.again.is_empty() || !self.replays.is_empty()
    }

    fn push(&mut self, cx: &mut Context, text: Arc<str>) {
        // A clock that jumps makes the end of the token due together with what is sent before it.
        let has_ended = cx.now > self.identity.expires_at.plus(EXPIRY_LEEWAY_MS);
        if self.closing || has_ended && !planted!(ExpiryIgnored) {
            return;
        }
        if self.outbox.is_empty() {
            self.taken_at = cx.now;
        }
        if !self.outbox.push(text.len(), &cx.config) {
            return self.close_too_slow(cx);
        }
        let compress = self.has(Feature::Gzip) && text.len() >= cx.config.compress_bytes;
        cx.effects.push_back(Effect::Send {
            connection: self.id,
            text,
            compress,
        });
    }
}
